"""How long a gradient lives: the norm of the loss's derivative through time."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn.cells import Cell
from bp_rnn.functional import flow, trajectory
from bp_rnn.typing import Array, Loss


def gradient_norms(
    cell: Cell, state: Array, xs: Any, ys: Array, loss: Loss, mask: Array | None = None
) -> Array:
    r"""Return :math:`\| dL/ds_t \|` for t = 0..T, at the current parameters.

    With a loss at the last step alone (``mask``), the norms tell how the gradient vanishes or
    explodes on its way back: :math:`dL/ds_t = dL/ds_T \prod_k \partial s_{k+1}/\partial s_k`.

    Parameters
    ----------
    cell : Cell
        The network, causal.
    state : Array
        Initial states, ``(B, S)``.
    xs : Array or Input
        Input ``(B, T, num_in)``.
    ys : Array
        Target ``(B, T, ...)``.
    loss : Loss
        Of one sample at one step; averaged over time and batch.
    mask : Array, optional
        ``(B, T)``, how much each step counts in that mean.

    Returns
    -------
    Array
        ``(B, T + 1)``; entry 0 belongs to the initial state.

    Raises
    ------
    ValueError
        If the state of the cell depends on the future.
    """
    if not cell.causal:
        raise ValueError(f"cell must be causal, got {type(cell).__name__}")
    targets = trajectory.mean_targets(ys, mask)
    at_step = trajectory.step_loss(cell.output, loss)
    one = functools.partial(flow.state_gradients, cell.step, at_step, cell.params())
    dl_ds, _ = jax.jit(jax.vmap(one))(state, xs, targets)
    return jnp.linalg.norm(dl_ds, axis=-1)
