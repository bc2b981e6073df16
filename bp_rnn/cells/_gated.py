"""Cells whose gates have names."""

import abc
from typing import Any

from bp_rnn.cells._base import Cell
from bp_rnn.typing import Array, Params


class GatedCell(Cell, abc.ABC):
    """A cell that gives its step and its gates by one function, ``observed_step``."""

    @abc.abstractmethod
    def observed_step(self, params: Params, state: Array, x: Any) -> tuple[Array, dict[str, Array]]:
        """Return the state after one step, and the gates that made it, each ``(num,)``; pure."""

    def step(self, params: Params, state: Array, x: Any) -> Array:
        """Return the state after one step."""
        return self.observed_step(params, state, x)[0]
