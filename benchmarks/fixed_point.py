"""The gradient at a fixed point: what it costs at n = 1000, and digits learnt by it.

A rate network (n = 1000, tanh, 8 inputs, 4 outputs, float32, dt = 0.2 tau) from rest to the
gradient, by products with J alone, by factoring J, and by backpropagation through 200 steps of the
relaxation. Then scikit-learn's 8x8 digits, if it is installed: 1440 to learn and 357 to test;
beta is chosen by 240 of the 1440 beforehand.
"""

import argparse
import functools
import importlib.util
import time

import brainpy as bp
import jax
import jax.numpy as jnp
import numpy as np
from common import fastest, header

import bp_rnn

NUM_IN, NUM, NUM_OUT, DT, STEPS = 8, 1000, 4, 0.2, 200
#: Passes over the digits, what beta is chosen among, and seeds of digits and weights.
EPOCHS, BETAS, SEEDS = 20, (0.05, 0.1, 0.2, 0.5), range(3)


def problem(batch):
    w = bp.init.Normal(0.0, 0.7 / np.sqrt(NUM), seed=0)
    cell = bp_rnn.RateRNN(NUM_IN, NUM, num_out=NUM_OUT, w=w, dt=DT)
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(batch, NUM_IN)), jnp.float32)
    return cell, x, jnp.asarray(rng.normal(size=(batch, NUM_OUT)), jnp.float32)


def through_time(cell, steps=STEPS):
    """Return the gradient of the loss after ``steps`` steps, compiled."""

    def one(params, x, y):
        last = jax.lax.scan(lambda s, _: (cell.step(params, s, x), 0), jnp.zeros(NUM), None, steps)
        return jnp.mean((cell.output(params, last[0]) - y) ** 2)

    def loss(params, xs, ys):
        return jax.vmap(one, (None, 0, 0))(params, xs, ys).mean()

    return jax.jit(jax.grad(loss))


def sides(batch):
    """Return the calls to compare, each with the gradient of the same loss."""
    cell, x, y = problem(batch)
    params, make = cell.params(), functools.partial(bp_rnn.Implicit, cell)
    plain = {"check_stability": False, "tol": 1e-5}
    nets = {
        "BiCGSTAB, Anderson": make(search="anderson", **plain),
        "BiCGSTAB, Anderson, stability checked": make(search="anderson", tol=1e-5),
        "BiCGSTAB, relaxation": make(**plain),
        "GMRES, Anderson": make(solver="gmres", search="anderson", **plain),
        "J factored, Anderson": make(solver="direct", search="anderson", **plain),
    }
    calls = {name: lambda net=net: net._gradient(params, x, y).grads for name, net in nets.items()}
    unrolled = through_time(cell)
    return calls | {f"backpropagation through {STEPS} steps": lambda: unrolled(params, x, y)}


def compare(calls):
    """Refuse to time what does not compute the same."""
    results = {name: run() for name, run in calls.items()}
    right = results.popitem()[1]
    for name, grads in results.items():
        error = max(
            float(jnp.linalg.norm(grads[k] - g) / jnp.linalg.norm(g)) for k, g in right.items()
        )
        assert error < 1e-3, (name, error)


def memory(batch):
    """Return the bytes of intermediate results: of ours, and of backpropagation through time."""
    cell, x, y = problem(batch)
    given = cell.params(), x, y
    found = []
    for steps in (STEPS, 4 * STEPS):
        net = bp_rnn.Implicit(cell, search="anderson", max_iter=steps)
        for run in (net._gradient, through_time(cell, steps)):
            analysis = run.lower(*given).compile().memory_analysis()
            found.append((steps, analysis.temp_size_in_bytes))
    return found[::2], found[1::2]


def cost(rounds):
    print("| batch | gradient by | ms | times BiCGSTAB, Anderson |\n|---|---|---|---|")
    for batch in (1, 16):
        calls = sides(batch)
        compare(calls)
        took = fastest(calls, rounds)
        ours = took["BiCGSTAB, Anderson"]
        for name, value in took.items():
            print(f"| {batch} | {name} | {1e3 * value:.1f} | {value / ours:.1f} |")
    print("\n| steps at most | Implicit, MB | backpropagation through time, MB |\n|---|---|---|")
    for (steps, ours), (_, theirs) in zip(*memory(16), strict=True):
        print(f"| {steps} | {ours / 1e6:.1f} | {theirs / 1e6:.1f} |")


def digits(seed):
    """Return data to learn, to choose beta by, and to test, shuffled by the seed."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(seed).permutation(len(data.target))
    x, y = (data.data / 16)[order], data.target[order]
    return (x[:1200], y[:1200]), (x[1200:1440], y[1200:1440]), (x[1440:], y[1440:])


def learn(seed, algorithm, train, new):
    """Return the share of new digits told right, the seconds, and samples left out at the end."""
    w = bp.init.Normal(0.0, 0.3 / np.sqrt(64), seed=seed)
    cell = bp_rnn.EnergyRNN(64, 64, num_out=10, w=w, dt=0.5, key=seed)
    net = algorithm(cell, loss="cross_entropy_loss", skip_unusable=True)
    rate = bp.optim.CosineAnnealingLR(3e-3, T_max=EPOCHS)
    trainer = bp_rnn.EquilibriumTrainer(
        net, optimizer=bp.optim.Adam(rate), progress_bar=False, key=seed
    )
    began = time.perf_counter()
    trainer.fit(train, num_epoch=EPOCHS, batch_size=40)
    took, left_out = time.perf_counter() - began, int((~trainer.report.usable).sum())
    right = np.argmax(trainer.predict(new[0]), 1) == new[1]
    return float((right & trainer.report.usable).mean()), took, left_out


def choose_beta():
    """Return the beta with which most of 240 digits kept apart are told right, over three seeds."""
    share = {}
    for beta in BETAS:
        algorithm = functools.partial(bp_rnn.EquilibriumPropagation, beta=beta)
        found = [learn(seed, algorithm, *digits(seed)[:2])[0] for seed in SEEDS]
        share[beta] = np.mean(found)
        print(f"beta = {beta}: {100 * share[beta]:.1f} % of the digits kept apart")
    return max(share, key=share.get)


def accuracy():
    algorithms = {
        "equilibrium propagation": functools.partial(
            bp_rnn.EquilibriumPropagation, beta=choose_beta()
        ),
        "implicit": bp_rnn.Implicit,
        "recurrent backpropagation": bp_rnn.RecurrentBackprop,
    }
    print("\n| digits by | seed | new digits told right | seconds | left out at the end |")
    print("|---|---|---|---|---|")
    for name, algorithm in algorithms.items():
        for seed in SEEDS:
            *learnt, test = digits(seed)
            train = tuple(np.concatenate(both) for both in zip(*learnt, strict=True))
            right, took, left_out = learn(seed, algorithm, train, test)
            print(
                f"| {name} | {seed} | {100 * right:.1f} % | {took:.0f} | {left_out} |", flush=True
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved repeats")
    parser.add_argument(
        "--part", choices=["cost", "digits"], help="one of the two; both by default"
    )
    given = parser.parse_args()
    print(header(), "\n")
    if given.part != "digits":
        cost(given.rounds)
    if given.part != "cost" and importlib.util.find_spec("sklearn"):
        accuracy()


if __name__ == "__main__":
    main()
