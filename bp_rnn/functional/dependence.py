"""Which outputs of a function depend on which of its arguments, read off its jaxpr."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

#: Operations that hold another jaxpr, which is gone through as if it stood there.
_INNER = ("jaxpr", "call_jaxpr")


class Dependence(NamedTuple):
    """How each output of a function comes from its arguments.

    Attributes
    ----------
    reads : list of set of int
        For each output, the arguments that it depends on.
    same : list of int or None
        For each output, the argument that it is, unchanged; None where it is computed.
    """

    reads: list[set[int]]
    same: list[int | None]


def dependence(function: Callable[..., Any], *args: Any) -> Dependence:
    """Return how the outputs of ``function`` depend on its arguments; runs nothing.

    Parameters
    ----------
    function : callable
        Takes arrays and returns a flat sequence of arrays.
    *args : array or jax.ShapeDtypeStruct
        What it is called with.

    Notes
    -----
    What an operation returns counts as dependent on all that the operation takes, so that a
    product with zero counts too. Functions that are called are gone through, loops are not.
    """
    jaxpr = jax.make_jaxpr(function)(*args).jaxpr
    places = {v: i for i, v in enumerate(jaxpr.invars)}
    reads = _follow(jaxpr, [{i} for i in range(len(jaxpr.invars))])
    same = [None if _is_literal(v) else places.get(v) for v in jaxpr.outvars]
    return Dependence(reads, same)


def _follow(jaxpr: Any, given: list[set[int]]) -> list[set[int]]:
    known = dict(zip(jaxpr.invars, given, strict=True))

    def read(v: Any) -> set[int]:
        return set() if _is_literal(v) else known.get(v, set())

    for eqn in jaxpr.eqns:
        taken = [read(v) for v in eqn.invars]
        inner = _inner(eqn)
        found = [set().union(*taken)] * len(eqn.outvars) if inner is None else _follow(inner, taken)
        known.update(zip(eqn.outvars, found, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _inner(eqn: Any) -> Any:
    """Return the jaxpr of a function that an equation calls once, else None."""
    for name in _INNER:
        held = eqn.params.get(name)
        held = getattr(held, "jaxpr", held)
        fits = held is not None and len(held.invars) == len(eqn.invars)
        if fits and len(held.outvars) == len(eqn.outvars) and eqn.primitive.name not in _LOOPS:
            return held
    return None


_LOOPS = frozenset({"scan", "while", "cond"})


def _is_literal(v: Any) -> bool:
    return hasattr(v, "val")
