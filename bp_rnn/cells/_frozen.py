"""A cell at one moment: what it carries besides its memory stays as it is."""

from typing import Any

import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn.cells._base import Cell
from bp_rnn.typing import Array, Params


class Frozen(Cell):
    """The entries of a cell's state that make up its memory, as a cell of its own.

    Before each step the other entries are as they were given: constants, booleans, the time.

    Parameters
    ----------
    cell : Cell
        Whose step it is.
    memory : sequence of int
        The S entries of the cell's state that are the state of this one.
    held : array
        A whole state of the cell; its other entries are held.
    """

    rowwise = False

    def __init__(self, cell: Cell, memory: Any, held: Array) -> None:
        places = np.asarray(memory, int)
        super().__init__(max(1, cell.num_in), len(places), mode=bm.nonbatching_mode)
        self.num_in, self.dt, self.cell = cell.num_in, cell.dt, cell
        self.param_names, self.reads_time = cell.param_names, cell.reads_time
        self.places, self.held = places, np.asarray(held)
        self.state.restore_value(jnp.asarray(self.held[places]))

    def step(self, params: Params, state: Array, x: Any) -> Array:
        """Return the memory after one step of the cell."""
        whole = jnp.asarray(self.held, state.dtype).at[self.places].set(state)
        return self.cell.step(params, whole, x)[self.places]

    def memory_of(self, states: Array) -> Array:
        """Return the memory of whole states ``(..., cell.size)``; others as they are."""
        whole = states.ndim > 0 and states.shape[-1] == len(self.held) > self.size
        return states[..., self.places] if whole else states

    def initial_state(self, params: Params) -> Array:  # noqa: ARG002
        """Return the memory of the state that is held."""
        return jnp.asarray(self.held[self.places])

    def train_params(self) -> dict[str, bm.TrainVar]:
        """Return the cell's parameters."""
        return self.cell.train_params()
