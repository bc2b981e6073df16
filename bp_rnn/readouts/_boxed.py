"""Ridge regression within bounds, from a triangular factor."""

import numpy as np
import scipy.linalg
import scipy.optimize

from bp_rnn.functional.constraint import Box
from bp_rnn.readouts._factor import Layout, Solution
from bp_rnn.typing import Array


def allowed(box: Box, value: Array) -> np.ndarray:
    """Return the lowest and highest values ``(..., 2)``; what is not free is its ``value``."""
    free, low, high = (np.asarray(v, bool if i == 0 else float) for i, v in enumerate(box))
    held = np.clip(np.asarray(value, float), low, high)
    return np.stack([np.where(free, low, held), np.where(free, high, held)], axis=-1)


def within(
    layout: Layout, factor: np.ndarray, limits: dict[str, np.ndarray], ridge: float
) -> Solution:
    r"""Return the best map within bounds on its weights, each output for itself.

    .. math:: \min_{l \le (w, b) \le u} |y - S w - b|^2 + \lambda |w|^2

    Weights with equal bounds go to the other side. What is left is least squares, or where bounds
    are finite bounded least squares by active sets (BVLS, Stark & Parker 1995).

    Parameters
    ----------
    layout, factor
        The data.
    limits : dict of np.ndarray
        ``w`` ``(num_out, num_in, 2)`` and ``b`` ``(num_out, 2)``, where they are bound.
    ridge : float
        Strength.
    """
    first, num_out = int(layout.intercept), layout.num_out
    num = first + layout.num_in
    penalty = np.r_[np.zeros(first), np.full(layout.num_in, ridge**0.5)]
    a = np.concatenate([factor[:, :num], np.diag(penalty)])
    y = np.concatenate([factor[:, num:], np.zeros((num, num_out))])
    bounds = np.broadcast_to([-np.inf, np.inf], (num_out, num, 2)).copy()
    if "w" in limits:
        bounds[:, first:] = limits["w"]
    if "b" in limits and first:
        bounds[:, 0] = limits["b"]
    found = np.stack([_one(a, y[:, k], *bounds[k].T) for k in range(num_out)])
    b = found[:, 0] if first else np.zeros(num_out)
    return Solution(found[:, first:], b)


def _one(a: np.ndarray, y: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the least squares solution of one output within bounds."""
    found, is_open = low.copy(), low < high
    if not is_open.any():
        return found
    left, right = a[:, is_open], y - a[:, ~is_open] @ low[~is_open]
    low, high = low[is_open], high[is_open]
    if np.isinf(low).all() and np.isinf(high).all():
        found[is_open] = scipy.linalg.lstsq(left, right)[0]
        return found
    result = scipy.optimize.lsq_linear(left, right, (low, high), method="bvls", tol=1e-14)
    if result.status < 1:
        raise FloatingPointError(
            f"bounded least squares did not end in {result.nit} steps; use a larger ridge"
        )
    found[is_open] = np.clip(result.x, low, high)
    return found
