r"""Least squares from triangular factors, in double precision on the host.

The rows of :math:`A = [1, S, Y]` are reduced to the factor R of :math:`A = Q R`. Factors of parts
of the data stack to that of the whole, so that memory does not grow with time, and R holds all that
least squares needs: its first row has the means, and what is below belongs to centred data. Nothing
is squared, as it is in a Gram matrix, which keeps half of the digits only.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg
from scipy.linalg import lapack

#: Columns that LAPACK works on at a time; few are faster here.
PANEL = 16


class Solution(NamedTuple):
    """A linear map.

    Attributes
    ----------
    w : np.ndarray
        ``(num_out, num_in)``.
    b : np.ndarray
        ``(num_out,)``.
    """

    w: np.ndarray
    b: np.ndarray


#: The solution as a function of the strength.
Path = Callable[[float], Solution]


class Layout(NamedTuple):
    """What the columns of a factor are: a one where there is an intercept, inputs, outputs."""

    num_in: int
    num_out: int
    intercept: bool

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self.intercept + self.num_in + self.num_out

    def empty(self) -> np.ndarray:
        """Return the factor of no rows."""
        return np.zeros((self.width, self.width), order="F")

    def rows(self, h: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the rows ``[1, h, y]`` of samples, ``(n, width)``."""
        found = np.empty((len(h), self.width), order="F")
        found[:, 0] = 1
        found[:, self.intercept : -self.num_out] = h
        found[:, -self.num_out :] = y
        return found

    def centred(self, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return S and Y of a factor, without their means where there is an intercept."""
        below = factor[int(self.intercept) :, int(self.intercept) :]
        return below[:, : self.num_in], below[:, self.num_in :]

    def intercept_of(self, factor: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return what makes the mean error zero; the first row is ``sqrt(n) [1, mean, mean]``."""
        if not self.intercept or factor[0, 0] == 0:
            return np.zeros(self.num_out)
        s, y = np.split(factor[0, 1:], [self.num_in])
        return (y - w @ s) / factor[0, 0]

    def squared_errors(self, factor: np.ndarray, solution: Solution) -> np.ndarray:
        """Return the sums of squared errors ``(num_out,)`` on the data behind a factor."""
        left = [solution.w.T, -np.eye(self.num_out)]
        left = [solution.b[None], *left] if self.intercept else left
        return ((factor @ np.concatenate(left)) ** 2).sum(0)


def append(factor: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the factor of what is behind ``factor (C, C)`` and of rows ``(n, C)``."""
    return _reduced(factor, rows, 0)


def merge(factors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the factor of what is behind all of the factors."""
    return functools.reduce(lambda a, b: _reduced(a, b, len(b)), factors)


def _reduced(factor: np.ndarray, rows: np.ndarray, num_triangular: int) -> np.ndarray:
    """Return the factor of both; the last rows may be an upper trapezoid, whose zeros are spared.

    LAPACK's routine for stacked triangles appends rows at less than half of the time of a QR
    decomposition of everything.
    """
    return lapack.dtpqrt(num_triangular, min(PANEL, len(factor)), factor, rows)[0]


class RidgePath:
    r"""The ridge solutions of one factor for every strength, from one SVD.

    .. math:: W(\lambda)^T = V \mathrm{diag}\Big(\frac{s_i}{s_i^2 + \lambda}\Big) U^T Y

    Directions with a singular value below the rounding errors of the largest are left out, so that
    a strength of zero gives the solution of the smallest norm.
    """

    def __init__(self, layout: Layout, factor: np.ndarray) -> None:
        self._layout, self._factor = layout, factor
        s, y = layout.centred(factor)
        u, self._sizes, self._v = _svd(s)
        self._projected = u.T @ y

    def __call__(self, ridge: float) -> Solution:
        """Return the solution for one strength."""
        sizes = self._sizes
        kept = sizes > np.finfo(float).eps * len(sizes) * sizes.max()
        gain = np.where(kept, sizes, 0) / np.where(kept, sizes**2 + ridge, 1)
        w = (gain[:, None] * self._projected).T @ self._v
        return Solution(w, self._layout.intercept_of(self._factor, w))


def solve(layout: Layout, factor: np.ndarray, ridge: float) -> Solution:
    """Return the solution for one strength, without an SVD unless it is as small as rounding.

    The penalty is the squared error on samples ``sqrt(ridge) I`` whose targets are zero.
    """
    num, root = layout.num_in, ridge**0.5
    below = factor[int(layout.intercept) :, int(layout.intercept) :]
    size = np.sqrt((below[:, :num] ** 2).sum())  # at least the largest singular value
    if root <= np.finfo(float).eps * num * size:
        return RidgePath(layout, factor)(ridge)
    penalised = _reduced(below, root * np.eye(*below.shape)[:num], num)
    w = scipy.linalg.solve_triangular(penalised[:num, :num], penalised[:num, num:]).T
    return Solution(w, layout.intercept_of(factor, w))


def cross_validate(
    layout: Layout,
    factors: Sequence[np.ndarray],
    ridges: Sequence[float],
    path_of: Callable[[Layout, np.ndarray], Path] = RidgePath,
) -> np.ndarray:
    """Return the error of each strength ``(K,)``, each part predicted from all the others.

    Squared errors are in units of the outputs' variances, and averaged over outputs.
    """
    total = np.zeros((len(ridges), layout.num_out))
    for i, held in enumerate(factors):
        path = path_of(layout, merge([*factors[:i], *factors[i + 1 :]]))
        total += [layout.squared_errors(held, path(ridge)) for ridge in ridges]
    variance = (layout.centred(merge(factors))[1] ** 2).sum(0)
    return (total / np.where(variance > 0, variance, 1)).mean(1)


def _svd(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    try:
        return scipy.linalg.svd(matrix, full_matrices=False, check_finite=False)
    except np.linalg.LinAlgError:  # divide and conquer may fail where QR iterations do not
        return scipy.linalg.svd(matrix, full_matrices=False, lapack_driver="gesvd")
