"""Features and targets to learn from: shapes, and samples that are bad or masked."""

from typing import Any

import numpy as np

from bp_rnn import _check

ON_BAD = ("raise", "skip")


def take(h: Any, y: Any, num_in: int, num_out: int, on_bad: str) -> tuple[np.ndarray, np.ndarray]:
    """Return features ``(n, num_in)`` and targets ``(n, num_out)`` of the samples that count.

    Parameters
    ----------
    h, y : array or masked array
        ``(samples, ...)`` or ``(batch, time, ...)``. A sample of which anything is masked does not
        count.
    num_in, num_out : int
        Features and outputs.
    on_bad : {'raise', 'skip'}
        Whether a sample that is not finite is refused, or does not count.

    Raises
    ------
    TypeError, ValueError
        If a shape or type is another one, or a value is not finite.
    """
    first, second = _check.numeric("h", h), _check.numeric("y", y)
    if first.ndim not in (2, 3) or first.shape[-1] != num_in:
        raise ValueError(
            f"h must have shape (samples, {num_in}) or (batch, time, {num_in}), got {first.shape}"
        )
    if second.shape not in [(*first.shape[:-1], num_out)] + [first.shape[:-1]] * (num_out == 1):
        raise ValueError(
            f"y must have shape {(*first.shape[:-1], num_out)} to go with h, got {second.shape}"
        )
    first, second = first.reshape(-1, num_in), second.reshape(-1, num_out)
    hidden = _masked(h).reshape(first.shape).any(1) | _masked(y).reshape(second.shape).any(1)
    if on_bad == "skip":
        hidden |= ~(_finite(first) & _finite(second))
    if hidden.any():
        first, second = first[~hidden], second[~hidden]
    return _check.finite("h", first), _check.finite("y", second)


def _masked(value: Any) -> np.ndarray:
    return np.ma.getmaskarray(value if isinstance(value, np.ma.MaskedArray) else np.asarray(value))


def _finite(rows: np.ndarray) -> np.ndarray:
    return np.isfinite(rows.astype(float)).all(1)
