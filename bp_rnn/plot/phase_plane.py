"""The plane of two units: where the flow goes, and where it rests."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.cells import Cell
from bp_rnn.functional.separatrix import separatrix
from bp_rnn.plot._axes import current

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Limits = tuple[float, float]
#: Points a side, of the flow and of the nullclines.
COARSE, FINE = 30, 301


def plot_phase_plane(
    cell: Cell,
    x: Any = None,
    *,
    xlim: Limits = (-0.1, 1.1),
    ylim: Limits = (-0.1, 1.1),
    saddle: Any = None,
    paths: Any = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the flow and the nullclines of two units under a constant input.

    Parameters
    ----------
    cell : Cell
        With two state variables; its ``derivative`` is drawn.
    x : array, optional
        Input ``(num_in,)``, zero by default.
    xlim, ylim : pair of float
        Of the first and the second state variable.
    saddle : array, optional
        ``(2,)``, near a saddle (Newton's method finds it): its separatrix is drawn, the border
        between two basins of attraction.
    paths : array, optional
        Trajectories ``(time, 2)`` or ``(batch, time, 2)``, such as ``runner.mon.r``; a dot marks
        where each ends.
    ax : matplotlib axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the cell has another number of state variables, ``x`` another shape, or there is no
        saddle near ``saddle``.
    """
    if cell.size != 2:
        raise ValueError(f"cell must have two state variables, got {cell.size}")
    x = jnp.zeros(cell.num_in, cell.state.dtype) if x is None else jnp.asarray(x, cell.state.dtype)
    if x.shape != (cell.num_in,):
        raise ValueError(f"x must have shape ({cell.num_in},), got {x.shape}")
    params = cell.params()

    def rate(state: Any) -> Any:
        return cell.derivative(params, state, x)

    length = 1.5 * (xlim[1] - xlim[0] + ylim[1] - ylim[0])
    border = None if saddle is None else separatrix(rate, saddle, length)
    ax = current(ax)
    (u, v), (du, dv) = _grid(rate, xlim, ylim, COARSE)
    ax.streamplot(u, v, du, dv, color="0.75", linewidth=0.7, arrowsize=0.8, density=0.9, zorder=1)
    (u, v), slopes = _grid(rate, xlim, ylim, FINE)
    for i, (slope, style) in enumerate(zip(slopes, ("solid", "dashed")), 1):
        ax.contour(u, v, slope, [0], colors="k", linewidths=1.2, linestyles=style)
        ax.plot([], [], "k", ls=style, lw=1.2, label=f"unit {i} at rest")
    if border is not None:
        ax.plot(*border.T, color="0.4", lw=2.5, label="separatrix", zorder=2)
        ax.plot(*border[len(border) // 2], "o", ms=7, mec="k", mfc="w", zorder=4)
    if paths is not None:
        for path in np.asarray(paths).reshape(-1, *np.shape(paths)[-2:]):
            (line,) = ax.plot(*path.T, lw=1.5, zorder=3)
            ax.plot(*path[-1], "o", ms=6, color=line.get_color(), zorder=4)
    ax.set(xlim=xlim, ylim=ylim)
    ax.set(xlabel="activity of unit 1 (a.u.)", ylabel="activity of unit 2 (a.u.)")
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize="small")
    return ax


def _grid(rate: Any, xlim: Limits, ylim: Limits, num: int) -> tuple[Any, np.ndarray]:
    """Return the coordinates of a grid and the two slopes there, ``(2, num, num)``."""
    points = np.meshgrid(np.linspace(*xlim, num), np.linspace(*ylim, num))
    states = jnp.asarray(np.stack(points, -1).reshape(-1, 2), float)
    slopes = np.asarray(jax.jit(jax.vmap(rate))(states))
    return points, slopes.T.reshape(2, num, num)
