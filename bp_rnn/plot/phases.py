"""The free and the nudged phases of equilibrium propagation."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from bp_rnn.plot._axes import current

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_phases(values: Any, betas: Any, *, dt: float = 1.0, ax: "Axes | None" = None) -> "Axes":
    """Draw what a runner recorded through free and nudged phases, the nudged ones shaded.

    Parameters
    ----------
    values : array
        ``(time,)`` or ``(time, units)``, such as ``runner.mon.r``.
    betas : array
        ``(time,)``, the strength of the nudging; zero in a free phase.
    dt : float
        Time of one step.
    ax : matplotlib axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    betas = np.asarray(betas)
    edges = np.flatnonzero(np.diff(betas, prepend=np.nan, append=np.nan))
    for begin, end in itertools.pairwise(edges):
        if betas[begin] != 0:
            ax.axvspan(begin * dt, end * dt, color="0.9", lw=0, zorder=0)
        label = rf"$\beta$ = {betas[begin]:g}" if betas[begin] else "free"
        middle = 0.5 * (begin + end) * dt
        ax.text(middle, 1.0, label, transform=ax.get_xaxis_transform(), ha="center", va="bottom")
    ax.plot((1 + np.arange(len(betas))) * dt, np.asarray(values), lw=1.2)
    ax.set(xlabel="time", xlim=(0, len(betas) * dt))
    return ax
