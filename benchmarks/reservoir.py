"""Speed and memory of echo state networks against reservoirpy 0.4.2 and BrainPy.

States of a run, one input, leak 0.3, float32 (reservoirpy in both of its float types and with its
JAX backend; the fastest counts); bp_rnn and a hand-written ``lax.scan`` have the same weights and
are compared before. Recursive least squares, the read-out of a long series, and large networks.
Peers are left out where they are missing.
"""

import argparse
import importlib.util
import resource
import time

import brainpy as bp
import jax
import jax.numpy as jnp
import numpy as np
from common import fastest, header
from scipy.sparse.linalg import eigs

import bp_rnn
from bp_rnn.reservoir import spectral_radius

LEAK = 0.3
#: Units, share of the connections and steps, of a batch of one and of 32.
CASES = [
    (100, 1.0, 10000, 2000),
    (500, 1.0, 5000, 500),
    (500, 0.01, 10000, 1000),
    (2000, 1.0, 1000, 100),
    (2000, 0.01, 2000, 500),
]


def reservoirs(num, density, x):
    """Return the sides of reservoirpy."""
    if not importlib.util.find_spec("reservoirpy"):
        return {}
    from reservoirpy.nodes import Reservoir

    sides = {}
    options = {"lr": LEAK, "sr": 0.9, "rc_connectivity": density, "seed": 0}
    data = x if x.shape[0] > 1 else x[0]
    for dtype in (np.float32, np.float64):
        node = Reservoir(num, dtype=dtype, **options)
        data = data.astype(dtype)
        sides[f"reservoirpy, {np.dtype(dtype).name}"] = lambda n=node, d=data: n.run(
            d, workers=1 if d.ndim == 2 else -1
        )
    from reservoirpy.jax.nodes import Reservoir as JaxReservoir

    theirs, single = JaxReservoir(num, **options), jnp.asarray(data, jnp.float32)
    sides["reservoirpy.jax"] = lambda: theirs.run(single)
    return sides


def by_hand(net, x):
    """Return a scan with the matrix of a network, which gives its states in the same order."""
    params = net.params()
    w, w_in, b = net.matrix(), params["w_in"], params["b"]
    if hasattr(w, "tocoo"):
        from jax.experimental.sparse import BCOO

        w = BCOO.from_scipy_sparse(w)

    @jax.jit
    def run(w, w_in, b, xs):
        def body(h, x):
            pre = (w @ h.T).T + x @ w_in.T + b
            h = (1 - LEAK) * h + LEAK * jnp.tanh(pre)
            return h, h

        xs = xs[0] if len(xs) == 1 else xs.swapaxes(0, 1)
        states = jax.lax.scan(body, jnp.zeros((*xs.shape[1:-1], net.num)), xs)[1]
        return states if states.ndim == 2 else states.swapaxes(0, 1)

    xs = jnp.asarray(x)
    return lambda: run(w, w_in, b, xs)


def harvest(num, density, num_step, batch, rounds):
    x = np.random.default_rng(0).normal(size=(batch, num_step, 1)).astype(np.float32)
    topologies = ["dense"] if density == 1 else ["diagonals", "sparse"]
    sides, given = {}, jnp.asarray(x if batch > 1 else x[0])
    for topology in topologies:
        net = bp_rnn.ESN(1, num, topology=topology, density=density, leak=LEAK, key=0)
        sides[f"bp_rnn, {topology}"] = lambda net=net: net.states(given)
        scan = by_hand(net, x)
        if topology != "diagonals" or density == 1:
            sides["lax.scan"] = scan
        found = np.asarray(scan())
        np.testing.assert_allclose(np.asarray(net.states(given)), found, atol=1e-4)
    sides.update(reservoirs(num, density, x))
    took = fastest(sides, rounds)
    peers = [v for k, v in took.items() if k.startswith("reservoirpy")]
    for name, value in took.items():
        rate = batch * num_step / value
        peer = f"{min(peers) / value:.2f}" if peers else ""
        scan = f"{took['lax.scan'] / value:.2f}"
        print(
            f"| {num} | {density:g} | {batch} | {name} | {rate:,.0f} | {peer} | {scan} |",
            flush=True,
        )


