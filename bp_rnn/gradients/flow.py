"""How long a gradient lives: the norm of the loss's derivative through time."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn.cells import Cell
from bp_rnn.functional import flow, trajectory
from bp_rnn.gradients._problem import problem
from bp_rnn.typing import Array


def gradient_norms(
    cell: Cell,
    state: Any,
    xs: Any,
    ys: Any,
    loss: str | Callable[..., Any],
    mask: Any = None,
    *,
    lengths: Any = None,
) -> Array:
    r"""Return :math:`\| dL/ds_t \|` for t = 0..T, at the current parameters.

    With a loss at the last step alone (``mask``), the norms tell how the gradient vanishes or
    explodes on its way back: :math:`dL/ds_t = dL/ds_T \prod_k \partial s_{k+1}/\partial s_k`.

    Parameters
    ----------
    cell : Cell
        The network, causal.
    state, xs, ys, loss, mask, lengths
        As for :func:`check_gradient`.

    Returns
    -------
    Array
        ``(B, T + 1)``, also for one sequence; entry 0 belongs to the initial state.

    Raises
    ------
    TypeError, ValueError
        If the state of the cell depends on the future, or as for :func:`check_gradient`.
    """
    if not isinstance(cell, Cell):
        raise TypeError(f"cell must be a bp_rnn Cell, got {type(cell).__name__}")
    if not cell.causal:
        raise ValueError(f"cell must be causal, got {type(cell).__name__}")
    state, xs, targets, own_loss = problem(cell, state, xs, ys, loss, mask, lengths)
    at_step = trajectory.step_loss(cell.output, own_loss)
    one = functools.partial(flow.state_gradients, cell.step, at_step, cell.params())
    dl_ds, _ = jax.jit(jax.vmap(one))(state, xs, targets)
    return jnp.linalg.norm(dl_ds, axis=-1)
