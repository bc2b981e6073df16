"""One step of RTRL against the bare matrix product J P of the same shape, and a jacfwd RTRL.

The step is what a trainer runs: state, Jacobian, sensitivities and the gradient of the step's
loss, as ``RTRL(RateRNN(8, n)).window`` over T steps, divided by T; float32.
"""

import argparse
import functools

import jax
import jax.numpy as jnp
import numpy as np
from common import fastest, header

import bp_rnn
from bp_rnn.functional import trajectory

NUM_IN = 8
STEPS = {16: 400, 64: 60, 128: 16}
JACFWD_STEPS = {16: 100, 64: 4, 128: 1}


def half_square(z, y):
    return 0.5 * (z - y) ** 2


def gemm(jac, p, steps):
    """The product alone, chained so that none can be left out; ``jac`` is orthogonal."""
    return jax.lax.scan(lambda p, _: (jnp.matmul(jac, p), None), p, None, length=steps)[0]


def jacfwd_rtrl(cell, params, state, xs, ys):
    """RTRL as one would write it at first: both Jacobians by jax.jacfwd."""

    def sample(state, xs, ys):
        def body(carry, now):
            state, p, grads = carry
            x, y = now
            now_p = jax.jacfwd(cell.step, 0)(params, state, x)
            jac = jax.jacfwd(cell.step, 1)(params, state, x)
            p = {k: jnp.tensordot(jac, p[k], 1) + now_p[k] for k in p}
            state = cell.step(params, state, x)
            slope = jax.grad(lambda s: half_square(s, y).mean())(state)
            return (state, p, {k: grads[k] + jnp.tensordot(slope, p[k], 1) for k in p}), None

        p = {k: jnp.zeros((cell.size, *v.shape), v.dtype) for k, v in params.items()}
        zero = jax.tree.map(jnp.zeros_like, params)
        return jax.lax.scan(body, (state, p, zero), (xs, ys))[0][2]

    return jax.vmap(sample)(state, xs, ys)


def problem(num, batch, steps):
    rng = np.random.default_rng(0)
    shapes = (batch, num), (batch, steps, NUM_IN), (batch, steps, num)
    return [jnp.asarray(rng.normal(size=s), jnp.float32) for s in shapes]


def measure(num, batch, rounds, with_jacfwd):
    """Return seconds a step of each side, after checking the gradient against BPTT."""
    rng = np.random.default_rng(1)
    cell = bp_rnn.RateRNN(NUM_IN, num)
    params, steps = cell.params(), STEPS[num]
    state, xs, ys = problem(num, batch, steps)
    targets = trajectory.mean_targets(ys)
    loss = trajectory.step_loss(cell.output, half_square)
    grads, runs = {}, {}
    for algorithm in (bp_rnn.RTRL(cell), bp_rnn.BPTT(cell)):
        name = type(algorithm).__name__
        window = jax.jit(functools.partial(algorithm.window, loss=loss))
        trace = algorithm.start(params, state)
        runs[name] = functools.partial(window, params, state, trace, xs, targets)
        grads[name] = runs[name]().grads
    for name, exact in grads["BPTT"].items():
        error = jnp.linalg.norm(grads["RTRL"][name] - exact) / jnp.linalg.norm(exact)
        assert error < 1e-4, (name, error)
    lead = () if batch == 1 else (batch,)
    jac = np.broadcast_to(np.linalg.qr(rng.normal(size=(num, num)))[0], (*lead, num, num))
    p = rng.normal(size=(*lead, num, num * (num + NUM_IN + 1)))
    jac, p = jnp.asarray(jac, jnp.float32), jnp.asarray(p, jnp.float32)
    product = jax.jit(functools.partial(gemm, steps=steps))
    sides = {"gemm": lambda: product(jac, p), "rtrl": runs["RTRL"]}
    found = {k: v / steps for k, v in fastest(sides, rounds).items()}
    if with_jacfwd:
        short = JACFWD_STEPS[num]
        slow = jax.jit(functools.partial(jacfwd_rtrl, cell))
        data = state, xs[:, :short], ys[:, :short]
        found["jacfwd"] = fastest({"jacfwd": lambda: slow(params, *data)}, 3)["jacfwd"] / short
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="interleaved repeats")
    parser.add_argument("--no-jacfwd", action="store_true", help="leave out the slow side")
    options = parser.parse_args()
    print(header(), "\n")
    print("| n | batch | GEMM, us | RTRL, us | RTRL / GEMM | jacfwd, us | jacfwd / RTRL |")
    print("|---|---|---|---|---|---|---|")
    for num in STEPS:
        for batch in (1, 8):
            us = measure(num, batch, options.rounds, not options.no_jacfwd)
            us = {k: 1e6 * v for k, v in us.items()}
            jacfwd = us.get("jacfwd", float("nan"))
            print(
                f"| {num} | {batch} | {us['gemm']:.1f} | {us['rtrl']:.1f} "
                f"| {us['rtrl'] / us['gemm']:.2f} | {jacfwd:.0f} | {jacfwd / us['rtrl']:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
