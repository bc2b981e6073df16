"""What a reservoir forgets, remembers and keeps apart."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bp_rnn import _check, reservoir
from bp_rnn.plot._axes import current
from bp_rnn.reservoir.echo_state import FORGOTTEN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Relative distances below this are rounding.
SMALLEST = 1e-16


def plot_echo_state(
    found: reservoir.EchoState, *, ax: "Axes | None" = None, label: str | None = None
) -> "Axes":
    """Draw how trajectories from different starts meet, and where a start counts as forgotten.

    Parameters
    ----------
    found : EchoState
        Of :func:`bp_rnn.reservoir.echo_state_property`.
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
        ax.axhline(FORGOTTEN, color="k", ls=":", lw=1)
    step = np.arange(1, len(found.distance) + 1)
    ax.semilogy(step, np.maximum(found.distance, SMALLEST), label=label)
    ax.set(xlabel="step", ylabel="distance / first distance")
    if label is not None:
        ax.legend(frameon=False)
    return ax


def plot_memory_capacity(
    memory: reservoir.MemoryCapacity, *, ax: "Axes | None" = None, label: str | None = None
) -> "Axes":
    """Draw how well the input of k steps before is found in the state.

    Parameters
    ----------
    memory : MemoryCapacity
        Of :func:`bp_rnn.reservoir.memory_capacity`.
    ax : matplotlib axes, optional
        The current ones by default.
    label : str, optional
        For the legend.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    ax.plot(np.arange(1, len(memory.curve) + 1), memory.curve, label=label)
    ax.set(xlabel="lag k (steps)", ylabel="squared correlation $r^2$", ylim=(0, 1.05))
    if label is not None:
        ax.legend(frameon=False)
    return ax


def plot_separation(
    distance: Any, *, dt: float = 1.0, ax: "Axes | None" = None, label: str | None = None
) -> "Axes":
    """Draw how far apart the states under two inputs are over time.

    The line is the mean of the pairs, the band goes from their 10th to their 90th percentile.

    Parameters
    ----------
    distance : array
        ``(T,)`` or ``(pairs, T)``, of :func:`bp_rnn.reservoir.separation`.
    dt : float
        Time step in ms.
    ax : matplotlib axes, optional
        The current ones by default.
    label : str, optional
        For the legend.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If the distances have another shape or are not finite, or ``dt`` is not positive.
    """
    values = _check.real_array("distance", distance)
    if values.ndim not in (1, 2) or not values.size:
        raise ValueError(f"distance must have shape (T,) or (pairs, T), got {values.shape}")
    values = np.atleast_2d(values)
    time = _check.positive("dt", _check.number("dt", dt)) * np.arange(1, values.shape[1] + 1)
    ax = current(ax)
    (line,) = ax.plot(time, values.mean(0), label=label)
    if len(values) > 1:
        low, high = np.percentile(values, [10, 90], axis=0)
        ax.fill_between(time, low, high, color=line.get_color(), alpha=0.2, lw=0)
    ax.set(xlabel="time (ms)", ylabel="distance of the states")
    if label is not None:
        ax.legend(frameon=False)
    return ax


def plot_fading_memory(
    memory: reservoir.FadingMemory,
    *,
    dt: float = 1.0,
    ax: "Axes | None" = None,
    label: str | None = None,
) -> "Axes":
    """Draw how different pasts are forgotten, on a logarithmic axis with 1/e marked.

    Parameters
    ----------
    memory : FadingMemory
        Of :func:`bp_rnn.reservoir.fading_memory`.
    dt : float
        Time step in ms.
    ax : matplotlib axes, optional
        The current ones by default.
    label : str, optional
        For the legend.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If the pasts left no difference, or ``dt`` is not positive.
    """
    time = _check.positive("dt", _check.number("dt", dt)) * np.arange(len(memory.distance))
    if not memory.distance[0] > 0:
        raise ValueError(f"memory must begin with a distance above 0, got {memory.distance[0]}")
    ax = current(ax)
    if not ax.lines:
        ax.axhline(np.exp(-1), color="k", ls=":", lw=1)
    share = np.maximum(memory.distance / memory.distance[0], SMALLEST)
    ax.semilogy(time, share, label=label)
    ax.set(xlabel="time since the inputs are the same (ms)", ylabel="distance / first distance")
    if label is not None:
        ax.legend(frameon=False)
    return ax
