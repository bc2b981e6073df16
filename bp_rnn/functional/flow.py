r"""How the derivative of the loss flows back through time."""

from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn.typing import Array, Params, Step, StepLoss


def state_gradients(
    step: Step, loss: StepLoss, params: Params, state: Array, xs: Any, targets: Any
) -> tuple[Array, Array]:
    r"""Return :math:`dL/ds_t` and :math:`s_t` for t = 0..T of one sample, each ``(T + 1, S)``.

    Entry 0 belongs to the initial state. The derivative is the total one: by the loss of step t
    and by all that follows.

    Parameters
    ----------
    step, loss
        The pure functions of the cell and what one step adds to the loss.
    params, state
        Parameters and initial state ``(S,)``.
    xs, targets
        Inputs and targets, leaves with a leading time axis.
    """

    def total(start: Array, taps: Array) -> tuple[Array, Array]:
        def body(s: Array, now: Any) -> tuple[Array, tuple[Array, Array]]:
            x, target, tap = now
            new = step(params, s, x) + tap
            return new, (loss(params, new, target)[0], new)

        _, (losses, states) = jax.lax.scan(body, start, (xs, targets, taps))
        return losses.sum(), states

    num_step = jax.tree.leaves(xs)[0].shape[0]
    taps = jnp.zeros((num_step, *state.shape), state.dtype)
    (first, rest), states = jax.grad(total, argnums=(0, 1), has_aux=True)(state, taps)
    return jnp.concatenate([first[None], rest]), jnp.concatenate([state[None], states])


def omega(step: Step, params: Params, states: Array, xs: Any, dl_ds: Array) -> Array:
    r"""Pascanu's regulariser: how far the flow is from keeping the norm of the derivative.

    .. math::

        \Omega = \sum_{t=0}^{T-1} \left(
        \frac{\| \frac{\partial L}{\partial s_{t+1}} \frac{\partial s_{t+1}}{\partial s_t} \|}
        {\| \frac{\partial L}{\partial s_{t+1}} \|} - 1 \right)^2

    Steps behind the last loss, where the derivative is zero, add nothing.

    Parameters
    ----------
    step, params
        The pure map and its parameters.
    states, dl_ds : Array
        Of :func:`state_gradients`, ``(T + 1, S)``.
    xs
        Inputs, leaves ``(T, ...)``.

    Notes
    -----
    Source: Pascanu, Mikolov & Bengio 2013, eq. 9; lecture 2, "Addressing vanishing and exploding
    gradients".
    """

    def term(s: Array, x: Any, after: Array) -> Array:
        (before,) = jax.vjp(lambda s: step(params, s, x), s)[1](after)
        size = after @ after
        there = size > 0
        ratio = _norm(before) / jnp.sqrt(jnp.where(there, size, 1.0))
        return jnp.where(there, (ratio - 1) ** 2, 0.0)

    return jax.vmap(term)(states[:-1], xs, dl_ds[1:]).sum()


def _norm(v: Array) -> Array:
    """Return the Euclidean norm, with derivative zero where it is zero."""
    square = v @ v
    there = square > 0
    return jnp.where(there, jnp.sqrt(jnp.where(there, square, 1.0)), 0.0)
