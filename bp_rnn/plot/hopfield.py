"""What an associative memory holds, recalls and forgets."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bp_rnn import hopfield
from bp_rnn.plot._axes import current
from bp_rnn.plot._images import mosaic

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_patterns(
    patterns: Any,
    *,
    shape: tuple[int, int] | None = None,
    columns: int | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw patterns, or probes, as images side by side.

    Parameters
    ----------
    patterns : array
        ``(num,)`` or ``(M, num)``.
    shape : pair of int, optional
        Rows and columns of an image, with ``num`` as their product; square by default.
    columns : int, optional
        Images in a row; all by default.
    ax : matplotlib axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If ``shape`` does not fit.
    """
    ax = current(ax)
    canvas = mosaic(np.atleast_2d(np.asarray(patterns)), shape, columns)
    ax.imshow(canvas, cmap="gray_r", interpolation="nearest")
    ax.set_axis_off()
    return ax


def plot_energy(energy: Any, *, ax: "Axes | None" = None, label: str | None = None) -> "Axes":
    """Draw the energy over the steps of one or several runs.

    Parameters
    ----------
    energy : array
        ``(T,)`` or ``(batch, T)``, such as ``runner.mon.energy``.
    ax : matplotlib axes, optional
        The current ones by default.
    label : str, optional
        For the legend.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    values = np.atleast_2d(np.asarray(energy))
    lines = ax.plot(np.arange(values.shape[1]), values.T, lw=1.5)
    ax.set(xlabel="step", ylabel="energy E")
    if label is not None:
        lines[0].set_label(label)
        ax.legend(frameon=False)
    return ax


def plot_retrieval(
    curve: hopfield.RetrievalCurve,
    *,
    ax: "Axes | None" = None,
    label: str | None = None,
    theory: bool = True,
) -> "Axes":
    """Draw the overlap after retrieval against the load.

    Each dot is the mean of a sample, the line that of all with its standard error.

    Parameters
    ----------
    curve : RetrievalCurve
        Of :func:`bp_rnn.hopfield.retrieval_curve`.
    ax : matplotlib axes, optional
        The current ones by default.
    label : str, optional
        For the legend; the number of units by default.
    theory : bool
        Whether to draw the mean-field curve of the outer product, and its transition.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    label = f"N = {curve.num}" if label is None else label
    bars = ax.errorbar(curve.load, curve.mean, curve.error, fmt="o-", ms=4, lw=1, label=label)
    color = bars.lines[0].get_color()
    ax.plot(curve.load, curve.overlap.mean(2), ".", color=color, ms=2, alpha=0.4)
    if theory:
        critical = hopfield.mean_field.transition()
        load = np.linspace(0, critical.load, 200)
        ax.plot(load, hopfield.mean_field.overlap(load), "k-", lw=1, label="mean-field theory")
        ax.plot([critical.load] * 2, [0, critical.overlap], "k:", lw=1)
    ax.set(xlabel="load M / N", ylabel="overlap m", ylim=(0, 1.05))
    ax.legend(frameon=False, loc="lower left")
    return ax


def plot_basin(
    basin: hopfield.Basin, *, ax: "Axes | None" = None, label: str | None = None
) -> "Axes":
    """Draw the overlap after retrieval against that of the probe.

    Parameters
    ----------
    basin : Basin
        Of :func:`bp_rnn.hopfield.basin_of_attraction`.
    ax : matplotlib axes, optional
        The current ones by default.
    label : str, optional
        For the legend.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    if not ax.lines:
        ax.plot([0, 1], [0, 1], "k:", lw=1)
    ax.plot(basin.start, basin.overlap, "o-", ms=4, lw=1, label=label)
    ax.set(xlabel="overlap of the probe", ylabel="overlap after retrieval")
    if label is not None:
        ax.legend(frameon=False)
    return ax


def plot_energy_slice(
    energy: hopfield.EnergySlice, *, path: Any = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw the energy on the plane through two patterns.

    Parameters
    ----------
    energy : EnergySlice
        Of :func:`bp_rnn.hopfield.energy_slice`.
    path : array, optional
        Trajectories to draw over it, ``(T, 2)`` or ``(batch, T, 2)``: the overlaps with the two
        patterns, which are u and v where the patterns have no overlap.
    ax : matplotlib axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    drawn = ax.contourf(energy.u, energy.v, energy.energy, levels=30, cmap="viridis")
    ax.figure.colorbar(drawn, ax=ax, label="energy E")
    if path is not None:
        for line in np.asarray(path).reshape(-1, *np.shape(path)[-2:]):
            ax.plot(*line.T, "w-", lw=1)
            ax.plot(*line[-1], "wo", ms=4)
    ax.set(xlabel="u", ylabel="v", aspect="equal")
    return ax
