"""Fixed points that move with an input or with a parameter."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import brainpy as bp
import numpy as np
from tqdm import tqdm

from bp_rnn import _check
from bp_rnn.analysis._points import FixedPoints
from bp_rnn.analysis.fixed_points import find_fixed_points
from bp_rnn.analysis.systems import System, as_system
from bp_rnn.typing import Params

#: Values that are printed.
SHOWN = 18


class Branches(NamedTuple):
    """The fixed points at each value of a parameter.

    Attributes
    ----------
    values : np.ndarray
        ``(V,)``.
    points : tuple of FixedPoints
        One table a value.
    """

    values: np.ndarray
    points: tuple[FixedPoints, ...]

    def __repr__(self) -> str:
        lines = []
        for value, table in itertools.islice(self.rows(), SHOWN):
            counts = [f"{count} {name}" for name, count in table.totals().items()]
            lines.append(f"{value:.6g}: {', '.join(counts) or 'none'}")
        if len(self.values) > SHOWN:
            lines.append(f"... {len(self.values) - SHOWN} more")
        return "\n".join([f"Branches of {len(self.values)} values", *lines])

    @property
    def num_fixed(self) -> np.ndarray:
        """How many isolated fixed points there are at each value, ``(V,)``."""
        return np.array([int(table.is_isolated.sum()) for table in self.points])

    def rows(self) -> Iterator[tuple[float, FixedPoints]]:
        """Go through the values and their tables."""
        return zip(self.values.tolist(), self.points, strict=True)


def fixed_points_along(
    system: System | bp.DynamicalSystem,
    values: Sequence[float],
    *,
    x: Callable[[float], Any] | None = None,
    params: Callable[[float], Params] | None = None,
    t: float | None = None,
    progress_bar: bool = True,
    **options: Any,
) -> Branches:
    """Find the fixed points at each of several values of an input or a parameter.

    Each search is one of its own, so that branches are found that begin anywhere; all share one
    compiled program.

    Parameters
    ----------
    system : Cell, bp.DynamicalSystem, Flow or Map
        Nothing in it is changed.
    values : sequence of float
        Of the parameter, V of them.
    x : callable, optional
        ``value -> input (num_in,)``, for an input axis ``lambda u: u * direction``.
    params : callable, optional
        ``value -> Params``, such as ``lambda g: {"w": g * w}``.
    t : float, optional
        Time at which a system is looked at that reads the time (``bp.share['t']``); it must be
        given for such a one and has no effect on others.
    progress_bar : bool
        Whether to show one.
    **options
        Those of :func:`find_fixed_points`.

    Returns
    -------
    Branches

    Raises
    ------
    ValueError, TypeError
        If neither ``x`` nor ``params`` is given, or as :func:`find_fixed_points`.
    """
    system = as_system(system, t)
    numbers = _check.real_array("values", values)
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(f"values must have shape (V,), got {numbers.shape}")
    if x is None and params is None:
        raise ValueError("x or params must say what the values are values of")
    tables = []
    for value in tqdm(numbers.tolist(), disable=not progress_bar):
        now = None if x is None else x(value)
        replaced = None if params is None else params(value)
        tables.append(find_fixed_points(system, x=now, params=replaced, **options))
    return Branches(numbers.astype(float), tuple(tables))
