"""Where weights may be: masks, Dale's law, no self-connection, fixed weights, bounds."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.sparse

from bp_rnn import _check
from bp_rnn.cells import Cell
from bp_rnn.functional.constraint import Box, intersect, project
from bp_rnn.typing import Array


class Constraint(abc.ABC):
    """What one parameter may be; an allowed value for each entry by itself."""

    @abc.abstractmethod
    def box(self, name: str, value: Array) -> Box:
        """Return the allowed values of the parameter ``name`` with the current ``value``."""

    def start(self, value: Array) -> Array:
        """Return what ``value`` becomes before it is moved into the box; itself by default."""
        return value


@dataclasses.dataclass(frozen=True)
class Mask(Constraint):
    """Connections that exist; all others are zero and stay so.

    Parameters
    ----------
    mask : array
        Zero or False where there is no connection; of the parameter's shape, or one that
        broadcasts to it.
    """

    mask: Any

    def box(self, name: str, value: Array) -> Box:
        """Return zero where there is no connection."""
        there = _like(f"mask of {name}", self.mask, value) != 0
        high = jnp.where(there, jnp.inf, jnp.zeros_like(value))
        return Box(there, -high, high)


@dataclasses.dataclass(frozen=True)
class NoSelf(Constraint):
    """No connection from a unit to itself."""

    def box(self, name: str, value: Array) -> Box:
        """Return zero on the diagonal of each (unit, source) matrix.

        Raises
        ------
        ValueError
            If the parameter has not as many sources as units.
        """
        if value.ndim < 2 or value.shape[0] != value.shape[-1]:
            raise ValueError(f"NoSelf needs a square matrix, got {name} of shape {value.shape}")
        others = ~np.eye(value.shape[0], dtype=bool)
        between = (1,) * (value.ndim - 2)
        return Mask(others.reshape(len(others), *between, len(others))).box(name, value)


@dataclasses.dataclass(frozen=True)
class Dale(Constraint):
    r"""Dale's law: all connections of a source have its sign, :math:`s_j w_{ij} \ge 0`.

    The current weights get the sign of their column, :math:`w_{ij} \leftarrow s_j |w_{ij}|`.

    Parameters
    ----------
    signs : array
        ``(sources,)``: positive for excitatory sources, negative for inhibitory ones, zero for
        both signs.

    Notes
    -----
    Source: Song, Yang & Wang 2016, "Dale's principle"; there by a rectified parameter, here by
    projection after every step, which lets a weight leave zero again.
    """

    signs: Any

    def box(self, name: str, value: Array) -> Box:
        """Return the half line of the column's sign."""
        signs = self._of(name, value)
        everywhere, zero = jnp.full_like(value, jnp.inf), jnp.zeros_like(value)
        low, high = jnp.where(signs > 0, zero, -everywhere), jnp.where(signs < 0, zero, everywhere)
        return Box(jnp.ones(value.shape, bool), low, high)

    def start(self, value: Array) -> Array:
        """Return the weights with the signs of their columns."""
        signs = self._of("w", value)
        return jnp.where(signs == 0, value, jnp.sign(signs) * jnp.abs(value))

    def _of(self, name: str, value: Array) -> Array:
        signs = _check.real_array(f"signs of {name}", self.signs)
        if value.ndim < 2 or signs.shape != value.shape[-1:]:
            raise ValueError(
                f"signs of {name} must have one entry for each source, shape {value.shape[-1:]}, "
                f"got {signs.shape}"
            )
        return jnp.broadcast_to(jnp.asarray(signs, value.dtype), value.shape)


@dataclasses.dataclass(frozen=True)
class Fixed(Constraint):
    """Weights that stay as they are.

    Parameters
    ----------
    where : array, optional
        True at the fixed entries; all by default.
    """

    where: Any = True

    def box(self, name: str, value: Array) -> Box:
        """Return any value, and what may not move."""
        fixed = _like(f"where of {name}", self.where, value) != 0
        everywhere = jnp.full_like(value, jnp.inf)
        return Box(~fixed, -everywhere, everywhere)


@dataclasses.dataclass(frozen=True)
class Bounded(Constraint):
    """Weights between two bounds.

    Parameters
    ----------
    low, high : float or array
        Bounds; a number, or an array that broadcasts to the parameter's shape.
    """

    low: Any
    high: Any

    def box(self, name: str, value: Array) -> Box:
        """Return the interval.

        Raises
        ------
        ValueError
            If the lower bound is above the upper one.
        """
        low = _like(f"low of {name}", self.low, value)
        high = _like(f"high of {name}", self.high, value)
        if bool((low > high).any()):
            raise ValueError(f"low of {name} must not be above high, got {self.low}, {self.high}")
        return Box(jnp.ones(value.shape, bool), low, high)


def constrain(cell: Cell, **by_name: Constraint | Sequence[Constraint]) -> Cell:
    """Bind parameters of ``cell``, from now on and at every update of every trainer.

    The current values are moved to where they may be: to zero where a mask is zero, to the sign
    of their column under Dale's law, into bounds. Called again for the same parameter, it
    replaces the constraints of that parameter; an empty list frees it.

    Parameters
    ----------
    cell : Cell or Readout
        The network, or a read-out with its ``w`` and ``b``.
    **by_name : Constraint or sequence of Constraint
        For each parameter what binds it; several hold together. For example
        ``constrain(net, w=[Dale(signs), NoSelf()], w_in=Fixed())``.

    Returns
    -------
    Cell
        The same object.

    Raises
    ------
    TypeError, ValueError
        For a name that is no parameter, a constraint that does not fit its shape, or constraints
        that contradict each other; nothing is changed then.
    """
    if not callable(getattr(cell, "train_params", None)):
        raise TypeError(f"cell must be a bp_rnn Cell or Readout, got {type(cell).__name__}")
    variables = cell.train_params()
    found = {}
    for name, given in by_name.items():
        if name not in variables:
            raise ValueError(f"unknown parameter {name!r}; {cell.name} has {sorted(variables)}")
        found[name] = _bind(name, variables[name].value, given)
    for name, (box, value) in found.items():
        variables[name].box = box
        variables[name].value = value
    return cell


def _bind(name: str, value: Array, given: Any) -> tuple[Box | None, Array]:
    constraints = given if isinstance(given, list | tuple) else [given]
    box = None
    for constraint in constraints:
        if not isinstance(constraint, Constraint):
            raise TypeError(
                f"{name} must be given constraints such as Mask, Dale, NoSelf, Fixed or Bounded, "
                f"got {type(constraint).__name__}"
            )
        mine = constraint.box(name, value)
        box = mine if box is None else intersect(box, mine)
    if box is None:
        return None, value
    if bool((box.low > box.high).any()):
        raise ValueError(f"constraints of {name} contradict each other: no value is allowed")
    start = value
    for constraint in constraints:
        start = constraint.start(start)
    return box, project(box._replace(free=jnp.ones_like(box.free)), start, value)


def _like(name: str, given: Any, value: Array) -> Array:
    array = _check.real_array(name, given.toarray() if scipy.sparse.issparse(given) else given)
    try:
        return jnp.broadcast_to(jnp.asarray(array, value.dtype), value.shape)
    except ValueError:
        raise ValueError(
            f"{name} must broadcast to shape {value.shape}, got {array.shape}"
        ) from None
