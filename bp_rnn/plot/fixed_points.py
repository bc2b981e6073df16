"""Fixed points in the state space and over a parameter."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bp_rnn.analysis import Branches, FixedPoints
from bp_rnn.plot._axes import current

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Marker, face and size by stability: full where stable, empty where all modes grow.
LOOKS = {
    "stable": ("o", "black", 7.0),
    "saddle": ("D", "0.75", 5.5),
    "unstable": ("o", "white", 7.0),
    "marginal": ("s", "0.45", 3.5),
    "slow": ("^", "white", 5.0),
}
#: Length of an unstable direction, as a part of the extent of the picture.
LENGTH = 0.12


def plot_state_space(
    points: FixedPoints,
    trajectories: Any = None,
    *,
    num_dim: int = 2,
    basis: Any = None,
    directions: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw fixed points, their unstable directions and trajectories, by principal components.

    Full discs are stable, grey diamonds saddles, empty discs unstable, grey squares marginal and
    triangles slow points. The lines through them are the directions in which they are left.

    Parameters
    ----------
    points : FixedPoints
        Of :func:`bp_rnn.analysis.find_fixed_points`.
    trajectories : array, optional
        ``(T, S)`` or ``(batch, T, S)``.
    num_dim : {2, 3}
        Dimensions of the picture.
    basis : array, optional
        Vectors ``(num_dim, S)`` to project on, such as rows of ``w_out``, instead of the principal
        components of the trajectories, or of the points where there are none. No more than
        ``num_dim`` states are drawn as they are.
    directions : bool
        Whether to draw unstable directions.
    ax : matplotlib axes, optional
        With a 3-D projection for three dimensions. By default the current ones, or new 3-D ones.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is nothing to draw, or a shape or ``num_dim`` does not fit.
    """
    if num_dim not in (2, 3):
        raise ValueError(f"num_dim must be 2 or 3, got {num_dim}")
    ax = _space(ax, num_dim)
    states = points.state if trajectories is None else np.asarray(trajectories, float)
    if states.ndim < 2 or states.shape[-1] != points.state.shape[1] or not states.size:
        raise ValueError(
            f"trajectories must have shape (..., T, {points.state.shape[1]}), got {states.shape}"
        )
    flat = states.reshape(-1, states.shape[-1])
    axes, centre, names = _basis(flat, num_dim, basis)
    if trajectories is not None:
        for line in states.reshape(-1, *states.shape[-2:]):
            ax.plot(*((line - centre) @ axes.T).T, color="0.6", lw=0.6, zorder=1)
    seen = (points.state - centre) @ axes.T
    extent = np.ptp(np.concatenate([seen, (flat - centre) @ axes.T]), axis=0).max()
    for i in range(len(points) if directions else 0):
        for row in points.unstable_directions(i) @ axes.T:
            ends = seen[i] + LENGTH * extent * np.outer([-1, 1], row)
            ax.plot(*ends.T, color="black", lw=1.2, zorder=3)
    _draw_points(ax, points, seen)
    for name, label in zip("xyz", names, strict=False):
        getattr(ax, f"set_{name}label")(label)
    return ax


def plot_bifurcation(
    branches: Branches,
    read_out: Callable[[np.ndarray], np.ndarray] | int = 0,
    *,
    xlabel: str = "parameter",
    ylabel: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw where the fixed points are over a parameter.

    Parameters
    ----------
    branches : Branches
        Of :func:`bp_rnn.analysis.fixed_points_along`.
    read_out : int or callable
        What is drawn of a state: an entry, or ``states (K, S) -> (K,)``.
    xlabel, ylabel : str
        Names of the axes; by default that of the entry.
    ax : matplotlib axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    if callable(read_out):
        read, name = read_out, "read-out"
    else:
        read, name = (lambda states: states[:, read_out]), f"state, entry {read_out}"
    drawn: dict[str, list[np.ndarray]] = {}
    for value, points in branches.rows():
        kinds = _kinds(points)
        heights = np.asarray(read(points.state))
        for kind in np.unique(kinds):
            mine = heights[kinds == kind]
            drawn.setdefault(str(kind), []).append(np.stack([np.full(len(mine), value), mine]))
    for kind, parts in drawn.items():
        marker, face, size = LOOKS[kind]
        where = np.concatenate(parts, axis=1)
        style: dict[str, Any] = {"mfc": face, "mec": "black", "mew": 0.6, "ms": 0.6 * size}
        ax.plot(*where, marker, label=kind, **style)
    ax.set(xlabel=xlabel, ylabel=name if ylabel is None else ylabel)
    _legend(ax)
    return ax


def _space(ax: "Axes | None", num_dim: int) -> "Axes":
    import matplotlib.pyplot as plt  # only who draws pays for it

    if num_dim == 2:
        return current(ax)
    if ax is None:
        return plt.figure().add_subplot(projection="3d")
    if ax.name != "3d":
        raise ValueError("ax must have projection='3d' for num_dim=3")
    return ax


def _basis(
    states: np.ndarray, num_dim: int, basis: Any
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the vectors to project on, the state at the origin, and the names of the axes."""
    size, origin = states.shape[1], np.zeros(states.shape[1])
    if basis is not None:
        axes = np.asarray(basis, float)
        if axes.shape != (num_dim, size):
            raise ValueError(f"basis must have shape ({num_dim}, {size}), got {axes.shape}")
        return axes, origin, [f"projection {i + 1}" for i in range(num_dim)]
    if size <= num_dim:
        return np.eye(num_dim, size), origin, [f"state {i + 1}" for i in range(size)]
    centre = states.mean(0)
    _, spread, axes = np.linalg.svd(states - centre, full_matrices=False)
    axes = np.pad(axes, ((0, max(0, num_dim - len(axes))), (0, 0)))[:num_dim]
    spread = np.pad(spread, (0, num_dim)) ** 2
    share = 100 * spread / max(spread.sum(), np.finfo(float).tiny)
    # of an eigenvector both signs are right: that with the largest entry above zero
    signs = np.sign(axes[np.arange(num_dim), np.abs(axes).argmax(1)])
    axes = axes * np.where(signs == 0, 1, signs)[:, None]
    return axes, centre, [f"PC {i + 1} ({share[i]:.0f} %)" for i in range(num_dim)]


def _draw_points(ax: "Axes", points: FixedPoints, seen: np.ndarray) -> None:
    kinds = _kinds(points)
    for kind, (marker, face, size) in LOOKS.items():
        mine = seen[kinds == kind]
        if len(mine):
            style: dict[str, Any] = {
                "ls": "",
                "mfc": face,
                "mec": "black",
                "mew": 0.8,
                "ms": size,
                "zorder": 4,
            }
            ax.plot(*mine.T, marker=marker, label=kind, **style)
    _legend(ax)


def _kinds(points: FixedPoints) -> np.ndarray:
    names = np.array([name.split()[0] for name in points.stability], str)
    return np.where(points.is_fixed, names, "slow")


def _legend(ax: "Axes") -> None:
    """Put the legend above the axes, where no point is."""
    columns = len(ax.get_legend_handles_labels()[1])
    if columns:
        place: dict[str, Any] = {
            "loc": "lower center",
            "bbox_to_anchor": (0.5, 1.0),
            "ncols": columns,
        }
        ax.legend(frameon=False, handletextpad=0.2, columnspacing=1.2, **place)
