"""The random matrices of a reservoir, from another key."""

from typing import Any

import numpy as np

from bp_rnn.cells import Cell
from bp_rnn.typing import Array


def redraw(cell: Cell, key: Array | int, structure: tuple[str, ...]) -> None:
    """Put what ``key`` gives where what the present key gave is still in place.

    Parameters
    ----------
    cell : Cell
        The reservoir.
    key : int or JAX key
        The other key.
    structure : tuple of str
        Attributes that belong to the weights ``w``: which connections there are, and where.
    """
    before, after = _made_with(cell, cell.key), _made_with(cell, key)
    for name in cell.param_names:
        variable, old, new = (getattr(c, name) for c in (cell, before, after))
        if hasattr(variable, "box") or not _is_same(variable.value, old.value):
            continue
        if name == "w" and not _is_same(old.value, new.value):
            for attribute in structure:
                setattr(cell, attribute, getattr(after, attribute))
        variable.value = new.value


def _made_with(cell: Cell, key: Array | int) -> Any:
    recipe = cell._recipe
    return type(cell)(*recipe.args, **{**recipe.options, "key": key, "name": None})


def _is_same(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and np.array_equal(a, b)
