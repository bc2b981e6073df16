"""Weights to start from, within the bounds of a rule."""

from collections.abc import Callable
from typing import Any

import brainpy as bp
import numpy as np

from bp_rnn.cells._parameter import fan_in_normal

Bounds = tuple[float, float]
FREE: Bounds = (-float("inf"), float("inf"))


def within(bounds: Bounds, num_in: int) -> Callable[..., Any]:
    r"""Return an initialiser whose weights are from ``bounds[0]`` to ``bounds[1]``.

    Without bounds it is the normal one with deviation :math:`1 / \sqrt{n_{in}}`. Otherwise it is
    the uniform one of the same deviation, whose interval is moved, and cut where it must be, to
    lie within the bounds.
    """
    if bounds == FREE:
        return fan_in_normal(num_in)
    low, high = bounds
    width = 2 * (3 / num_in) ** 0.5
    start = float(np.clip(-width / 2, low, high))
    end = min(high, start + width)
    return bp.init.Uniform(max(low, end - width), end)
