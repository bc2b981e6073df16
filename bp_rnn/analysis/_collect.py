"""Tell fixed points apart, and from what is none."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.spatial import distance

from bp_rnn.analysis import stability
from bp_rnn.analysis._starts import Region
from bp_rnn.functional.zeros import TOLERANCE

#: Largest residual of an end that Newton's method may polish to a fixed point, as a power of the
#: float type's epsilon. Levenberg and Marquardt's, which squares J, stops where J is near-singular.
NEAR = 0.5
#: Distance within which two ends are one point, as such a power (9e-7 or 2e-3), and that of the
#: points that stand for a continuum; both relative to the states.
SAME, COARSE = 0.385, 0.02
#: Largest Newton step at a fixed point, as such a power, relative to the states.
NEWTON = 0.5
#: Largest residual where J is singular, and what of J counts as none, in rounding errors.
ROUNDING, NOTHING = 100, 1000
#: How far a Newton step there may go, relative to the states.
MOVES = 1e-3
#: How far from a point with a singular J its neighbours are looked for, relative to the states, the
#: directions for each dimension in which J is singular, and such dimensions at most.
AWAY, EACH, MOST = 0.1, 2, 8
#: Distance within which ends are one point where J is singular there alone, as such a power.
BLURRED = 0.12

#: What a point is. J can be inverted at a REGULAR one; a DEGENERATE one is alone too, although it
#: can't; a CONTINUOUS one stands for others next to it.
SLOW, CONTINUOUS, DEGENERATE, REGULAR = range(4)


class Scale(NamedTuple):
    """Typical distance between states, typical slope of F, and epsilon of the float type."""

    state: float
    rate: float
    eps: float


class Look(NamedTuple):
    """A point looked at closely: state ``(S,)``, F ``(S,)``, dF/ds ``(S, S)``."""

    state: np.ndarray
    f: np.ndarray
    jac: np.ndarray


class Collection:
    """The different points found so far.

    Parameters
    ----------
    look : callable
        States ``(K, S)`` to a list of :class:`Look`, polished.
    search : callable
        Starts ``(N, S)`` and a scale to where the searches from there end, unpolished.
    scale : Scale
        What distances and residuals are compared with.
    region : Region
        Where points can be.
    slow : float or None
        Largest speed of a slow point; None collects none.
    """

    def __init__(
        self,
        look: Callable[[np.ndarray], list[Look]],
        search: Callable[[np.ndarray, Scale], list[np.ndarray]],
        scale: Scale,
        region: Region,
        slow: float | None,
    ):
        self.look, self.search = look, search
        self.scale, self.region, self.slow = scale, region, slow
        self.points: list[Look] = []
        self.kinds: list[int] = []
        self.hits = np.zeros(0, int)

    def add(self, ends: np.ndarray, residual: np.ndarray, stationary: np.ndarray) -> np.ndarray:
        """Take ends of a search; return how often each known point was hit.

        Parameters
        ----------
        ends, residual, stationary : np.ndarray
            As of :func:`bp_rnn.functional.zeros.find`.
        """
        size = self.scale.state + np.abs(ends).max(1)
        wanted = residual <= self.scale.eps**NEAR * self.scale.rate * size
        if self.slow is not None:
            wanted |= stationary & (0.5 * residual**2 <= self.slow)
        wanted &= np.isfinite(residual)
        ends, residual = ends[wanted], residual[wanted]
        places, known = self._new(ends, residual), len(self.points)
        for point in self.look(ends[places]) if len(places) else ():
            self._consider(point)
        self._look_around(known)
        nearest, near = self._nearest(ends)
        hits = np.bincount(nearest[near], minlength=len(self.points))
        self.hits = np.pad(self.hits, (0, len(hits) - len(self.hits))) + hits
        return hits

    @property
    def states(self) -> np.ndarray:
        """The fixed points ``(K, S)``."""
        fixed = [p.state for p, kind in zip(self.points, self.kinds, strict=True) if kind]
        return np.array(fixed)

    @property
    def isolated(self) -> np.ndarray:
        """Which points are isolated fixed points, flags."""
        return np.array(self.kinds, int) >= DEGENERATE

    @property
    def is_repeated(self) -> bool:
        """Whether there are fixed points, and each was hit more than once."""
        hits = self.hits[np.array(self.kinds, int) != SLOW]
        return len(hits) > 0 and bool((hits > 1).all())

    @property
    def num_isolated(self) -> int:
        """How many of them there are."""
        return int(self.isolated.sum())

    def _new(self, ends: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """Return the places of ends that are no known point, one of each, the best ones first."""
        left = np.flatnonzero(~self._nearest(ends)[1])
        left = left[np.argsort(residual[left], kind="stable")]
        places = []
        while len(left):
            places.append(left[0])
            apart = np.abs(ends[left] - ends[left[0]]).max(1)
            left = left[apart > self._reach(REGULAR)]
        return np.array(places, int)

    def _consider(self, point: Look) -> None:
        """Keep a point that is fixed or slow, unless it is one that is kept."""
        kind = self._kind(point)
        if kind is not None and not self._nearest(point.state[None])[1][0]:
            self.points.append(point)
            self.kinds.append(kind)

    def _kind(self, point: Look) -> int | None:
        residual = np.abs(point.f).max()
        size = self.scale.state + np.abs(point.state).max()
        if not np.isfinite(point.jac).all() or not np.isfinite(residual):
            return None
        if not self._is_between(point.state, self.region.low, self.region.high):
            return None
        if residual > self.scale.eps**TOLERANCE * self.scale.rate * size:
            return self._slow(point)
        if len(self._null(point)):
            return CONTINUOUS if self._rests(point, residual, size) else self._slow(point)
        newton = np.abs(np.linalg.solve(point.jac, point.f)).max()
        return REGULAR if newton <= self.scale.eps**NEWTON * size else None

    def _rests(self, point: Look, residual: float, size: float) -> bool:
        """Return whether F is zero where J is singular, and not just too small to be told."""
        if not self._is_between(point.state, self.region.home_low, self.region.home_high):
            return False
        # F that fades away in the distance has a small J too
        newton = np.linalg.pinv(point.jac, NOTHING * self.scale.eps) @ point.f
        rounding = ROUNDING * self.scale.eps * self.scale.rate * size
        return bool(residual <= rounding and np.abs(newton).max() <= MOVES * size)

    def _look_around(self, first: int) -> None:
        """Tell points next to which there are others from those at a bifurcation, which are alone.

        Searches start a little away, in the directions in which J is singular. On a line or a ring
        they end next to where they start, at a point where J is singular too.
        """
        places = [i for i in range(first, len(self.points)) if self.kinds[i] == CONTINUOUS]
        if not places:
            return
        starts = [self._around(self.points[i]) for i in places]
        owners = np.repeat(places, [len(s) for s in starts])
        ends = self.search(np.concatenate(starts), self.scale)[0]
        alone = set(places)
        for owner, end in zip(owners.tolist(), self.look(ends), strict=True):
            apart = np.abs(end.state - self.points[owner].state).max()
            is_near = 0.25 <= apart / (AWAY * self.scale.state) <= 4
            if is_near and self._kind(end) == CONTINUOUS:
                alone.discard(owner)
        for i in alone:
            self.kinds[i] = DEGENERATE

    def _around(self, point: Look) -> np.ndarray:
        """Return states next to a point, in the directions in which J is singular, ``(N, S)``."""
        null = self._null(point)[-MOST:]
        mixed = np.random.default_rng(0).standard_normal((EACH * len(null), len(null))) @ null
        ways = null if len(null) == 1 else np.concatenate([null, mixed])
        ways = AWAY * self.scale.state * ways / np.abs(ways).max(1, keepdims=True)
        return np.clip(point.state + np.concatenate([ways, -ways]), *self.region[:2])

    def _null(self, point: Look) -> np.ndarray:
        """Return the directions in which J is singular, ``(d, S)``."""
        _, sizes, directions = np.linalg.svd(point.jac)
        return directions[sizes <= self.marginal]

    def _is_between(self, state: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
        slack = self.scale.eps**NEWTON * self.scale.state
        return bool(((state >= low - slack) & (state <= high + slack)).all())

    def _slow(self, point: Look) -> int | None:
        is_slow = self.slow is not None and 0.5 * point.f @ point.f <= self.slow
        return SLOW if is_slow else None

    @property
    def marginal(self) -> float:
        """Eigenvalues and singular values up to this count as zero."""
        return self.scale.eps**stability.MARGINAL * self.scale.rate

    def _reach(self, kind: int) -> float:
        parts = {REGULAR: self.scale.eps**SAME, DEGENERATE: self.scale.eps**BLURRED}
        return self.scale.state * parts.get(kind, COARSE)

    def _nearest(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the known point nearest to each state, and whether it is the same one."""
        if not self.points:
            return np.zeros(len(states), int), np.zeros(len(states), bool)
        known = np.array([point.state for point in self.points])
        apart = distance.cdist(states, known, "chebyshev")
        reach = np.array([self._reach(kind) for kind in self.kinds])
        nearest = (apart / reach).argmin(1)
        return nearest, apart[np.arange(len(states)), nearest] <= reach[nearest]
