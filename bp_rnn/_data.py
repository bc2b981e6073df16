"""Training data, checked: what has a time axis, and samples without time.

Who takes ``x`` with ``lengths`` calls, in this order,

.. code-block:: python

    seqs = _data.sequences(cell, x, lengths)        # seqs.xs, seqs.valid
    ys, mask = _data.targets_of(cell, y, seqs, mask)  # in NumPy, not yet cast
    ...
    return seqs.restore(zs)                         # in the layout in which x came

``x`` is ``(time, features)`` or ``(batch, time, features)``, or a list of sequences of any lengths,
or one of these as ``np.ma``. What does not exist, which is what comes behind the end of a sequence
and the targets of steps that do not count, may be anything, NaN too: it is zero in what is
returned, so that no result can depend on it.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from bp_rnn import _check, _ragged
from bp_rnn._loss import PairedLoss
from bp_rnn._sequences import (
    Sequences,
    blank,
    given_lengths,
    on_device as on_device,
    sequences as sequences,
)
from bp_rnn.cells import Cell
from bp_rnn.typing import Array


def targets_of(
    cell: Cell, y: Any, seqs: Sequences, mask: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return targets ``(B, T, num_out)`` or labels ``(B, T)``, and the weight of each step.

    Parameters
    ----------
    cell : Cell
        Whose outputs they are for.
    y : array, masked array or list
        Targets ``(*lead, num_out)``, class labels ``lead`` (integers), or where there is one
        output its targets ``lead``; or a list of sequences, each as long as its input.
        A step whose target ``np.ma`` masks has no loss.
    seqs : Sequences
        The inputs.
    mask : array, masked array or list, optional
        How much the loss of each step counts, ``(T,)`` or ``lead``; all the same by default.

    Returns
    -------
    tuple of np.ndarray
        Targets, zero where nothing counts, and weights ``(B, T)``, zero behind the end of each
        sequence.
    """
    weights = step_weights(seqs, mask)
    raw = _along("y", y, seqs)
    value, labels = _shaped(raw.value, cell.num_out, seqs.lead, cell.num_in)
    hidden = raw.hidden.reshape(value.shape)
    if not seqs.batched:
        value, hidden = value[None], hidden[None]
    if not labels:
        partly = (hidden.any(-1) & ~hidden.all(-1)) & (weights > 0)
        if partly.any():
            where = tuple(int(i) for i in np.argwhere(partly)[0])[not seqs.batched :]
            raise ValueError(
                f"y is masked in some of the {cell.num_out} outputs of the step at index {where}; "
                "a step counts with all of its outputs or not at all"
            )
    unseen = hidden if labels else hidden.all(-1)
    weights = np.where(unseen, 0, weights)
    value = blank(value, weights > 0)
    _check.finite("y", value if seqs.batched else value[0])
    if labels:
        _check_labels(value, cell.num_out)
    return value, weights


def step_weights(seqs: Sequences, mask: Any = None) -> np.ndarray:
    """Return how much each step counts, ``(B, T)``: zero where there is none or it is masked."""
    if mask is None:
        return seqs.valid.astype(float)
    raw = _along("mask", mask, seqs)
    shapes = [seqs.valid.shape[1:]] + [seqs.valid.shape] * seqs.batched
    if raw.value.shape not in shapes:
        raise ValueError(f"mask must have shape {shapes[-1]}, got {raw.value.shape}")
    there = seqs.valid & ~raw.hidden
    value = np.broadcast_to(raw.value, there.shape).astype(float)
    value = _check.finite("mask", np.where(there, value, 0))
    if value.min() < 0:
        raise ValueError(f"mask must not be negative, got {value.min()}")
    return value


def batch(
    cell: Cell, data: Any, lengths: Any, loss: PairedLoss
) -> tuple[Array, Array, Array, Array]:
    """Return input ``(B, T, num_in)``, target ``(B, T, num_out)``, mask and valid ``(B, T)``.

    Targets are as ``loss`` takes them: class labels are integers ``(B, T)``.
    """
    check_pair(data)
    dtype = cell.state.dtype
    seqs = sequences(cell, data[0], lengths)
    ys, mask = targets_of(cell, data[1], seqs, data[2] if len(data) == 3 else None)
    if not (mask > 0).any():
        raise ValueError("mask must be above zero at some step within its sequence, got none")
    ys = loss.pair(ys, mask, cell.num_out, dtype)
    return seqs.xs, on_device(ys, ys.dtype), on_device(mask, dtype), on_device(seqs.valid, dtype)


def check_pair(data: Any) -> None:
    """Refuse data that are no pair ``(x, y)`` and no triple ``(x, y, mask)``."""
    if isinstance(data, list) and data and all(isinstance(v, tuple) for v in data):
        raise TypeError(
            "data must be a pair (x, y) or a triple (x, y, mask), got a list of tuples; where each "
            "is a sequence with its target, tuple(zip(*data)) makes a pair of lists of them"
        )
    named = isinstance(data, tuple | list)
    if not named or len(data) not in (2, 3):
        raise TypeError(
            f"data must be a pair (x, y) or a triple (x, y, mask), got {type(data).__name__}"
            + (f" of {len(data)}" if named else "")
        )


def inputs(cell: Cell, x: Any) -> tuple[Array, bool]:
    """Return ``x`` as ``(B, T, num_in)``, and whether it came with a batch axis.

    For those who know no ``lengths``: every sequence must be as long as the others.
    """
    seqs = sequences(cell, x)
    if not seqs.valid.all():
        raise ValueError(
            f"x must hold sequences of one length here, got from {seqs.lengths.min()} to "
            f"{seqs.lengths.max()} steps"
        )
    return seqs.xs, seqs.batched


