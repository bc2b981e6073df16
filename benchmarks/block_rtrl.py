"""Exact gradients of a stream: BlockRTRL against RTRL, and what each step costs in approximations.

Three tables, float32, batch 1, 8 inputs and 4 outputs: a gradient for each block, an update of the
weights at every step (plain gradient descent), and a step of the approximations. The gradients of
both sides are compared first.
"""

import argparse
import functools

import jax
import jax.numpy as jnp
import numpy as np
from common import fastest, header

import bp_rnn
from bp_rnn.functional import trajectory

NUM_IN, NUM_OUT, LR = 8, 4, 1e-3
CASES = [
    (bp_rnn.VanillaRNN, 64),
    (bp_rnn.VanillaRNN, 128),
    (bp_rnn.VanillaRNN, 256),
    (bp_rnn.LSTM, 64),
    (bp_rnn.GRU, 64),
]
#: Steps of plain RTRL that are timed.
STEPS = {64: 48, 128: 16, 256: 4}
APPROXIMATE = [
    bp_rnn.SnAp,
    bp_rnn.EProp,
    functools.partial(bp_rnn.RFLO, feedback="random"),
    bp_rnn.UORO,
    bp_rnn.KFRTRL,
]


def problem(cell, steps):
    rng = np.random.default_rng(0)
    xs = jnp.asarray(rng.normal(size=(1, steps, NUM_IN)), jnp.float32)
    ys = jnp.asarray(rng.normal(size=(1, steps, NUM_OUT)), jnp.float32)
    return jnp.zeros((1, cell.size), jnp.float32), xs, trajectory.mean_targets(ys)


def half_square(z, y):
    return 0.5 * (z - y) ** 2


def gradient(net, steps):
    """Return a call that gives the gradient of a stream, weights constant."""
    state, xs, targets = problem(net.cell, steps)
    loss = trajectory.step_loss(net.output, half_square)
    window = jax.jit(functools.partial(net.window, loss=loss))
    params = net.cell.params()
    given = params, state, net.start(params, state), xs, targets
    return lambda: window(*given).grads


def online(net, steps):
    """Return a call that gives the weights after an update at every step."""
    state, xs, targets = problem(net.cell, steps)
    loss = trajectory.step_loss(net.output, half_square)

    def body(carry, now):
        params, state, trace = carry
        x, target = jax.tree.map(lambda v: v[None, None], now)
        found = net.window(params, state, trace, x, target, loss)
        params = jax.tree.map(lambda p, g: p - LR * g, params, found.grads)
        return (params, found.state, found.trace), None

    @jax.jit
    def run(params, state, trace, xs, targets):
        return jax.lax.scan(body, (params, state, trace), (xs, targets))[0][0]

    params = net.cell.params()
    by_step = jax.tree.map(lambda v: v[0], (xs, targets))
    given = params, state, net.start(params, state), *by_step
    return lambda: run(*given)


def check(make, first, second, steps):
    found = [make(net, steps)() for net in (first, second)]
    for name, exact in found[0].items():
        error = jnp.linalg.norm(found[1][name] - exact) / jnp.linalg.norm(exact)
        assert error < 1e-3, (name, error)


def table(title, make, long, rounds):
    print(f"\n| {title} | n | RTRL, us | BlockRTRL, us | RTRL / BlockRTRL |")
    print("|---|---|---|---|---|")
    for cls, num in CASES:
        cell = cls(NUM_IN, num, num_out=NUM_OUT)
        plain, block = bp_rnn.RTRL(cell), bp_rnn.BlockRTRL(cell)
        check(make, plain, block, STEPS[num])
        sides = {"plain": make(plain, STEPS[num]), "block": make(block, long(num))}
        took = fastest(sides, rounds)
        us = 1e6 * took["plain"] / STEPS[num], 1e6 * took["block"] / long(num)
        print(f"| {cls.__name__} | {num} | {us[0]:.0f} | {us[1]:.1f} | {us[0] / us[1]:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved repeats")
    rounds = parser.parse_args().rounds
    print(header())
    table("a gradient a block", gradient, lambda num: 8 * num, rounds)
    table("an update a step", online, lambda _: 256, rounds)
    print("\n| VanillaRNN, n = 128 | us a step |")
    print("|---|---|")
    cell = bp_rnn.VanillaRNN(NUM_IN, 128, num_out=NUM_OUT)
    nets = [make(cell) for make in APPROXIMATE]
    sides = {type(net).__name__: gradient(net, 500) for net in nets}
    for name, took in fastest(sides, 2 * rounds).items():
        print(f"| {name} | {1e6 * took / 500:.1f} |")


if __name__ == "__main__":
    main()
