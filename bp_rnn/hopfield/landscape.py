"""The energy on a plane through two patterns."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.hopfield._base import AssociativeMemory
from bp_rnn.hopfield.patterns import BIPOLAR


class EnergySlice(NamedTuple):
    """Energy at the states u p + v q.

    Attributes
    ----------
    u, v : np.ndarray
        ``(num_grid,)``, from -1 to 1.
    energy : np.ndarray
        ``(num_grid, num_grid)``; row by v, column by u. NaN where a unit would be beyond 1.
    """

    u: np.ndarray
    v: np.ndarray
    energy: np.ndarray


def energy_slice(
    memory: AssociativeMemory, first: int = 0, second: int = 1, *, num_grid: int = 61
) -> EnergySlice:
    """Return the energy of the mixtures of two stored patterns.

    Units between -1 and 1 are the outputs of graded ones; for the discrete network, whose states
    are the corners of that cube, the quadratic form is drawn inside too.

    Parameters
    ----------
    memory : AssociativeMemory
        With patterns of -1 and 1.
    first, second : int
        Places of the two patterns p and q.
    num_grid : int
        Points a side.

    Returns
    -------
    EnergySlice

    Raises
    ------
    ValueError
        If there are no such patterns, or not of -1 and 1.
    """
    if memory.levels != BIPOLAR:
        raise ValueError(f"memory must have patterns of -1 and 1, not {memory.levels}")
    stored = memory.patterns.shape[0]
    for name, place in (("first", first), ("second", second)):
        if _check.integer(name, place, 0) >= stored:
            raise ValueError(f"{name} must be below the {stored} patterns stored, got {place}")
    grid = np.linspace(-1, 1, _check.integer("num_grid", num_grid, 2))
    u, v = np.meshgrid(grid, grid)
    inside = np.abs(u) + np.abs(v) <= 1 + 1e-9
    pair = memory.patterns.value[jnp.asarray([first, second])]
    x = jnp.asarray(np.stack([u[inside], v[inside]], axis=1), pair.dtype) @ pair
    params, state = memory.params(), memory.state_of(x)
    energy = np.full(u.shape, np.nan)
    energy[inside] = memory.energy_of(params, state, memory.fields(params, state))
    return EnergySlice(grid, grid, energy)
