"""Products with parameters in a step, found in its jaxpr, however the step is written.

A sum with a parameter is a product too: the parameter is multiplied with one.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.typing import Array

#: Operations that only move the entries of a parameter.
_MOVES = frozenset(
    {
        "broadcast_in_dim",
        "convert_element_type",
        "reshape",
        "slice",
        "split",
        "squeeze",
        "transpose",
    }
)
#: Operations that hold another jaxpr, which is gone through as if it stood there.
_CALLS = frozenset({"jit", "pjit", "closed_call", "core_call"})


class Part(NamedTuple):
    """A parameter, or a part of one, on its way through a step.

    Attributes
    ----------
    name : str
        Of the parameter.
    value : Array
        Its entries.
    places : numpy.ndarray
        Where each of them is in the raveled parameter; of the shape of ``value``.
    """

    name: str
    value: Array
    places: np.ndarray


def evaluate(
    jaxpr: Any,
    consts: Sequence[Any],
    args: Sequence[Any],
    product: Callable[[Part, Callable[[Array], Array], Array], Array],
    whole: Callable[[str], Any] | None = None,
) -> list[Any]:
    """Evaluate a jaxpr in which some values are a Part.

    Parameters
    ----------
    jaxpr, consts, args
        What is evaluated, and on what.
    product : callable
        ``(part, plain, other) -> result``, called in place of every product with a part.
        ``plain(other)`` is the product itself, ``other`` what the part is multiplied with.
    whole : callable, optional
        Told the names of parameters that are used in another way.
    """
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))

    def read(atom: Any) -> Any:
        return atom.val if hasattr(atom, "val") else env[atom]

    for eqn in jaxpr.eqns:
        values = [read(v) for v in eqn.invars]
        if any(isinstance(v, Part) for v in values):
            outs = _with_part(eqn, values, product, whole)
        else:
            outs = _bind(eqn, values)
        env.update(zip(eqn.outvars, outs, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _with_part(eqn: Any, values: list[Any], product: Any, whole: Any) -> list[Any]:
    """Return the results of an operation on a parameter: a product, a sum, a move, or a call."""
    name = eqn.primitive.name
    if name in _CALLS:
        inner = eqn.params["jaxpr"]
        return evaluate(inner.jaxpr, inner.consts, values, product, whole)
    if name == "dot_general" and (found := _contraction(eqn, values)):
        return [_multiplied(eqn, values, *found, product)]
    if name == "add" and _is_addition(values):
        return [_added(eqn, values, product)]
    if name in _MOVES and (moved := _moved(eqn, values[0])):
        return moved
    for v in values:
        if isinstance(v, Part) and whole is not None:
            whole(v.name)
    return _bind(eqn, [v.value if isinstance(v, Part) else v for v in values])


def _moved(eqn: Any, part: Part) -> list[Part] | None:
    """Return the parts that a move makes of a part, if no entry is there twice after it."""
    if eqn.outvars[0].aval.dtype != part.value.dtype:
        return None
    moved = _bind(eqn, [part.value])
    if eqn.primitive.name == "convert_element_type":
        return [Part(part.name, moved[0], part.places)]
    if sum(v.size for v in moved) > part.value.size:
        return None
    with jax.ensure_compile_time_eval():
        places = _bind(eqn, [jnp.asarray(part.places)])
    return [Part(part.name, v, np.asarray(i)) for v, i in zip(moved, places, strict=True)]


def _multiplied(eqn: Any, values: list[Any], place: int, axis: int, product: Any) -> Array:
    value, options = values[place].value, eqn.params

    def plain(other: Array) -> Array:
        if value.ndim == 2 and other.ndim == 1:
            # the vector first, so that in a batch of them the samples stay on the leading axis
            return jax.lax.dot_general(
                other,
                value,
                (((0,), (axis,)), ((), ())),
                precision=options["precision"],
                preferred_element_type=options["preferred_element_type"],
            )
        both = [value, other]
        return _bind(eqn, both if place == 0 else both[::-1])[0]

    return product(_by_unit(values[place], axis), plain, values[1 - place])


def _contraction(eqn: Any, values: list[Any]) -> tuple[int, int] | None:
    """Return which operand is the parameter and its contracted axis, if it meets one vector."""
    contracted, batch = eqn.params["dimension_numbers"]
    place = 0 if isinstance(values[0], Part) else 1
    other = values[1 - place]
    if isinstance(other, Part) or batch[0] or len(contracted[0]) != 1:
        return None
    axis = contracted[place][0]
    return (place, axis) if other.size == values[place].value.shape[axis] else None


def _is_addition(values: list[Any]) -> bool:
    """Return whether a parameter is added to something of its own shape and type."""
    parts = [v for v in values if isinstance(v, Part)]
    others = [v for v in values if not isinstance(v, Part)]
    return len(parts) == 1 and all(
        v.shape == parts[0].value.shape and v.dtype == parts[0].value.dtype for v in others
    )


def _added(eqn: Any, values: list[Any], product: Any) -> Array:
    """Return a sum as if the parameter in it were multiplied with one."""
    total = _bind(eqn, [v.value if isinstance(v, Part) else v for v in values])[0]
    (part,) = (v for v in values if isinstance(v, Part))
    column = Part(part.name, part.value.reshape(-1, 1), part.places.reshape(-1, 1))
    return product(column, lambda one: total, jnp.ones(1, total.dtype))  # noqa: ARG005


def _by_unit(part: Part, axis: int) -> Part:
    """Return the part as ``(U, F)``, the contracted axis last."""
    fan = part.value.shape[axis]
    value = jnp.moveaxis(part.value, axis, -1).reshape(-1, fan)
    return Part(part.name, value, np.moveaxis(part.places, axis, -1).reshape(-1, fan))


def _bind(eqn: Any, values: Sequence[Any]) -> list[Any]:
    found = eqn.primitive.get_bind_params(eqn.params)
    # with the functions to call apart, until jax 0.9
    functions, options = found if isinstance(found, tuple) else ((), found)
    out = eqn.primitive.bind(*functions, *values, **options)
    return out if eqn.primitive.multiple_results else [out]


def depends(function: Callable[[Any], Any], value: Any) -> list[bool]:
    """Return whether each leaf of ``function(value)`` depends on ``value``."""
    jaxpr = jax.make_jaxpr(function)(value).jaxpr
    reached = set(jaxpr.invars)
    for eqn in jaxpr.eqns:
        if any(v in reached for v in eqn.invars if not hasattr(v, "val")):
            reached.update(eqn.outvars)
    return [not hasattr(v, "val") and v in reached for v in jaxpr.outvars]