def calls(num, num_step, rounds):
    """A second call of fit and predict against DSRunner, which compiles at each."""
    x, y = (np.asarray(v, np.float32)[:, None] for v in bp_rnn.tasks.narma(0, num_step=num_step))
    net = bp_rnn.ESN(1, num, num_out=1, leak=LEAK)
    runner = bp.DSRunner(net, progress_bar=False)
    took = fastest(
        {
            "ESN.predict": lambda: net.predict(x),
            "ESN.fit": lambda: net.fit(x, y, progress_bar=False).w.value,
            "DSRunner.run": lambda: runner.run(inputs=x, reset_state=True),
        },
        rounds,
    )
    for name, value in took.items():
        print(
            f"| {num} | {num_step} | {name} | {1e3 * value:.1f} "
            f"| {took['DSRunner.run'] / value:.1f} |"
        )


def online(num, num_step, rounds):
    """Recursive least squares, samples a second."""
    rng = np.random.default_rng(0)
    h, y = rng.normal(size=(num_step, num)), rng.normal(size=(num_step, 1))
    mine = bp_rnn.RLS(num, 1)
    hs, ys = jnp.asarray(h, jnp.float32), jnp.asarray(y, jnp.float32)
    start = mine.init()
    sides = {"bp_rnn": lambda: mine._compiled(start, hs, ys)}
    if importlib.util.find_spec("reservoirpy"):
        from reservoirpy.nodes import RLS

        part = num_step // 10
        node = RLS()
        sides["reservoirpy"] = lambda: node.partial_fit(h[:part], y[:part])
    took = fastest(sides, rounds)
    for name, value in took.items():
        rate = (num_step if name == "bp_rnn" else num_step // 10) / value
        print(f"| {num} | {name} | {rate:,.0f} |", flush=True)


def large():
    """Building networks of 10,000 units; the radius against a narrow Arnoldi iteration."""
    for density in (0.01, 0.001):
        began = time.perf_counter()
        net = bp_rnn.ESN(1, 10_000, topology="sparse", density=density)
        built, most = time.perf_counter() - began, peak()
        matrix = net.matrix().astype(float)
        began = time.perf_counter()
        found = spectral_radius(matrix)
        took = time.perf_counter() - began
        right = np.abs(eigs(matrix, k=20, ncv=200, tol=1e-10, return_eigenvectors=False)).max()
        print(
            f"| 10,000 | {density:.1%} | {built:.1f} | {most:.0f} | {took:.2f} "
            f"| {abs(found / right - 1):.0e} |",
            flush=True,
        )


def long():
    """The memory of a fit to 10^6 steps."""
    net = bp_rnn.ESN(1, 200, num_out=1, topology="diagonals", density=0.05)
    x = np.random.default_rng(0).uniform(size=(1_000_000, 1)).astype(np.float32)
    net.fit(x[:20000], x[:20000], progress_bar=False)
    before = peak()
    began = time.perf_counter()
    net.fit(x, x, progress_bar=False)
    print(
        f"| 10^6 steps, 200 units: {time.perf_counter() - began:.1f} s, "
        f"{peak() - before:.0f} MB above a fit to 20,000 |"
    )


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved repeats")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32])
    options = parser.parse_args()
    print(header(), "\n")
    long()
    print("\n| N | density | built, s | peak, MB | radius, s | its error |\n" + "|---" * 6 + "|")
    large()
    print("\n| N | T | a later call | ms | times faster than DSRunner |\n|---|---|---|---|---|")
    for num, num_step in ((100, 1000), (100, 2000), (300, 2000)):
        calls(num, num_step, options.rounds)
    print("\n| N | recursive least squares | samples a second |\n|---|---|---|")
    for num, num_step in ((100, 20000), (500, 2000)):
        online(num, num_step, options.rounds)
    print("\n| N | density | batch | | steps a second | times reservoirpy | times lax.scan |")
    print("|---|---|---|---|---|---|---|")
    for batch in options.batch:
        for num, density, one, many in CASES:
            harvest(num, density, one if batch == 1 else many, batch, options.rounds)


if __name__ == "__main__":
    main()
