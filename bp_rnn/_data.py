"""Training data in BrainPy's layouts, checked; and samples without time."""

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


def samples(cell: Cell, x: Any) -> Array:
    """Return inputs without time as ``(B, num_in)``."""
    value = _check.real_array("x", x)
    came = value.shape
    if value.ndim == 1 and cell.num_in == 1:
        value = value[:, None]
    if value.ndim != 2 or value.shape[1] != cell.num_in or 0 in value.shape:
        raise ValueError(f"x must have shape (samples, {cell.num_in}), got {came}")
    return jnp.asarray(value, cell.state.dtype)


def batch(cell: Cell, data: Any, lengths: Any) -> tuple[Array, Array, Array, Array]:
    """Return input ``(B, T, num_in)``, target ``(B, T, num_out)``, mask and valid ``(B, T)``.

    Class labels, integers of shape ``(B, T)``, stay as they are where there are several outputs.
    """
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise TypeError(
            f"data must be a pair (x, y) or a triple (x, y, mask), got {type(data).__name__}"
            + (f" of {len(data)}" if isinstance(data, tuple | list) else "")
        )
    xs, batched = inputs(cell, data[0])
    ys = targets(cell, data[1], xs.shape[:2] if batched else xs.shape[1:2])
    ys = ys if batched else ys[None]
    valid = valid_steps(xs, lengths)
    mask = valid if len(data) == 2 else valid * _mask(data[2], xs, batched)
    if not bool((mask > 0).any()):
        raise ValueError("mask must be above zero at some step within its sequence, got none")
    return xs, ys, mask, valid


def valid_steps(xs: Array, lengths: Any) -> Array:
    """Return ``(B, T)``, one at the steps that belong to their sequence."""
    num, num_step = xs.shape[:2]
    if lengths is None:
        return jnp.ones((num, num_step), xs.dtype)
    value = _check.real_array("lengths", lengths)
    if value.dtype.kind not in "iu":
        raise TypeError(f"lengths must be integers, got dtype {value.dtype}")
    if value.shape != (num,):
        raise ValueError(f"lengths must have shape ({num},), got {value.shape}")
    if value.min() < 1 or value.max() > num_step:
        raise ValueError(
            f"lengths must be from 1 to {num_step}, got {value.min()} to {value.max()}"
        )
    return jnp.asarray(np.arange(num_step) < value[:, None], xs.dtype)


def targets(cell: Cell, y: Any, lead: tuple[int, ...]) -> Array:
    """Return targets ``(*lead, num_out)``, or class labels ``lead`` as integers."""
    value = _check.real_array("y", y)
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
    return jnp.asarray(value, jnp.int32 if labels else cell.state.dtype)


def _mask(mask: Any, xs: Array, batched: bool) -> Array:
    value = _check.real_array("mask", mask)
    shapes = [xs.shape[1:2]] + [xs.shape[:2]] * batched
    if value.shape not in shapes:
        raise ValueError(f"mask must have shape {shapes[-1]}, got {value.shape}")
    if value.min() < 0:
        raise ValueError(f"mask must not be negative, got {value.min()}")
    return jnp.broadcast_to(jnp.asarray(value, xs.dtype), xs.shape[:2])


def initial_state(cell: Cell, init_state: Any, ys: Array | None, batch: int) -> Array:
    """Return the initial states ``(B, S)``: zeros or the cell's, an array, or the first target."""
    if init_state is None:
        value = np.asarray(cell.initial_state(cell.params()))
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
