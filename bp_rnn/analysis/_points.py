"""The table of fixed points."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from bp_rnn.analysis import stability


class Search(NamedTuple):
    """How thorough a search was.

    Attributes
    ----------
    num_start : int
        Starts of all rounds, without the candidates.
    missed : float
        Estimated number of isolated fixed points that it has missed, by Chao's estimator
        :math:`f_1^2 / 2 f_2`, from the numbers of points that were hit once and twice; infinite
        without a round.
    coverage : float
        Estimated chance that another start leads to a point that is known, by Good and Turing's
        :math:`1 - f_1 / n` of n hits.
    is_complete : bool
        Whether it ended because nothing seemed to be missing, and not because of ``max_round``, and
        each fixed point was hit by more than one start; False where none was found.
    """

    num_start: int
    missed: float
    coverage: float
    is_complete: bool

    def __repr__(self) -> str:
        return (
            f"Search(num_start={self.num_start}, missed={self.missed:.3g}, "
            f"coverage={self.coverage:.3g}, is_complete={self.is_complete})"
        )


@dataclasses.dataclass(frozen=True, repr=False)
class FixedPoints:
    r"""Fixed points, the most stable first, and after them slow points, if any were asked for.

    ``len(points)`` is their number K, and ``points[which]`` a table of some of them, where
    ``which`` is a slice, an array of places or one of flags: ``points[points.is_stable]``.

    Attributes
    ----------
    state : np.ndarray
        ``(K, S)``.
    residual : np.ndarray
        Largest :math:`|F_i|`, ``(K,)``.
    speed : np.ndarray
        :math:`q = |F|^2 / 2`, ``(K,)``.
    is_fixed : np.ndarray
        False for slow points, ``(K,)``.
    is_isolated : np.ndarray
        Whether there is no other fixed point next to it, ``(K,)``: dF/ds can be inverted, or it is
        at a bifurcation. Points of a line, a ring or a plane are not isolated; some of them stand
        for all.
    jac : np.ndarray
        ``(K, S, S)``: dF/ds of a flow, ds_{t+1}/ds_t of a map.
    eigenvalues : np.ndarray
        Of ``jac``, ``(K, S)``, the fastest to grow first.
    eigenvectors : np.ndarray
        ``(K, S, S)``, in columns.
    stability : np.ndarray
        Names as of :func:`bp_rnn.analysis.classify`, ``(K,)``.
    num_unstable : np.ndarray
        Modes that grow, ``(K,)``: the index of a saddle.
    hits : np.ndarray
        Starts that ended there, ``(K,)``.
    x : np.ndarray
        The input, ``(num_in,)``.
    is_continuous : bool
        Whether the system is a flow.
    dt : float
        Time of one step.
    search : Search
        How thorough the search was.
    """

    state: np.ndarray
    residual: np.ndarray
    speed: np.ndarray
    is_fixed: np.ndarray
    is_isolated: np.ndarray
    jac: np.ndarray
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray
    stability: np.ndarray
    num_unstable: np.ndarray
    hits: np.ndarray
    x: np.ndarray
    is_continuous: bool
    dt: float
    search: Search

    def __len__(self) -> int:
        return len(self.state)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{count} {name}" for name, count in self.totals().items())
        slow = int((~self.is_fixed).sum())
        head = f"{len(self) - slow} fixed points" + (f" ({kinds})" if kinds else "")
        if slow:
            head += f", {slow} slow points"
        head += f", state of {self.state.shape[1]}; {self.search!r}"
        rows = [_row(self, i) for i in range(min(len(self), SHOWN))]
        if len(self) > SHOWN:
            rows.append(f"... {len(self) - SHOWN} more")
        titles = [f"{'stability':16} {'unstable':>8} {'residual':>9} {'hits':>6}  state"]
        return "\n".join([head, *titles[: len(rows)], *rows])

    def __getitem__(self, which: Any) -> "FixedPoints":
        # a single place keeps its axis
        places = np.atleast_1d(np.arange(len(self))[which])
        rows = {name: getattr(self, name)[places] for name in COLUMNS}
        return dataclasses.replace(self, **rows)

    @property
    def is_stable(self) -> np.ndarray:
        """Whether small perturbations die out, ``(K,)``."""
        return np.char.startswith(self.stability, "stable")

    @property
    def growth(self) -> np.ndarray:
        """Rate at which each mode grows, per unit of time, ``(K, S)``."""
        return stability.growth_rates(self.eigenvalues, self.is_continuous, self.dt)

    @property
    def time_constants(self) -> np.ndarray:
        """Time in which each mode falls or grows by a factor e, ``(K, S)``."""
        with np.errstate(divide="ignore"):
            return 1 / np.abs(self.growth)

    def unstable_directions(self, place: int) -> np.ndarray:
        """Return unit vectors that span the unstable modes of one point, ``(num_unstable, S)``.

        A complex mode gives two, its real and its imaginary part.
        """
        count = self.num_unstable[place]
        values, vectors = self.eigenvalues[place, :count], self.eigenvectors[place, :, :count].T
        real = [
            v.imag if value.imag < 0 else v.real for value, v in zip(values, vectors, strict=True)
        ]
        rows = np.array(real).reshape(count, self.state.shape[1])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def totals(self) -> dict[str, int]:
        """Return how many fixed points there are of each stability; slow points are left out."""
        names, counts = np.unique(self.stability[self.is_fixed], return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _row(points: FixedPoints, i: int) -> str:
    """Return the line of one point in a table."""
    name = points.stability[i] if points.is_fixed[i] else "slow"
    entries = [f"{v:.3g}" for v in points.state[i, :ENTRIES]]
    more = ", ..." if points.state.shape[1] > ENTRIES else ""
    state = f"[{', '.join(entries)}{more}]"
    counts = f"{points.num_unstable[i]:8} {points.residual[i]:9.1e} {points.hits[i]:6}"
    return f"{name:16} {counts}  {state}"


#: Points of a table that are printed, and entries of their states.
SHOWN, ENTRIES = 16, 4
#: The attributes with one entry a point.
COLUMNS = (
    "state",
    "residual",
    "speed",
    "is_fixed",
    "is_isolated",
    "jac",
    "eigenvalues",
    "eigenvectors",
    "stability",
    "num_unstable",
    "hits",
)
