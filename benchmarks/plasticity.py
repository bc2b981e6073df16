"""784 inputs to 64 units: Oja's subspace rule and Sanger's, sample by sample and in batches.

Sample by sample against loops in NumPy that do the same: matrix-vector products and a rank-one
update in place by BLAS for the subspace rule; for Sanger's a running sum over the units, which is
faster there than the product with a triangular matrix. bp_rnn does several epochs in one call. In
batches against the bare matrix products of a step. float32, and the weights after an epoch are
compared with a NumPy loop in float64. Then scikit-learn's IncrementalPCA where it is installed,
which does something else (a singular value decomposition of every batch): seconds for the same
data and the angle to the true subspace.
"""

import argparse
import functools

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
from common import fastest, header, seconds
from scipy.linalg import blas

import bp_rnn
from bp_rnn import plasticity

NUM_IN, NUM, LR = 784, 64, 1e-3
EPOCHS = 4


def subspace_loop(w, us):
    w = np.array(w.T, order="F")  # BLAS updates in place what is in Fortran's order
    for u in us:
        v = blas.sgemv(1.0, w, u, trans=1)
        rest = blas.sgemv(-1.0, w, v, beta=1.0, y=u)
        w = blas.sger(LR, rest, v, a=w, overwrite_a=1)
    return w.T


def subspace_plain(w, us):
    w, change = w.copy(), np.empty_like(w)
    for u in us:
        v = w @ u
        np.multiply((LR * v)[:, None], u - v @ w, out=change)
        w += change
    return w


def sanger_sum(w, us):
    w, change = w.copy(), np.empty_like(w)
    for u in us:
        v = w @ u
        np.multiply(v[:, None], w, out=change)
        np.cumsum(change, axis=0, out=change)
        np.subtract(u, change, out=change)
        change *= (LR * v)[:, None]
        w += change
    return w


LOOPS = {
    "OjaSubspace": {"NumPy, BLAS in place": subspace_loop, "NumPy": subspace_plain},
    "Sanger": {"NumPy, running sum": sanger_sum},
}


def digits(num_sample):
    """Return inputs with a falling spectrum, as images have it, of mean squared length one."""
    rng = np.random.default_rng(0)
    mix = np.linalg.qr(rng.normal(size=(NUM_IN, NUM_IN)))[0] / np.arange(1, NUM_IN + 1)[:, None]
    u = rng.normal(size=(num_sample, NUM_IN)) @ mix
    return (u / np.sqrt((u**2).sum(1).mean())).astype(np.float32)


def fitting(net, start, us, **options):
    """Return a function that learns ``us`` once from the same start."""

    def run():
        net.w.value = start
        net.fit(us, progress_bar=False, **options)
        return net.w.value

    return run


def online(name, us, rounds):
    net = bp_rnn.PlasticLayer(NUM_IN, NUM, getattr(plasticity, name)(), lr=LR)
    start = net.w.value
    w, exact = np.asarray(start), np.asarray(start, np.float64)
    sides = {"bp_rnn": fitting(net, start, us)}
    for loop, function in LOOPS[name].items():
        sides[loop] = functools.partial(function, w, us)
    reference = (subspace_plain if name == "OjaSubspace" else sanger_sum)(exact, us)
    errors = {k: np.abs(np.asarray(run()) - reference).max() for k, run in sides.items()}
    assert max(errors.values()) < 1e-5, errors
    sides["bp_rnn"] = fitting(net, start, us, num_epoch=EPOCHS)
    found = fastest(sides, rounds)
    found["bp_rnn"] /= EPOCHS
    print(f"\n| {name}, sample by sample | microseconds a sample | times bp_rnn | error |")
    print("|---|---|---|---|")
    for k, value in found.items():
        ratio = value / found["bp_rnn"]
        print(f"| {k} | {1e6 * value / len(us):.1f} | {ratio:.1f} | {errors[k]:.0e} |")


@jax.jit
def products(w, batches):
    """The matrix products of a step, and nothing else."""

    def one(w, u):
        v = u @ w.T
        return v.T @ u + (v.T @ v) @ w, None

    return jax.lax.scan(one, w, batches)[0]


def batched(us, size, rounds):
    sides = {"matrix products": None}
    batches = jnp.asarray(us).reshape(-1, size, NUM_IN)
    for name in LOOPS:
        net = bp_rnn.PlasticLayer(NUM_IN, NUM, getattr(plasticity, name)(), lr=0.1)
        learn = jax.jit(net._network.epoch)
        state = net._read()._replace(v=jnp.zeros((size, NUM)))
        sides[name] = functools.partial(learn, state, batches, net.lr.value)
    sides["matrix products"] = functools.partial(products, net.w.value, batches)
    found = fastest(sides, rounds)
    print(f"\n| batches of {size} | microseconds a sample | times the products |\n|---|---|---|")
    for k, value in found.items():
        print(f"| {k} | {1e6 * value / len(us):.2f} | {value / found['matrix products']:.2f} |")


def peer(us, size):
    try:
        from sklearn.decomposition import IncrementalPCA
    except ImportError:
        return
    vectors = plasticity.principal_components(us).vectors[:8]
    net = bp_rnn.PlasticLayer(NUM_IN, 8, plasticity.Sanger(), lr=1.0)
    other = IncrementalPCA(8, batch_size=size)
    sides = {
        "Sanger, 200 epochs": fitting(net, net.w.value, us, num_epoch=200, batch_size=size),
        "IncrementalPCA, one epoch": lambda: other.fit(us).components_,
    }
    print("\n| eight components | seconds | largest angle of their space to the true one |")
    print("|---|---|---|")
    for k, run in sides.items():
        run()
        took = seconds(run)
        print(f"| {k} | {took:.2f} | {plasticity.subspace_angle(run(), vectors):.2f} degrees |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-sample", type=int, default=8192)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=10, help="interleaved repeats")
    options = parser.parse_args()
    bm.set_float(jnp.float32)
    print(header())
    us = digits(options.num_sample)
    for name in LOOPS:
        online(name, us, options.rounds)
    batched(us, options.batch_size, options.rounds)
    peer(us, options.batch_size)


if __name__ == "__main__":
    main()
