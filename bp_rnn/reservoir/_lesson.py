"""What a read-out is fitted to: sequences, their targets, and the steps that count."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check, _data, _ragged
from bp_rnn._sequences import Sequences
from bp_rnn.cells import Cell
from bp_rnn.typing import Array

POOLS = ("last", "mean", "all")


class Lesson(NamedTuple):
    """Data of a fit.

    Attributes
    ----------
    seqs : Sequences
        Inputs.
    targets : np.ndarray
        ``(B, T, num_out)``, or with a pool ``(B, num_out)``, in float64.
    there : np.ndarray
        Which steps have a target, ``(B, T)``.
    used : np.ndarray
        Which steps are learnt from, ``(B, T)``.
    """

    seqs: Sequences
    targets: np.ndarray
    there: np.ndarray
    used: np.ndarray

    @property
    def last(self) -> np.ndarray:
        """The target of the last step of each sequence, ``(B, num_out)``."""
        return self.targets[np.arange(len(self.targets)), self.seqs.lengths - 1]


def lesson(
    cell: Cell,
    x: Any,
    y: Any,
    *,
    washout: int = 0,
    pool: str | None = None,
    lengths: Any = None,
    on_bad: str = "raise",
) -> Lesson:
    """Return the data of a fit, checked; a bad target is left out where ``on_bad`` says so."""
    seqs = _data.sequences(cell, x, lengths)
    washout = _check.integer("washout", washout, 0)
    shortest = int(seqs.lengths.min())
    if washout >= shortest:
        raise ValueError(f"washout must be below the {shortest} steps of x, got {washout}")
    y = missing(y) if on_bad == "skip" else y
    if pool is not None:
        _check.choice("pool", pool, POOLS)
        targets, known = _one_each(cell, y, seqs)
        there = seqs.valid & known[:, None]
    else:
        ys, weights = _data.targets_of(cell, y, seqs)
        targets, there = one_hot(ys, cell.num_out), weights > 0
    used = there & (np.arange(there.shape[1]) >= washout)
    if not used.any():
        raise ValueError("y must have a target behind the washout, got none that is not masked")
    return Lesson(seqs, targets, there, used)


def taught(cell: Cell, y: Any, seqs: Sequences) -> np.ndarray:
    """Return targets to be fed back ``(B, T, num_out)``: none may be missing."""
    ys, weights = _data.targets_of(cell, y, seqs)
    require_all(weights > 0, seqs)
    return one_hot(ys, cell.num_out)


def require_all(there: np.ndarray, seqs: Sequences) -> None:
    """Refuse a missing target, which can't be fed back."""
    if (there != seqs.valid).any():
        raise ValueError("y must have a target at every step to be fed back, got masked ones")


def before(targets: np.ndarray, first: np.ndarray | None) -> np.ndarray:
    """Return the target of the step before; ``first`` before the first one, or zero."""
    start = np.zeros_like(targets[:, :1]) if first is None else np.asarray(first)[:, None]
    return np.concatenate([start, targets[:, :-1]], axis=1)


def noisy(fed: np.ndarray, noise: float, key: Array | int, dtype: Any) -> np.ndarray:
    """Return what is fed back, with noise."""
    key, value = _check.as_key(key), fed.astype(dtype)
    if not noise:
        return value
    return value + np.asarray(noise * jax.random.normal(key, value.shape, dtype))


def one_hot(ys: np.ndarray, num_out: int) -> np.ndarray:
    """Return targets in float64; labels become rows of zeros with a one."""
    return np.eye(num_out)[ys] if ys.ndim == 2 else ys.astype(float)


def missing(y: Any) -> Any:
    """Return targets with those that are not finite masked, in all of their outputs."""
    if isinstance(y, list | tuple) and not all(np.isscalar(v) for v in y):
        return [missing(v) for v in y]
    value = np.ma.asarray(y)
    if value.dtype.kind != "f":
        return y
    bad = ~np.isfinite(value.filled(0)) | np.ma.getmaskarray(value)
    bad = bad if value.ndim < 2 else np.broadcast_to(bad.any(-1, keepdims=True), bad.shape)
    return np.ma.array(value.filled(0), mask=bad)


def pool_weights(used: np.ndarray, pool: str) -> np.ndarray:
    """Return the weight of each step in the features of its sequence, ``(B, T)``."""
    if pool == "last":
        last = used.shape[1] - 1 - np.argmax(used[:, ::-1], axis=1)
        return np.eye(used.shape[1])[last]
    return used / np.maximum(used.sum(1, keepdims=True), 1)


def _one_each(cell: Cell, y: Any, seqs: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """Return one target for each sequence ``(B, num_out)``, and whether it is there."""
    lead = seqs.lead[:-1]
    raw = _ragged.array("y", y)
    value = np.where(raw.hidden, 0, raw.value).astype(raw.value.dtype)
    labels = _data.targets(cell, value, lead).dtype == jnp.int32
    there = np.asarray(~raw.hidden.reshape(len(seqs.valid), -1).any(1))
    if labels:
        return np.eye(cell.num_out)[value.reshape(-1)], there
    return value.astype(float).reshape(len(seqs.valid), cell.num_out), there
