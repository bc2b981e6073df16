"""Initial values drawn from a key, whatever the initialiser."""

import copy
import functools
import inspect
import itertools
import zlib
from collections.abc import Callable
from types import FunctionType
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax

from bp_rnn.typing import Array


def key_of(key: Array, name: str) -> Array:
    """Return the key that belongs to ``name``: another one for each name."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def bind(init: Callable[..., Any], key: Array) -> Callable[[tuple[int, ...]], Any]:
    """Return ``init`` as a function of the shape that draws from ``key``, each call anew.

    An initialiser of ``bp.init`` without a seed holds BrainPy's global generator; a copy of it
    gets a generator of ``key`` instead, so that the global one is neither read nor moved, and
    other threads see nothing. A function with an argument ``key`` is given one. What has a seed
    of its own, and any other function of the shape, is called as it is.
    """
    if takes_key(init):
        return _with_keys(init, key)
    return _copy(init, key) if _holds_global(init) else init


def follows_key(init: Any) -> bool:
    """Return whether ``bind`` makes of ``init`` another function for each key."""
    if not callable(init) or getattr(init, "has_seed", False):
        return False
    return takes_key(init) or _holds_global(init)


def takes_key(init: Callable[..., Any]) -> bool:
    """Return whether ``init`` has an argument ``key``."""
    return "key" in _arguments(init)


def _with_keys(init: Callable[..., Any], key: Array) -> Callable[[tuple[int, ...]], Any]:
    by_name = "shape" in _arguments(init)  # the initialisers of JAX have the key first
    count = itertools.count()

    def draw(shape: tuple[int, ...]) -> Any:
        number = next(count)
        now = jax.random.fold_in(key, number) if number else key
        return init(key=now, shape=shape) if by_name else init(shape, key=now)

    return draw


def _copy(init: Any, key: Array) -> Any:
    found = copy.copy(init)
    for name, value in vars(init).items():
        if value is bm.random.DEFAULT:
            setattr(found, name, bm.random.RandomState(key))
        elif _is_holder(value):
            setattr(found, name, bind(value, key))
    return found


def _holds_global(init: Any) -> bool:
    """Return whether an object, or an initialiser inside it, draws from the global generator."""
    if isinstance(init, FunctionType | type | functools.partial) or not hasattr(init, "__dict__"):
        return False
    found = vars(init).values()
    return any(v is bm.random.DEFAULT or (_is_holder(v) and follows_key(v)) for v in found)


def _is_holder(value: Any) -> bool:
    return isinstance(value, bp.init.Initializer)


def _arguments(init: Callable[..., Any]) -> Any:
    try:
        return inspect.signature(init).parameters
    except (TypeError, ValueError):  # what is written in C has none
        return ()
