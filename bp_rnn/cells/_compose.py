"""The parameters of a cell inside a cell that is made of cells: their names, and their keys."""

from collections.abc import Sequence

import brainpy.math as bm
import numpy as np

from bp_rnn import _check
from bp_rnn._draw import key_of
from bp_rnn.cells._base import Cell
from bp_rnn.typing import Array, Params


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
    whole.gate_names += named(part.gate_names, suffix)
    whole.recurrent_names += named(part.recurrent_names, suffix)


def tell_apart(parts: Sequence[Cell], key: Array | int | None) -> None:
    """Give parts whose key was not given one by their place, so that no two start alike.

    With the key of the whole all of them get one; without it, those that share random weights
    with a part before them.
    """
    whole = _check.as_key(0 if key is None else key)
    for place, part in enumerate(parts):
        if not part.has_key and (key is not None or _is_copy(part, parts[:place])):
            part.rekey(key_of(whole, str(place)))


def _is_copy(part: Cell, others: Sequence[Cell]) -> bool:
    """Return whether a parameter, not the same number everywhere, is that of another part too."""
    seen = [np.asarray(v) for cell in others for v in cell.params().values()]
    mine = [v for v in map(np.asarray, part.params().values()) if v.size > 1 and np.ptp(v) > 0]
    return any(np.array_equal(a, b) for a in mine for b in seen)


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