def samples(cell: Cell, x: Any) -> Array:
    """Return inputs without time as ``(B, num_in)``."""
    cell.check_precision()
    value = _without_time(cell, _check.real_array("x", x))
    return jnp.asarray(value, cell.state.dtype)


def pairs(cell: Cell, x: Any, y: Any, loss: PairedLoss) -> tuple[Array, Array]:
    """Return samples without time ``(B, num_in)`` and their targets, as ``loss`` takes them.

    Samples whose input or target ``np.ma`` masks are left out.
    """
    cell.check_precision()
    raw = _ragged.array("x", x)
    xs = _without_time(cell, raw.value)
    there = _seen("x", raw.hidden.reshape(xs.shape))
    _check.finite("x", np.where(there[:, None], xs, 0))
    raw = _ragged.array("y", y)
    ys, labels = _shaped(raw.value, cell.num_out, xs.shape[:1], cell.num_in)
    there &= _seen("y", raw.hidden.reshape(len(xs), -1))
    _check.finite("y", np.where(there if labels else there[:, None], ys, 0))
    if not there.any():
        raise ValueError("y must count at some sample, but all of them are masked")
    xs, ys = xs[there], ys[there]
    if labels:
        _check_labels(ys, cell.num_out)
    ys = loss.pair(ys, np.ones(len(ys)), cell.num_out, cell.state.dtype)
    return on_device(xs, cell.state.dtype), on_device(ys, ys.dtype)


def targets(cell: Cell, y: Any, lead: tuple[int, ...]) -> Array:
    """Return targets ``(*lead, num_out)``, or class labels ``lead`` as integers; none masked."""
    value, labels = _shaped(_check.real_array("y", y), cell.num_out, lead, cell.num_in)
    if labels:
        _check_labels(value, cell.num_out)
    return jnp.asarray(value, jnp.int32 if labels else cell.state.dtype)


def valid_steps(xs: Array, lengths: Any) -> Array:
    """Return ``(B, T)``, one at the steps that belong to their sequence."""
    ends = given_lengths(lengths, *xs.shape[:2])
    return jnp.asarray(np.arange(xs.shape[1]) < ends[:, None], xs.dtype)


def initial_state(cell: Cell, init_state: Any, ys: Array | None, batch: int) -> Array:
    """Return the initial states ``(B, S)``: zeros or the cell's, an array, or the first target."""
    cell.check_precision()
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


def _without_time(cell: Cell, value: np.ndarray) -> np.ndarray:
    came = value.shape
    if value.ndim == 1 and cell.num_in == 1:
        value = value[:, None]
    if value.ndim != 2 or value.shape[1] != cell.num_in or 0 in value.shape:
        raise ValueError(f"x must have shape (samples, {cell.num_in}), got {came}")
    return value


def _seen(name: str, hidden: np.ndarray) -> np.ndarray:
    """Return which samples are not masked, ``(B,)``."""
    if (partly := np.any(hidden, axis=1) & ~np.all(hidden, axis=1)).any():
        raise ValueError(
            f"{name} is masked in some entries of the sample at index {np.argmax(partly)}; a sample"
            " counts whole or not at all"
        )
    return np.asarray(~hidden.all(axis=1))


def _along(name: str, value: Any, seqs: Sequences) -> _ragged.Raw:
    """Return a target or mask that goes with the inputs: an array, or a list of sequences."""
    parts = _ragged.as_parts(value) if seqs.batched else None
    if parts is None or any(v.ndim == 0 for v in parts):
        return _ragged.array(name, value)
    sizes = [len(v) for v in parts]
    if sizes == seqs.lengths.tolist():
        return _pad_to(_ragged.padded(name, parts), seqs.valid.shape[1])
    if len(set(sizes)) > 1 or seqs.layout == "list":
        raise ValueError(
            f"{name} must hold {len(seqs.valid)} sequences as long as those of x, "
            f"{seqs.lengths.tolist()[:5]}, got {sizes[:5]}"
        )
    return _ragged.array(name, value)


def _pad_to(raw: _ragged.Raw, num_step: int) -> _ragged.Raw:
    more = [(0, 0), (0, num_step - raw.value.shape[1])] + [(0, 0)] * (raw.value.ndim - 2)
    return raw._replace(value=np.pad(raw.value, more), hidden=np.pad(raw.hidden, more))


def _shaped(
    value: np.ndarray, num_out: int, lead: tuple[int, ...], num_in: int
) -> tuple[np.ndarray, bool]:
    """Return targets ``(*lead, num_out)`` or labels ``lead``, and whether they are labels."""
    single = value.shape in (lead, (*lead, 1))  # one number a step
    if single and num_out > 1 and value.dtype.kind in "biu":
        return value.reshape(lead), True
    if single and num_out == 1:
        return value.reshape(*lead, 1), False
    if value.shape != (*lead, num_out):
        labels = f", or {lead} for integer class labels" if num_out > 1 else ""
        raise ValueError(
            f"y must have shape {(*lead, num_out)}{labels}, to go with x of shape "
            f"{(*lead, num_in)}, got {value.shape} of {value.dtype}"
        )
    return value, False


def _check_labels(labels: np.ndarray, num_class: int) -> None:
    if labels.min() < 0 or labels.max() >= num_class:
        raise ValueError(
            f"y must hold class labels from 0 to {num_class - 1}, "
            f"got {labels.min()} to {labels.max()}"
        )
