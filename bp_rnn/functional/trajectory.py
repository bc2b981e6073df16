r"""A cell run through time, and its loss :math:`l = \sum_t \alpha_t l_t(z_t, y_t)`."""

import jax
import jax.numpy as jnp

from bp_rnn.typing import Array, Loss, Output, Params, Step


def rollout(step: Step, params: Params, state: Array, xs: Array) -> tuple[Array, Array]:
    """Run ``step`` over ``xs`` ``(T, num_in)``.

    Returns
    -------
    tuple of Array
        Last state ``(S,)`` and all states after each step ``(T, S)``.
    """

    def body(s: Array, x: Array) -> tuple[Array, Array]:
        new = step(params, s, x)
        return new, new

    return jax.lax.scan(body, state, xs)


def instant_loss(
    output: Output, loss: Loss, params: Params, state: Array, y: Array
) -> tuple[Array, Array]:
    """Return the scalar loss of one step, and the output that it was taken of."""
    z = output(params, state)
    return jnp.mean(loss(z, y)), z


def sequence_loss(
    step: Step,
    output: Output,
    loss: Loss,
    params: Params,
    state: Array,
    xs: Array,
    ys: Array,
    weights: Array,
) -> tuple[Array, tuple[Array, Array]]:
    """Return the weighted loss of a sequence, with the outputs and the last state.

    Parameters
    ----------
    step, output, loss
        The pure functions of the cell and the loss of one step.
    params, state
        Parameters and initial state ``(S,)``.
    xs, ys
        Input ``(T, num_in)`` and target ``(T, ...)``.
    weights : Array
        The lecture's alpha_t, shape ``(T,)``; ``1 / T`` gives the mean over time.
    """
    last, states = rollout(step, params, state, xs)
    losses, zs = jax.vmap(lambda s, y: instant_loss(output, loss, params, s, y))(states, ys)
    return weights @ losses, (zs, last)
