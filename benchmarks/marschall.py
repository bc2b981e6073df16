"""The Add task of Marschall, Cho & Savin (2020): algorithms ranked by what they learn online.

A stream of random bits x, one a step; the target is the probability
0.5 + 0.5 x(t - 6) - 0.25 x(t - 10). The network has 32 tanh units, orthogonal recurrent weights at
the start, and learns by plain gradient descent with an update at every step, 10^6 steps long. Who
knows no dependency has a cross entropy of 0.6616, with the one on x(t - 6) 0.5192, with both
0.4544. Settings as in the authors' programs (github.com/omarschall/vanilla-rtrl), where the error
of RFLO comes back through the read-out's own weights and BPTT goes 10 steps back.
"""

import argparse
import functools

import brainpy as bp
import numpy as np
from common import header
from scipy.special import xlogy

import bp_rnn

UNITS, FIRST, SECOND, PIECES = 32, 6, 10, 10


def stream(seed, steps):
    """Return inputs and targets ``(steps, 2)``, each with its complement."""
    bits = np.random.default_rng(seed).integers(0, 2, steps + SECOND).astype(np.float32)
    x = bits[SECOND:]
    y = 0.5 + 0.5 * bits[SECOND - FIRST : -FIRST] - 0.25 * bits[:-SECOND]
    return np.stack([x, 1 - x], -1), np.stack([y, 1 - y], -1)


def level(*delays):
    """Return the cross entropy of who knows the dependencies at ``delays``."""
    first, second = np.meshgrid([0.0, 1.0], [0.0, 1.0])
    first, second = first.ravel(), second.ravel()
    truth = 0.5 + 0.5 * first - 0.25 * second
    known = np.where(FIRST in delays, first, 0.5), np.where(SECOND in delays, second, 0.5)
    guess = 0.5 + 0.5 * known[0] - 0.25 * known[1]
    return -np.mean(xlogy(truth, guess) + xlogy(1 - truth, 1 - guess))


def network(seed):
    w = bp.init.Orthogonal(seed=seed)
    return bp_rnn.VanillaRNN(2, UNITS, w=w, num_out=2, key=seed)


def readout_only(cell, _):
    bp_rnn.constrain(cell, **{name: [bp_rnn.Fixed()] for name in cell.param_names})
    return bp_rnn.EProp(cell)


#: Algorithm -> what makes it of a cell and a seed. RTRL and BlockRTRL give the same numbers.
ALGORITHMS = {
    "RTRL": lambda cell, _: bp_rnn.RTRL(cell),
    "BPTT, 10 steps": lambda cell, _: bp_rnn.BPTT(cell, truncation=10),
    "KF-RTRL": lambda cell, key: bp_rnn.KFRTRL(cell, key=key),
    "UORO": lambda cell, key: bp_rnn.UORO(cell, key=key),
    "SnAp-1": lambda cell, _: bp_rnn.SnAp(cell),
    "RFLO, w_out back (= e-prop)": lambda cell, _: bp_rnn.RFLO(cell, feedback="exact"),
    "RFLO, random weights back": lambda cell, key: bp_rnn.RFLO(cell, key=key),
    "read-out alone": readout_only,
}
#: Kinds by which the paper's results cluster: exact, random but right on average, local, none.
KIND = {
    "RTRL": 1,
    "BPTT, 10 steps": 1,
    "KF-RTRL": 2,
    "UORO": 2,
    "RFLO, w_out back (= e-prop)": 3,
    "read-out alone": 4,
}


def learn(make, seed, steps, lr):
    """Return the mean loss of each tenth of a stream."""
    x, y = stream(seed, steps)
    trainer = bp_rnn.OnlineTrainer(
        make(network(seed), seed),
        optimizer=bp.optim.SGD(lr=lr),
        loss="cross_entropy_loss",
        progress_bar=False,
    )
    fit = functools.partial(trainer.fit, num_epoch=1, reset_state=False)
    pieces = zip(np.split(x, PIECES), np.split(y, PIECES), strict=True)
    return [float(fit(piece)[0]) for piece in pieces]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1_000_000, help="a multiple of 10")
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--only", nargs="*", default=list(ALGORITHMS))
    options = parser.parse_args()
    print(header(), "\n")
    print(f"levels {level():.4f}, {level(FIRST):.4f}, {level(FIRST, SECOND):.4f}")
    print(f"{options.steps} steps, learning rate {options.lr}\n")
    print("| algorithm | kind | loss of the last tenth, each seed | mean | sd |")
    print("|---|---|---|---|---|")
    means = {}
    for name in options.only:
        losses = [
            learn(ALGORITHMS[name], seed, options.steps, options.lr)[-1]
            for seed in range(options.seeds)
        ]
        means[name] = np.mean(losses)
        each = ", ".join(f"{v:.4f}" for v in losses)
        found = f"{each} | {means[name]:.4f} | {np.std(losses):.4f}"
        print(f"| {name} | {KIND.get(name, '')} | {found} |", flush=True)
    print("\nranking:", " < ".join(sorted(means, key=means.get)))


if __name__ == "__main__":
    main()
