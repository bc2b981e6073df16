"""Arguments with a time axis, as people hold them: arrays, lists of sequences, masked arrays."""

from typing import Any, NamedTuple

import numpy as np

from bp_rnn import _check


class Raw(NamedTuple):
    """An argument as one array, not yet checked for NaN.

    Attributes
    ----------
    value : np.ndarray
        The numbers; zeros behind the end of the sequences of a list.
    hidden : np.ndarray
        What ``np.ma`` masks, of the same shape.
    lengths : np.ndarray or None
        Of the sequences of a list; None where an array came.
    """

    value: np.ndarray
    hidden: np.ndarray
    lengths: np.ndarray | None = None


def array(name: str, value: Any) -> Raw:
    """Return an argument that is one array, and what of it is masked."""
    if isinstance(value, list | tuple) and any(isinstance(v, np.ma.MaskedArray) for v in value):
        value = np.ma.stack(value)  # np.asarray would drop the masks
    numbers = _check.numeric(name, value)
    return Raw(numbers, np.broadcast_to(np.ma.getmaskarray(value), numbers.shape))


def sequences(name: str, value: Any, num_feature: int) -> Raw:
    """Return an argument that is an array, or a list of sequences ``(T_i, features)``.

    Where there is one feature the sequences of a list may be ``(T_i,)``. A list of ``(features,)``
    is one sequence, step by step.
    """
    parts = as_parts(value)
    if parts is None or not _are_sequences(parts, num_feature):
        return array(name, value)
    if num_feature == 1:
        parts = [v[:, None] if v.ndim == 1 else v for v in parts]
    return padded(name, parts)


def as_parts(value: Any) -> list[np.ndarray] | None:
    """Return the entries of a list, tuple or array of objects as arrays, masks kept, or None."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        value = list(value)
    if not isinstance(value, list | tuple) or not value:
        return None
    try:
        return [v if isinstance(v, np.ma.MaskedArray) else np.asarray(v) for v in value]
    except (ValueError, TypeError):  # ragged inside, or no array at all
        return None


def padded(name: str, parts: list[np.ndarray]) -> Raw:
    """Return the entries of a list as one array ``(B, T, ...)``."""
    if len({v.shape[1:] for v in parts}) > 1:
        raise ValueError(
            f"{name} must hold sequences of the same number of features, got shapes "
            f"{', '.join(str(v.shape) for v in parts[:5])}"
        )
    sizes = np.array([len(v) for v in parts])
    shape = (len(parts), int(sizes.max()), *parts[0].shape[1:])
    rows = [array(f"{name}[{i}]", v) for i, v in enumerate(parts)]
    value = np.zeros(shape, np.result_type(*(row.value for row in rows)))
    hidden = np.zeros(shape, bool)
    for i, row in enumerate(rows):
        value[i, : sizes[i]], hidden[i, : sizes[i]] = row.value, row.hidden
    return Raw(value, hidden, sizes)


def _are_sequences(parts: list[np.ndarray], num_feature: int) -> bool:
    dims = {v.ndim for v in parts}
    if dims == {2}:
        return True
    # [[1.0], [2.0]] is one sequence of two steps, as NumPy reads it
    return num_feature == 1 and dims == {1} and {len(v) for v in parts} != {1}
