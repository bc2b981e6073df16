"""The plane of two units: where the flow goes, and where it rests."""

from typing import TYPE_CHECKING, Any

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.analysis.systems import System, as_input, as_system
from bp_rnn.cells import Cell
from bp_rnn.functional.separatrix import separatrix
from bp_rnn.plot._axes import current

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Limits = tuple[float, float]
#: Points a side, of the flow and of the nullclines.
COARSE, FINE = 30, 301


def plot_phase_plane(
    system: System | bp.DynamicalSystem,
    x: Any = None,
    *,
    xlim: Limits | None = None,
    ylim: Limits | None = None,
    saddle: Any = None,
    paths: Any = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the flow and the nullclines of two state variables under a constant input.

    Parameters
    ----------
    system : Cell, bp.DynamicalSystem, Flow or Map
        With two state variables; its ``derivative`` is drawn, of a map the change in one step.
    x : array, optional
        Input ``(num_in,)``, zero by default.
    xlim, ylim : pair of float, optional
        Of the first and the second state variable. By default -0.1 to 1.1 for a
        cell; for a Flow or a Map what ``paths`` go through, and -3 to 3 without them.
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
    TypeError, ValueError
        If ``system`` is none of these or has another number of state variables, ``x`` or ``paths``
        have another shape, or there is no saddle near ``saddle``.
    """
    system = as_system(system)
    if system.size != 2:
        raise ValueError(f"system must have two state variables, got {system.size}")
    params, x = system.params(), as_input(system, x)
    lines = _as_paths(paths)
    xlim, ylim = _limits(system, lines, xlim, ylim)

    def rate(state: Any) -> Any:
        return system.derivative(params, state, x)

    length = 1.5 * (xlim[1] - xlim[0] + ylim[1] - ylim[0])
    border = None if saddle is None else separatrix(rate, saddle, length)
    ax = current(ax)
    (u, v), (du, dv) = _grid(rate, xlim, ylim, COARSE)
    ax.streamplot(u, v, du, dv, color="0.75", linewidth=0.7, arrowsize=0.8, density=0.9, zorder=1)
    (u, v), slopes = _grid(rate, xlim, ylim, FINE)
    name = "unit" if isinstance(system, Cell) else "variable"
    for i, (slope, style) in enumerate(zip(slopes, ("solid", "dashed")), 1):
        ax.contour(u, v, slope, [0], colors="k", linewidths=1.2, linestyles=style)
        ax.plot([], [], "k", ls=style, lw=1.2, label=f"{name} {i} at rest")
    if border is not None:
        ax.plot(*border.T, color="0.4", lw=2.5, label="separatrix", zorder=2)
        ax.plot(*border[len(border) // 2], "o", ms=7, mec="k", mfc="w", zorder=4)
    for path in lines:
        (line,) = ax.plot(*path.T, lw=1.5, zorder=3)
        ax.plot(*path[-1], "o", ms=6, color=line.get_color(), zorder=4)
    ax.set(xlim=xlim, ylim=ylim)
    what = "activity of unit" if isinstance(system, Cell) else "variable"
    ax.set(xlabel=f"{what} 1 (a.u.)", ylabel=f"{what} 2 (a.u.)")
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize="small")
    return ax


def _as_paths(paths: Any) -> np.ndarray:
    """Return trajectories ``(batch, time, 2)``, none for None."""
    if paths is None:
        return np.zeros((0, 1, 2))
    lines = np.asarray(paths, float)
    if lines.ndim not in (2, 3) or lines.shape[-1] != 2 or not lines.size:
        raise ValueError(f"paths must have shape (..., time, 2), got {lines.shape}")
    return lines.reshape(-1, *lines.shape[-2:])


def _limits(
    system: System, lines: np.ndarray, xlim: Limits | None, ylim: Limits | None
) -> tuple[Limits, Limits]:
    """Return the limits of both axes."""
    default = (-0.1, 1.1) if isinstance(system, Cell) else (-3.0, 3.0)
    limits = []
    for i, given in enumerate((xlim, ylim)):
        if given is None and len(lines) and not isinstance(system, Cell):
            low, high = np.nanmin(lines[..., i]), np.nanmax(lines[..., i])
            margin = 0.1 * (high - low) or 1.0
            given = float(low - margin), float(high + margin)
        limits.append(default if given is None else given)
    return limits[0], limits[1]


def _grid(rate: Any, xlim: Limits, ylim: Limits, num: int) -> tuple[Any, np.ndarray]:
    """Return the coordinates of a grid and the two slopes there, ``(2, num, num)``."""
    points = np.meshgrid(np.linspace(*xlim, num), np.linspace(*ylim, num))
    states = jnp.asarray(np.stack(points, -1).reshape(-1, 2), bm.float_)
    slopes = np.asarray(jax.jit(jax.vmap(rate))(states))
    return points, slopes.T.reshape(2, num, num)
