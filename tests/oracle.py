"""Slow truths: autodiff through time, once by lax.scan and once by BrainPy's own loop."""

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np


def data(cell, batch, num_step, seed=0):
    rng = np.random.default_rng(seed)
    dtype = cell.state.dtype
    xs = jnp.asarray(rng.normal(size=(batch, num_step, cell.num_in)), dtype)
    ys = jnp.asarray(rng.normal(size=(batch, num_step, cell.num_out)), dtype)
    return xs, ys, jnp.asarray(rng.normal(size=(batch, cell.size)), dtype)


def half_square(z, y):
    return 0.5 * (z - y) ** 2


def gradient(cell, state, xs, ys):
    """jax.grad of the mean loss, one sample after the other, in a plain Python loop over time."""

    def loss(params):
        total = 0.0
        for b in range(xs.shape[0]):
            s = state[b]
            for t in range(xs.shape[1]):
                s = cell.step(params, s, xs[b, t])
                total += jnp.mean(half_square(cell.output(params, s), ys[b, t]))
        return total / (xs.shape[0] * xs.shape[1])

    return jax.jit(jax.value_and_grad(loss))(cell.params())


def brainpy_gradient(cell, state, xs, ys):
    """bm.grad through BrainPy's loop over the cell as a DynamicalSystem; one sequence."""

    def loss():
        cell.state.value = state
        zs = bm.for_loop(cell.update, xs)
        return bm.as_jax(half_square(zs, ys)).mean()

    grads = bm.jit(bm.grad(loss, grad_vars=cell.train_params()))()
    return {k: bm.as_jax(v) for k, v in grads.items()}


def relative_error(found, exact):
    assert set(found) == set(exact)
    return max(float(jnp.linalg.norm(found[k] - v) / jnp.linalg.norm(v)) for k, v in exact.items())
