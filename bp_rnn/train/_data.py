"""Training data in BrainPy's layouts, checked."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.cells import Cell
from bp_rnn.typing import Array


def inputs(cell: Cell, x: Any) -> tuple[Array, bool]:
    """Return ``x`` as ``(B, T, num_in)``, and whether it came with a batch axis."""
    value = _check.real_array("x", x)
    came = value.shape
    if value.ndim == 1 and cell.num_in == 1:
        value = value[:, None]
    if value.ndim not in (2, 3) or value.shape[-1] != cell.num_in or 0 in value.shape:
        raise ValueError(
            f"x must have shape (time, {cell.num_in}) or (batch, time, {cell.num_in}), got {came}"
        )
    batched = value.ndim == 3
    return jnp.asarray(value if batched else value[None], cell.state.dtype), batched


def pair(cell: Cell, data: Any) -> tuple[Array, Array, bool]:
    """Return ``(x, y)`` as ``(B, T, num_in)`` and ``(B, T, num_out)``, and whether batched.

    Class labels, integers of shape ``(B, T)``, stay as they are where there are several outputs.
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(f"data must be a pair (x, y), got {type(data).__name__}")
    xs, batched = inputs(cell, data[0])
    value = _check.real_array("y", data[1])
    lead = xs.shape[:2] if batched else xs.shape[1:2]
    labels = value.dtype.kind in "iu" and value.shape == lead and cell.num_out > 1
    if labels:
        _check_labels(value, cell.num_out)
    elif value.shape == lead and cell.num_out == 1:
        value = value[..., None]
    elif value.shape != (*lead, cell.num_out):
        raise ValueError(
            f"y must have shape {(*lead, cell.num_out)} to go with x of shape "
            f"{(*lead, cell.num_in)}, got {value.shape}"
        )
    dtype = jnp.int32 if labels else cell.state.dtype
    return xs, jnp.asarray(value if batched else value[None], dtype), batched


def initial_state(cell: Cell, init_state: Any, ys: Array | None, batch: int) -> Array:
    """Return the initial states ``(B, S)``: zeros or the cell's, an array, or the first target."""
    if init_state is None:
        value = np.asarray(cell.initial_state())
    elif isinstance(init_state, str):
        _check.choice("init_state", init_state, ["target"])
        if ys is None:
            raise ValueError("init_state='target' needs targets; pass init_state=y[0] instead")
        if ys.shape[2:] != (cell.size,):
            raise ValueError(
                f"init_state='target' needs targets of the size of the state, {cell.size}, "
                f"got {ys.shape[2:]}"
            )
        value = np.asarray(ys[:, 0])
    else:
        value = _check.real_array("init_state", init_state)
        if cell.size == 1 and value.shape in ((), (batch,)):
            value = value[..., None]
    if value.shape not in ((cell.size,), (batch, cell.size)):
        raise ValueError(
            f"init_state must have shape ({cell.size},) or ({batch}, {cell.size}), "
            f"got {value.shape}"
        )
    return jnp.broadcast_to(jnp.asarray(value, cell.state.dtype), (batch, cell.size))


def _check_labels(labels: np.ndarray, num_class: int) -> None:
    if labels.min() < 0 or labels.max() >= num_class:
        raise ValueError(
            f"y must hold class labels from 0 to {num_class - 1}, "
            f"got {labels.min()} to {labels.max()}"
        )
