"""Compare an algorithm's gradient with autodiff through time."""

import functools
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn.functional import trajectory
from bp_rnn.gradients._base import GradientAlgorithm
from bp_rnn.typing import Array, Loss, Params


class GradientCheck(NamedTuple):
    """How far a gradient is from the exact one.

    Attributes
    ----------
    relative_error : dict of str to float
        ``|g - g_exact| / |g_exact|`` (Euclidean norms) of each parameter.
    cosine : float
        Cosine of the angle between the two gradients of all parameters together.
    """

    relative_error: dict[str, float]
    cosine: float


def check_gradient(
    algorithm: GradientAlgorithm, state: Array, xs: Array, ys: Array, loss: Loss
) -> GradientCheck:
    """Compare ``algorithm`` with ``jax.grad`` of the unrolled cell, at the current parameters.

    Parameters
    ----------
    algorithm : GradientAlgorithm
        For example ``RTRL(cell)``.
    state : Array
        Initial states, ``(B, S)``.
    xs, ys : Array
        Input ``(B, T, num_in)`` and target ``(B, T, ...)``.
    loss : Loss
        Of one sample at one step; averaged over time and batch.
    """
    cell = algorithm.cell
    params = cell.params()
    weights = jnp.full(xs.shape[:2], 1 / xs.shape[1], state.dtype)
    found = jax.jit(algorithm.window, static_argnums=5)(
        params, state, algorithm.start(params, state), xs, ys, loss, weights
    ).grads
    sample = functools.partial(trajectory.sequence_loss, cell.step, cell.output, loss)

    def total(params: Params) -> Array:
        losses, _ = jax.vmap(functools.partial(sample, params))(state, xs, ys, weights)
        return losses.mean()

    exact = jax.jit(jax.grad(total))(params)
    error = {k: _norm({k: found[k] - g}) / _above_zero(_norm({k: g})) for k, g in exact.items()}
    inner = float(sum(jnp.vdot(found[k], g) for k, g in exact.items()))
    return GradientCheck(error, inner / _above_zero(_norm(found) * _norm(exact)))


def _norm(tree: Params) -> float:
    return float(jnp.sqrt(sum(jnp.sum(v * v) for v in tree.values())))


def _above_zero(value: float) -> float:
    return max(value, sys.float_info.min)
