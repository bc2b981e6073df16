"""The names of a cell's parameters inside a cell that is made of cells."""

import brainpy.math as bm

from bp_rnn.cells._base import Cell
from bp_rnn.typing import Params


def named(names: tuple[str, ...], suffix: str) -> tuple[str, ...]:
    """Return the names that parts with this suffix have in the whole."""
    return tuple(f"{name}_{suffix}" for name in names)


def own(cell: Cell, params: Params, suffix: str) -> Params:
    """Return the parameters of one part, under its own names."""
    return {k: params[f"{k}_{suffix}"] for k in cell.param_names + cell.readout_names}


def adopt(whole: Cell, part: Cell, suffix: str) -> None:
    """Give ``whole`` every Variable of ``part`` as an attribute, so that it can be monitored."""
    own_variables = {k: v for k, v in vars(part).items() if isinstance(v, bm.Variable)}
    for name, value in (own_variables | part.train_params()).items():
        setattr(whole, f"{name}_{suffix}", value)


def check_part(name: str, cell: Cell) -> None:
    """Refuse what can't be part of a larger cell.

    Raises
    ------
    TypeError, ValueError
        If it is no cell, or reads its whole input at once.
    """
    if not isinstance(cell, Cell):
        raise TypeError(f"{name} must be a bp_rnn Cell, got {type(cell).__name__}")
    if not cell.causal:
        raise ValueError(f"{name} must be causal, got {type(cell).__name__}")
