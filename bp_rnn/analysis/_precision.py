"""Double precision for what is searched, whatever the precision of the network."""

import contextlib
from collections.abc import Iterator
from typing import Any

import brainpy.math as bm
import jax
import jax.numpy as jnp
from jax.extend.core import jaxprs_in_params

from bp_rnn.analysis.systems import System, dtype_of
from bp_rnn.cells import Cell


@contextlib.contextmanager
def double(system: System) -> Iterator[None]:
    """Let a system compute in double precision; afterwards all is as it was.

    JAX's 64 bits are turned on in this thread alone, and the Variables of a cell hold their values
    in double precision meanwhile: systems of BrainPy refuse to write another type to them. A
    system whose own program rounds to single precision is left in its own.
    """
    if dtype_of(system) == jnp.float64:
        yield
        return
    with jax.enable_x64(True), _cast(system):
        rounds = _rounds(system)
        if not rounds:
            yield
    if rounds:
        yield


@contextlib.contextmanager
def _cast(system: System) -> Iterator[None]:
    """Hold every floating Variable of a cell in double precision."""
    variables = list(system.vars().unique().values()) if isinstance(system, Cell) else []
    kept = [(v, v.value) for v in variables if jnp.issubdtype(v.dtype, jnp.floating)]
    try:
        for variable, value in kept:
            _write(variable, value.astype(jnp.float64))
        yield
    finally:
        for variable, value in kept:
            _write(variable, value)


def _write(variable: bm.Variable, value: Any) -> None:
    """Write a value of another type, which the property ``value`` refuses."""
    variable._value = value


def _rounds(system: System) -> bool:
    """Return whether a step in double precision goes through a shorter type."""
    shapes = jax.tree.map(
        lambda v: jax.ShapeDtypeStruct(v.shape, jnp.float64),
        (system.params(), jnp.zeros(system.size), jnp.zeros(system.num_in)),
    )
    program = jax.make_jaxpr(system.derivative)(*shapes)
    return program.out_avals[0].dtype != jnp.float64 or _has_rounding(program.jaxpr)


def _has_rounding(jaxpr: Any) -> bool:
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "convert_element_type":
            new, old = eqn.params["new_dtype"], eqn.invars[0].aval.dtype
            if old == jnp.float64 != new and jnp.issubdtype(new, jnp.floating):
                return True
        if any(_has_rounding(inner) for inner in jaxprs_in_params(eqn.params)):
            return True
    return False
