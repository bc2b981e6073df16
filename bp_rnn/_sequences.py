"""Inputs with a time axis: a padded batch, and where each sequence ends."""

from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from bp_rnn import _check, _ragged
from bp_rnn.cells import Cell
from bp_rnn.typing import Array


class Sequences(NamedTuple):
    """Inputs, and which of their steps exist.

    Attributes
    ----------
    xs : Array
        ``(B, T, num_in)`` in the float type of the cell, zero behind the end of a sequence.
    valid : np.ndarray
        ``(B, T)``, whether a step belongs to its sequence.
    layout : {'sequence', 'batch', 'list'}
        How they came: ``(T, num_in)``, ``(B, T, num_in)``, or a list.
    """

    xs: Array
    valid: np.ndarray
    layout: Literal["sequence", "batch", "list"]

    @property
    def batched(self) -> bool:
        """Whether they came as more than one sequence."""
        return self.layout != "sequence"

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each, ``(B,)``."""
        return self.valid.sum(1)

    @property
    def lead(self) -> tuple[int, ...]:
        """The leading axes of a target: ``(B, T)``, or ``(T,)`` for one sequence."""
        return self.valid.shape if self.batched else self.valid.shape[1:]

    def padded(self) -> "Sequences":
        """Return them with filling behind, so that many lengths become few: a program for each.

        There are four lengths for each power of two; less than a quarter is added.
        """
        num_step = self.valid.shape[1]
        scale = 2 ** max(num_step.bit_length() - 3, 0)
        behind = -num_step % scale
        if not behind:
            return self
        xs = np.pad(np.asarray(self.xs), ((0, 0), (0, behind), (0, 0)))
        return self._replace(xs=jax.device_put(xs), valid=np.pad(self.valid, ((0, 0), (0, behind))))

    def restore(self, values: Any) -> Any:
        """Return ``(B, T, ...)``, or a pytree of such, in the layout in which the inputs came.

        Filling that :meth:`padded` added may be in the values; it is cut off.
        """
        num_step = self.valid.shape[1]
        values = jax.tree.map(lambda v: v[:, :num_step], values)
        if self.layout == "batch":
            return values
        if self.layout == "sequence":
            return jax.tree.map(lambda v: v[0], values)
        return jax.tree.map(lambda v: [v[i, :n] for i, n in enumerate(self.lengths)], values)


def sequences(cell: Cell, x: Any, lengths: Any = None) -> Sequences:
    """Return inputs as a padded batch, and where each sequence ends.

    Parameters
    ----------
    cell : Cell
        Whose inputs they are.
    x : array, masked array or list
        As :mod:`bp_rnn._data` says; a single feature may come without its axis, ``(time,)``.
    lengths : array of int, optional
        Steps of each sequence of an array, ``(B,)``. Those of a list, or of an array whose last
        steps are masked, are known.

    Raises
    ------
    TypeError, ValueError
        If a shape, type or length does not fit, a value within a sequence is not finite, or one
        is masked there.
    """
    cell.check_precision()
    raw = _ragged.sequences("x", x, cell.num_in)
    value, came = raw.value, raw.value.shape
    if value.ndim == 1 and cell.num_in == 1:
        value = value[:, None]
    if value.ndim not in (2, 3) or value.shape[-1] != cell.num_in or 0 in value.shape:
        raise ValueError(
            f"x must have shape (time, {cell.num_in}) or (batch, time, {cell.num_in}), or be a list"
            f" of the former, got {came}"
        )
    layout: Literal["sequence", "batch", "list"] = "batch" if value.ndim == 3 else "sequence"
    layout = layout if raw.lengths is None else "list"
    value = value if value.ndim == 3 else value[None]
    hidden = raw.hidden.reshape(value.shape)
    ends = _ends(hidden, lengths, raw.lengths)
    valid = np.arange(value.shape[1]) < ends[:, None]
    single = layout == "sequence"
    if (hole := hidden & valid[..., None]).any():
        where = tuple(int(i) for i in np.argwhere(hole)[0])[single:]
        raise ValueError(
            f"x is masked at index {where}, before the end of its sequence, where there is no value"
            " to take; only the last steps may be masked, all features of them"
        )
    value = blank(value, valid)
    _check.finite("x", value[0] if single else value)
    return Sequences(on_device(value, cell.state.dtype), valid, layout)


def on_device(value: Any, dtype: Any) -> Array:
    """Return an array of JAX without a program for its shape, as a cast by JAX needs."""
    return jax.device_put(np.asarray(value).astype(dtype))  # jnp.asarray compiles, too


def blank(value: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return ``value`` with zeros at the steps that are not there; 0 * NaN would be NaN."""
    if there.all():
        return value
    return np.where(there.reshape(there.shape + (1,) * (value.ndim - 2)), value, 0)


def given_lengths(lengths: Any, num: int, num_step: int) -> np.ndarray:
    """Return ``lengths`` checked, ``(B,)``; all steps where it is None."""
    if lengths is None:
        return np.full(num, num_step)
    value = _check.real_array("lengths", lengths)
    if value.dtype.kind not in "iu":
        raise TypeError(f"lengths must be integers, got dtype {value.dtype}")
    if value.shape != (num,):
        raise ValueError(f"lengths must have shape ({num},), got {value.shape}")
    if value.min() < 1 or value.max() > num_step:
        raise ValueError(
            f"lengths must be from 1 to {num_step}, got {value.min()} to {value.max()}"
        )
    return value


def _ends(hidden: np.ndarray, lengths: Any, own: np.ndarray | None) -> np.ndarray:
    """Return the number of steps of each sequence."""
    num, num_step = hidden.shape[:2]
    if lengths is not None:
        given = given_lengths(lengths, num, num_step)
        if own is not None and (given != own).any():
            raise ValueError(
                f"lengths must be those of the sequences of x, {own.tolist()[:5]}, got "
                f"{given.tolist()[:5]}"
            )
        return given
    ends = np.full(num, num_step) if own is None else own
    there = ~hidden.all(-1) & (np.arange(num_step) < ends[:, None])
    if not there.any(1).all():
        first = int(np.argmin(there.any(1)))
        raise ValueError(
            f"x must have a step in every sequence, but that at index {first} has none"
        )
    return num_step - np.argmax(there[:, ::-1], axis=1)
