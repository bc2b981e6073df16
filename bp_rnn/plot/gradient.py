"""How a gradient vanishes or explodes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bp_rnn.plot._axes import current

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_gradient_norms(
    norms: Any, *, ax: "Axes | None" = None, label: str | None = None
) -> "Axes":
    """Draw the norm of the loss's derivative by the state over time, on a logarithmic axis.

    The line is the median of the batch, the band goes from its 10th to its 90th percentile.

    Parameters
    ----------
    norms : array
        ``(T + 1,)`` or ``(batch, T + 1)``, of :func:`bp_rnn.gradient_norms`.
    ax : matplotlib axes, optional
        The current ones by default.
    label : str, optional
        For the legend.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    values = np.atleast_2d(np.asarray(norms))
    values = np.where(values > 0, values, np.nan)  # behind the last loss there is no gradient
    step = np.arange(values.shape[1])
    with_gradient = ~np.isnan(values).all(0)
    step, values = step[with_gradient], values[:, with_gradient]
    low, middle, high = np.nanpercentile(values, [10, 50, 90], axis=0)
    (line,) = ax.semilogy(step, middle, label=label)
    if len(values) > 1:
        ax.fill_between(step, low, high, color=line.get_color(), alpha=0.2, lw=0)
    ax.set(xlabel="time step t", ylabel=r"$\|\, dL/ds_t \,\|$")
    if label is not None:
        ax.legend(frameon=False)
    return ax
