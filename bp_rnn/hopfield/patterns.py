"""Patterns: what they may hold, random ones, and what is left of them in a probe."""

from typing import Any

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.typing import Array

#: The two values of a unit, off and on.
BIPOLAR = (-1.0, 1.0)
BINARY = (0.0, 1.0)
LEVELS = {"bipolar": BIPOLAR, "binary": BINARY}


def as_patterns(
    name: str, value: Any, num: int | None = None, levels: tuple[float, float] | None = BIPOLAR
) -> Array:
    """Return patterns ``(M, N)``, or one pattern ``(N,)`` as ``(1, N)``, in BrainPy's float type.

    Raises
    ------
    TypeError, ValueError
        If they are not real and finite, have another number of units than ``num``, or hold
        another value than the ``levels`` (None for any).
    """
    array = _check.real_array(name, value)
    if array.ndim not in (1, 2) or array.size == 0 or (num is not None and array.shape[-1] != num):
        units = "num" if num is None else num
        raise ValueError(f"{name} must have shape ({units},) or (M, {units}), got {array.shape}")
    if levels is not None:
        _check_levels(name, array, levels)
    return jnp.asarray(np.atleast_2d(array), bm.float_)


def _check_levels(name: str, array: np.ndarray, levels: tuple[float, float]) -> None:
    low, high = levels
    wrong = (array != low) & (array != high)
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"{name} must hold {low:g} and {high:g} alone, got {array[where]} at index {where}"
        )


def random_patterns(
    key: Array | int,
    num_pattern: int,
    num: int,
    *,
    activity: float | None = None,
    coding: str = "bipolar",
) -> Array:
    """Return independent random patterns.

    Parameters
    ----------
    key : int or JAX key
        Seed; the same key gives the same patterns.
    num_pattern, num : int
        Patterns M and units N.
    activity : float, optional
        Mean of a unit, strictly between its two values; halfway by default.
    coding : str
        ``'bipolar'`` for -1 and 1, ``'binary'`` for 0 and 1.

    Returns
    -------
    Array
        ``(num_pattern, num)``.
    """
    low, high = LEVELS[_check.choice("coding", coding, LEVELS)]
    shape = (_check.integer("num_pattern", num_pattern, 1), _check.integer("num", num, 1))
    mean = (low + high) / 2 if activity is None else _check.number("activity", activity)
    if not low < mean < high:
        raise ValueError(f"activity must be between {low} and {high}, got {activity}")
    is_on = jax.random.bernoulli(_check.as_key(key), (mean - low) / (high - low), shape)
    return jnp.asarray(np.where(is_on, high, low), bm.float_)


def corrupt(key: Array | int, patterns: Any, fraction: float) -> Array:
    """Return probes: each pattern with a fraction of its units, drawn at random, turned over.

    Parameters
    ----------
    key : int or JAX key
        Seed.
    patterns : array
        ``(N,)`` or ``(M, N)``, of -1 and 1 or of 0 and 1.
    fraction : float
        From 0 to 1; ``round(fraction * N)`` units of each pattern are turned over.

    Returns
    -------
    Array
        As ``patterns``. For -1 and 1 the overlap of each with its pattern is
        ``1 - 2 * fraction``.
    """
    value = jnp.asarray(patterns, bm.float_)
    fraction = _check.number("fraction", fraction)
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must be between 0 and 1, got {fraction}")
    rank = jax.random.uniform(_check.as_key(key), value.shape).argsort(-1).argsort(-1)
    turned = jnp.where((value < 0).any(), -value, 1 - value)
    return jnp.where(rank < round(fraction * value.shape[-1]), turned, value)


@jax.jit
def correlate(x: Array, patterns: Array, size: float) -> Array:
    """Return ``x . p / size`` for each pattern ``(M, N)``, shape ``(..., M)``."""
    return x @ patterns.T / size
