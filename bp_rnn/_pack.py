"""What pickle can't write of JAX and BrainPy, as what it can; nothing of it is compiled."""

import contextlib
import copyreg
import importlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

#: Where functions live that pickle can't find, because JAX and BrainPy wrap them.
PUBLIC = (jnp, jax.nn, bm, bp.losses)


class _Array(NamedTuple):
    value: np.ndarray


class _Key(NamedTuple):
    data: np.ndarray
    kind: str


class _Function(NamedTuple):
    module: str
    name: str


class _Optimizer(NamedTuple):
    kind: Any
    attributes: dict[str, Any]


def pack(value: Any) -> Any:
    """Return ``value`` with every array, public function and optimiser in it as plain data."""
    if isinstance(value, jax.Array):
        if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
            return _Key(np.asarray(jax.random.key_data(value)), str(jax.random.key_impl(value)))
        return _Array(np.asarray(value))
    if isinstance(value, bp.optim.Optimizer):
        return _bare(value)
    if callable(value) and (name := _public_name(value)):
        return name
    return _mapped(pack, value)


def unpack(value: Any) -> Any:
    """Return what :func:`pack` took."""
    if isinstance(value, bm.Variable):
        return getattr(value, "became", value)
    if isinstance(value, _Array):
        return as_jax(value.value)
    if isinstance(value, _Key):
        return jax.random.wrap_key_data(jnp.asarray(value.data), impl=value.kind)
    if isinstance(value, _Function):
        return getattr(importlib.import_module(value.module), value.name)
    if isinstance(value, _Optimizer):
        return _unbare(value)
    return _mapped(unpack, value)


def as_jax(value: np.ndarray) -> jax.Array:
    """Return a JAX array of the same type, also of 64 bits where JAX has them turned off."""
    with jax.enable_x64(True) if value.dtype.itemsize == 8 else contextlib.nullcontext():
        return jnp.asarray(value)


def is_data(value: Any) -> bool:
    """Whether ``value`` is made of numbers, arrays, text and containers alone."""
    if isinstance(value, bm.Variable | jax.core.Tracer):
        return False
    if isinstance(value, np.ndarray):
        return not value.dtype.hasobject
    if isinstance(value, dict):
        return all(is_data(k) and is_data(v) for k, v in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return all(is_data(v) for v in value)
    plain = bool | int | float | complex | str | bytes | np.generic | jax.Array
    return value is None or isinstance(value, plain)


def leaves(value: Any) -> Iterator[Any]:
    """Yield what is in containers, and in containers of them."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from leaves(entry)
    else:
        yield value


def _mapped(function: Any, value: Any) -> Any:
    kind: Any = type(value)
    if isinstance(value, dict):
        return kind({k: function(v) for k, v in value.items()})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return kind(*map(function, value))
    if isinstance(value, list | tuple):
        return kind(map(function, value))
    return value


def _public_name(function: Any) -> _Function | None:
    name = getattr(function, "__name__", "")
    for module in PUBLIC:
        if getattr(module, name, None) is function:
            return _Function(module.__name__, name)
    return None


def _bare(optimizer: bp.optim.Optimizer) -> _Optimizer:
    """Return an optimiser without the Variables that it trains and what belongs to them."""
    left = ("_name", "_implicit_vars", "vars_to_train")
    return _Optimizer(type(optimizer), {k: v for k, v in vars(optimizer).items() if k not in left})


def _unbare(bare: _Optimizer) -> bp.optim.Optimizer:
    optimizer = bare.kind.__new__(bare.kind)
    bm.BrainPyObject.__init__(optimizer)
    vars(optimizer).update(bare.attributes, vars_to_train=bm.ArrayCollector())
    rename(optimizer.lr)
    return optimizer


def rename(system: bm.BrainPyObject) -> None:
    """Give a copy of a BrainPy object names of its own, where another object has its names."""
    for node in system.nodes().values():
        try:
            node.name = node.name
        except bp.errors.UniqueNameError:
            node.name = None


def _variable(kind: type, value: np.ndarray, axis: int | None, box: Any) -> bm.Variable:
    variable = kind(as_jax(value), batch_axis=axis)
    if box is not None:
        variable.box = unpack(box)
    return variable


def _reduce_variable(variable: bm.Variable) -> tuple[Any, ...]:
    box = pack(getattr(variable, "box", None))
    value = np.asarray(variable.value)
    return _variable, (type(variable), value, variable.batch_axis, box)


def _generator(value: Any) -> bm.random.RandomState:
    generator = bm.random.RandomState(0)
    generator.restore_value(unpack(value))
    return generator


def _reduce_generator(generator: bm.random.RandomState) -> tuple[Any, ...]:
    return _generator, (pack(generator.value),)


# BrainPy's own objects are pickled by their attributes; these two kinds of them can't be
for _kind in (bm.Variable, bm.TrainVar, bm.Parameter):
    copyreg.pickle(_kind, _reduce_variable)
copyreg.pickle(bm.random.RandomState, _reduce_generator)
