"""Slow truths: autodiff through time, once by lax.scan and once by BrainPy's own loop."""

import functools

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np


def data(cell, batch, num_step, seed=0):
    """Inputs (with their noise, if the cell has any), targets and initial states."""
    rng = np.random.default_rng(seed)
    dtype = cell.state.dtype
    xs = cell.inputs(
        jnp.asarray(rng.normal(size=(batch, num_step, cell.num_in)), dtype), jax.random.key(seed)
    )
    ys = jnp.asarray(rng.normal(size=(batch, num_step, cell.num_out)), dtype)
    return xs, ys, jnp.asarray(rng.normal(size=(batch, cell.size)), dtype)


def half_square(z, y):
    return 0.5 * (z - y) ** 2


def at(tree, *index):
    """Index every array of a batch of inputs, noisy or not."""
    return jax.tree.map(lambda v: v[index], tree)


def start(cell, params, state):
    """``state`` as a value; where the cell learns its initial state, with that one's derivative."""
    if not cell.trains_start:
        return state
    learnt = cell.initial_state(params)
    return state + learnt - jax.lax.stop_gradient(learnt)


def gradient(cell, state, xs, ys):
    """jax.grad of the mean loss, one sample after the other, in a plain Python loop over time."""
    parts = [_compiled(cell)(cell.params(), state[b], at(xs, b), ys[b]) for b in range(len(ys))]
    return jax.tree.map(lambda *v: sum(v) / len(v), *parts)


@functools.cache
def _compiled(cell):
    def loss(params, state, xs, ys):
        s, total = start(cell, params, state), 0.0
        for t in range(len(ys)):
            s = cell.step(params, s, at(xs, t))
            total += jnp.mean(half_square(cell.output(params, s), ys[t]))
        return total / len(ys)

    return jax.jit(jax.value_and_grad(loss))


def brainpy_gradient(cell, state, xs, ys):
    """bm.grad through BrainPy's loop over the cell as a DynamicalSystem; one sequence."""

    def loss():
        cell.state.value = start(cell, cell.params(), state)
        zs = bm.for_loop(cell.update, xs)
        return bm.as_jax(half_square(zs, ys)).mean()

    grads = bm.jit(bm.grad(loss, grad_vars=cell.train_params()))()
    return {k: bm.as_jax(v) for k, v in grads.items()}


def relative_error(found, exact):
    assert set(found) == set(exact)
    return max(float(jnp.linalg.norm(found[k] - v) / jnp.linalg.norm(v)) for k, v in exact.items())
