"""A Hopfield network of 5000 units and 500 patterns: storing, an asynchronous sweep, a batch.

Storing against the bare matrix product P^T P, a sweep against one pass through W (a matrix-vector
product), against a NumPy loop that keeps the fields up to date, and against the packages
hopfieldnetwork and neurodynex3 where they are installed. float32, and the state after a sweep is
compared. The order of the units is given to all but those whose row says that they draw it. The
packages, which draw it too, have what they make themselves: float64 weights, and states of int8
(hopfieldnetwork) or float64. Storing in neurodynex3 is three nested Python loops and left out.
"""

import argparse
import functools
import importlib

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
from common import fastest, header, seconds

import bp_rnn
from bp_rnn import hopfield
from bp_rnn.hopfield._sweep import random_order, rounding, sweep as one_sweep


def numpy_loop(w, x, order):
    """Algorithm 1 with fields that a flip updates: what one would write in NumPy for speed."""
    x = x.copy()
    h = w @ x
    for unit in order:
        if h[unit] * x[unit] < 0:
            x[unit] = -x[unit]
            h += w[unit] * (2 * x[unit])
    return x


def plain_loop(w, x, order):
    x = x.copy()
    for unit in order:
        x[unit] = 1.0 if w[unit] @ x > 0 else -1.0
    return x


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def peers(w, x):
    """Return a sweep, in an order of their own, by each package that is installed."""
    found = {}
    one = package("hopfieldnetwork")
    if one is not None:
        net = one.HopfieldNetwork(N=len(x))
        net.w = w.astype(np.float64)

        def sweep():
            net.set_initial_neurons_state(x.astype(np.int8))
            net.update_neurons(1, "async")
            return net.S

        found["hopfieldnetwork"] = sweep
    two = package("neurodynex3.hopfield_network.network")
    if two is not None:
        other = two.HopfieldNetwork(len(x))
        other.weights = w.astype(np.float64)
        other.set_dynamics_sign_async()

        def iterate():
            other.set_state_from_pattern(x.astype(np.float64))
            other.iterate()
            return other.state

        found["neurodynex3"] = iterate
    return found


def storing(num, patterns, rounds, with_peers):
    gemm = jax.jit(lambda p: p.T @ p)

    rule = functools.partial(hopfield.outer_product, patterns)
    found = fastest({"GEMM": lambda: gemm(patterns), "outer_product": rule}, rounds)
    one = package("hopfieldnetwork")
    if with_peers and one is not None:
        other = one.HopfieldNetwork(N=num)
        found["hopfieldnetwork"] = seconds(lambda: other.train_pattern(np.asarray(patterns).T))
    print("| storing | seconds | times GEMM |\n|---|---|---|")
    for name, value in found.items():
        print(f"| {name} | {value:.3f} | {value / found['GEMM']:.2f} |")


def sweeping(net, probe, rounds, with_peers):
    params, key = net.params(), jax.random.key(0)
    w, x = np.asarray(params["w"]), np.asarray(probe)
    order = np.asarray(random_order(jax.random.split(key)[0], net.num))

    def step(params, state, key):
        return net.advance(params, state, net.fields(params, state), key)[::2]

    def ordered(params, x, order):
        field = net.fields(params, x[None])[0]
        return one_sweep(params["w"], x, field, rounding(field), order, (-1.0, 1.0))[0]

    whole, given = jax.jit(step), jax.jit(ordered)
    product = jax.jit(jnp.matmul)
    ours, flips = whole(params, probe[None], key)
    for found in (given(params, probe, order), numpy_loop(w, x, order), plain_loop(w, x, order)):
        assert (np.asarray(ours)[0] == found).all()
    sides = {
        "one pass through W": lambda: product(params["w"], probe),
        "bp_rnn": lambda: given(params, probe, order),
        "NumPy, fields kept": lambda: numpy_loop(w, x, order),
        "NumPy, plain": lambda: plain_loop(w, x, order),
        "bp_rnn, order drawn": lambda: whole(params, probe[None], key),
    }
    found = fastest(sides | (peers(w, x) if with_peers else {}), rounds)
    floor, mine = found["one pass through W"], found["bp_rnn"]
    print(f"\n| a sweep, {int(flips[0])} flips | ms | times a pass | times bp_rnn |")
    print("|---|---|---|---|")
    for name, value in found.items():
        print(f"| {name} | {1e3 * value:.2f} | {value / floor:.2f} | {value / mine:.1f} |")
    return whole, found["bp_rnn, order drawn"]


def batching(net, sweep, alone, probes, rounds):
    params, key = net.params(), jax.random.key(0)
    product = jax.jit(jnp.matmul)
    sides = {
        "X W": lambda: product(probes, params["w"]),
        "bp_rnn": lambda: sweep(params, probes, key),
    }
    found = fastest(sides, rounds)
    print(f"\n| a sweep of {len(probes)} probes | ms | ms a probe |\n|---|---|---|")
    for name, value in {**found, "one by one": len(probes) * alone}.items():
        print(f"| {name} | {1e3 * value:.0f} | {1e3 * value / len(probes):.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=5000, help="units")
    parser.add_argument("--num-pattern", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=10, help="interleaved repeats")
    parser.add_argument("--no-peers", action="store_true", help="leave out the slow packages")
    options = parser.parse_args()
    bm.set_float(jnp.float32)
    print(header(), "\n")
    patterns = bp_rnn.hopfield.random_patterns(0, options.num_pattern, options.num)
    net = bp_rnn.DiscreteHopfield(options.num)
    storing(net.num, patterns, options.rounds, not options.no_peers)
    net.store(patterns)
    probes = hopfield.corrupt(1, patterns[:256], 0.1)
    sweep, alone = sweeping(net, probes[0], options.rounds, not options.no_peers)
    batching(net, sweep, alone, probes, max(options.rounds // 3, 1))


if __name__ == "__main__":
    main()
