"""Compare an algorithm's gradient with autodiff through time."""

import functools
import sys
from typing import Any, NamedTuple

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
    algorithm: GradientAlgorithm,
    state: Array,
    xs: Any,
    ys: Array,
    loss: Loss,
    mask: Array | None = None,
) -> GradientCheck:
    """Compare ``algorithm`` with ``jax.grad`` of the unrolled cell, at the current parameters.

    Parameters
    ----------
    algorithm : GradientAlgorithm
        For example ``RTRL(cell)``.
    state : Array
        Initial states, ``(B, S)``.
    xs : Array or Input
        Input ``(B, T, num_in)``; ``cell.inputs(xs, key)`` puts noise to it.
    ys : Array
        Target ``(B, T, ...)``.
    loss : Loss
        Of one sample at one step; averaged over time and batch.
    mask : Array, optional
        ``(B, T)``, how much each step counts in that mean.
    """
    cell = algorithm.cell
    params = cell.params()
    targets = trajectory.mean_targets(ys, mask)
    at_step = trajectory.step_loss(algorithm.output, loss)
    trace = algorithm.start(params, state)
    run = jax.jit(functools.partial(algorithm.window, loss=at_step))
    found = run(params, state, trace, xs, targets).grads
    exact_loss = trajectory.step_loss(cell.output, loss)
    sample = functools.partial(trajectory.sequence_loss, cell.rollout, exact_loss)

    def total(params: Params) -> Array:
        learnt = cell.initial_state(params) if cell.trains_start else jnp.zeros(())
        start = state + learnt - jax.lax.stop_gradient(learnt)
        return jax.vmap(functools.partial(sample, params))(start, xs, targets)[0].mean()

    exact = jax.jit(jax.grad(total))(params)
    error = {k: _norm({k: found[k] - g}) / _above_zero(_norm({k: g})) for k, g in exact.items()}
    inner = float(sum(jnp.vdot(found[k], g) for k, g in exact.items()))
    return GradientCheck(error, inner / _above_zero(_norm(found) * _norm(exact)))


def _norm(tree: Params) -> float:
    return float(jnp.sqrt(sum(jnp.sum(v * v) for v in tree.values())))


def _above_zero(value: float) -> float:
    return max(value, sys.float_info.min)
