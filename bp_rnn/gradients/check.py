"""Compare an algorithm's gradient with autodiff through time."""

import functools
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import brainpy as bp
import jax
import jax.numpy as jnp

from bp_rnn.functional import trajectory
from bp_rnn.gradients._problem import problem
from bp_rnn.gradients.methods import algorithm
from bp_rnn.typing import Array, Params


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
    target: bp.DynamicalSystem,
    state: Any,
    xs: Any,
    ys: Any,
    loss: str | Callable[..., Any],
    mask: Any = None,
    *,
    method: str | None = None,
    lengths: Any = None,
) -> GradientCheck:
    """Compare an algorithm with ``jax.grad`` of the unrolled cell, at the current parameters.

    Parameters
    ----------
    target : GradientAlgorithm, Cell or bp.DynamicalSystem
        For example ``RTRL(cell)``. Of a cell, it is the gradient that ``method`` names.
    state : array or None
        Initial states ``(S,)`` or ``(batch, S)``; the cell's own where it is None.
    xs, ys : array or list
        Input and target in the layouts of :meth:`OfflineTrainer.fit`. ``cell.inputs(xs, key)``
        puts noise to an input.
    loss : str or callable
        As for :class:`OfflineTrainer`: of one sample at one step; averaged over time and batch.
    mask : array, optional
        ``(time,)`` or ``(batch, time)``, how much each step counts in that mean.
    method : str, optional
        As for :class:`OfflineTrainer`; ``'bptt'`` by default.
    lengths : array of int, optional
        Steps of each sequence, ``(batch,)``.

    Raises
    ------
    TypeError, ValueError
        As for :class:`OfflineTrainer` and its ``fit``.
    """
    net = algorithm(target, method, "bptt")
    cell, params = net.cell, net.cell.params()
    state, xs, targets, own_loss = problem(cell, state, xs, ys, loss, mask, lengths)
    trace = net.start(params, state)
    run = jax.jit(functools.partial(net.window, loss=trajectory.step_loss(net.output, own_loss)))
    found = run(params, state, trace, xs, targets).grads
    exact_loss = trajectory.step_loss(cell.output, own_loss)
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
