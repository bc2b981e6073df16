r"""A cell run through time, and its loss :math:`l = \sum_t \alpha_t l_t(z_t, y_t)`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn.typing import Array, Loss, Output, Params, Step, StepLoss, Target

#: What stands for an output or a state at a step that does not count: in the domain of the usual
#: losses (logarithms, square roots), and no value that a target is likely to have. A result times
#: zero would not do: zero times NaN is NaN, in the loss and in its gradient.
NEUTRAL = 0.43

#: ``(params, state, xs) -> (last state, all states)`` for one sample.
Rollout = Callable[[Params, Array, Any], tuple[Array, Array]]


def rollout(step: Step, params: Params, state: Array, xs: Any) -> tuple[Array, Array]:
    """Run ``step`` over ``xs``, whose leaves have a leading time axis.

    Returns
    -------
    tuple of Array
        Last state ``(S,)`` and all states after each step ``(T, S)``.
    """

    def body(s: Array, x: Any) -> tuple[Array, Array]:
        new = step(params, s, x)
        return new, new

    return jax.lax.scan(body, state, xs)


def step_loss(output: Output, loss: Loss, penalty: Output | None = None) -> StepLoss:
    r"""Return :math:`\alpha_t l(z_t, y_t) + \beta_t \pi(\theta, s_t)` as a function of a Target.

    Where the weight is zero the loss is not asked, so that nothing it would say, NaN or infinity,
    reaches the sum or its gradient; and where the share is zero the penalty is not.

    Parameters
    ----------
    output : Output
        The cell's.
    loss : Loss
        Of output and target; an array is averaged.
    penalty : callable, optional
        ``(params, state) -> scalar``, the penalty pi on one step.
    """

    def at_one_step(params: Params, state: Array, target: Target) -> tuple[Array, Array]:
        z = output(params, state)
        counts = target.weight > 0
        asked = jnp.mean(loss(jnp.where(counts, z, NEUTRAL), target.y))
        value = jnp.where(counts, target.weight * asked, 0)
        if penalty is not None:
            counts = target.share > 0
            asked = penalty(params, jnp.where(counts, state, NEUTRAL))
            value += jnp.where(counts, target.share * asked, 0)
        return value, z

    return at_one_step


def mean_targets(ys: Array, mask: Array | None = None, valid: Array | None = None) -> Target:
    """Weight the steps of a batch ``(B, T, ...)`` so that the loss is a mean over steps.

    Parameters
    ----------
    ys : Array
        Targets; those of steps that do not count must be fit for the loss all the same.
    mask : Array, optional
        ``(B, T)``, how much each step counts; the loss is the mean weighted by it.
    valid : Array, optional
        ``(B, T)``, the steps that penalties are averaged over; all by default.
    """

    def share(v: Array | None) -> Array:
        v = jnp.ones(ys.shape[:2], jnp.result_type(float)) if v is None else v
        total = v.sum()  # zero where a window asks for nothing
        return jnp.where(total > 0, v.shape[0] / jnp.where(total > 0, total, 1), 0) * v

    return Target(ys, share(mask), share(valid))


def sequence_loss(
    run: Rollout, loss: StepLoss, params: Params, state: Array, xs: Any, targets: Any
) -> tuple[Array, tuple[Array, Array]]:
    """Return the loss of a sequence, with the outputs and the last state.

    Parameters
    ----------
    run : Rollout
        The cell through time.
    loss : StepLoss
        What one step adds to the loss.
    params, state
        Parameters and initial state ``(S,)``.
    xs, targets
        Inputs and targets, leaves with a leading time axis.
    """
    last, states = run(params, state, xs)
    losses, zs = jax.vmap(lambda s, y: loss(params, s, y))(states, targets)
    return losses.sum(), (zs, last)
