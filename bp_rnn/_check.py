"""Argument checks. Every message names the argument, what came and what was expected."""

import numbers
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def integer(name: str, value: Any, minimum: int) -> int:
    """Return ``value`` as an ``int`` of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {value!r} ({type(value).__name__})")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def number(name: str, value: Any) -> float:
    """Return ``value``, one finite real number, as a ``float``."""
    numeric = real_array(name, value)
    if numeric.shape != ():
        raise TypeError(f"{name} must be a number, got {value!r}")
    return float(numeric)


def positive(name: str, value: Any) -> Any:
    """Return ``value``, a number or an array of numbers, if all of it is finite and above zero."""
    numeric = real_array(name, value)
    if not (numeric > 0).all():
        raise ValueError(f"{name} must be positive, got {value}")
    return value


def not_negative(name: str, value: Any) -> Any:
    """Return ``value``, a number or an array of numbers, if all of it is finite and not below 0."""
    if not (real_array(name, value) >= 0).all():
        raise ValueError(f"{name} must not be negative, got {value}")
    return value


def as_key(key: Any) -> jax.Array:
    """Return a JAX key of an integer seed, or the key itself."""
    if isinstance(key, numbers.Integral) and not isinstance(key, bool):
        return jax.random.key(int(key))
    number = isinstance(key, jax.Array | np.ndarray) and key.shape == ()
    if number and jnp.issubdtype(key.dtype, jnp.integer):
        return jax.random.key(key)
    if isinstance(key, jax.Array):
        raw = key.dtype == jnp.uint32 and key.shape == (2,)
        if raw or (jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ()):
            return key
    raise TypeError(f"key must be an integer or a JAX key, got {key!r} ({type(key).__name__})")


def known_key(owner: str, key: Any) -> jax.Array:
    """Return what :func:`as_key` does, where ``owner`` must have the number itself.

    Raises
    ------
    TypeError
        If it is no key, or not known yet: a value inside a JAX transformation.
    """
    found = as_key(key)
    if isinstance(found, jax.core.Tracer):
        raise TypeError(
            f"key of {owner} must be known, got a value inside a JAX transformation (jit, vmap, "
            "grad); take one key after the other in a loop, outside of it"
        )
    return found


def choice(name: str, value: Any, options: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``options``."""
    known = sorted(options)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a name or a callable, got {value!r}; names: {known}")
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}; expected one of {known}")
    return value


def real_array(name: str, value: Any) -> np.ndarray:
    """Return ``value`` as a NumPy array of finite real numbers.

    Raises
    ------
    TypeError
        If it is not numeric, or complex.
    ValueError
        If it is ragged, or holds NaN, infinity or masked entries.
    """
    parts = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(v, np.ma.MaskedArray) and np.ma.is_masked(v) for v in parts):
        raise ValueError(f"{name} must not hold masked entries: there is no value to take")
    return finite(name, numeric(name, value))


def numeric(name: str, value: Any) -> np.ndarray:
    """Return ``value`` as a NumPy array of real numbers, NaN and infinity among them.

    What a masked array hides is in it too: who calls this takes the mask.
    """
    try:
        array = np.asarray(value)
    except jax.errors.TracerArrayConversionError:
        raise TypeError(
            f"{name} must hold numbers, got a value inside a JAX transformation (jit, vmap, grad); "
            "call this outside of it"
        ) from None
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array: {error}") from None
    if type(value).__module__.startswith("scipy.sparse"):
        raise TypeError(f"{name} must be dense, got a SciPy sparse matrix; pass {name}.toarray()")
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    return array


def finite(name: str, array: np.ndarray) -> np.ndarray:
    """Return ``array`` if all of it is finite."""
    # NumPy itself knows no infinity of other types; a copy of what it knows would cost time
    bad = ~np.isfinite(array if array.dtype.kind == "f" else array.astype(np.float64))
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} must be finite, got {array[where]} at index {where} ({bad.sum()} such values)"
        )
    return array
