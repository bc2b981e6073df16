"""What plastic synapses have learnt."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bp_rnn import plasticity
from bp_rnn.plot._axes import current
from bp_rnn.plot._images import mosaic

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_norms(
    norms: Any,
    *,
    limit: float | None = None,
    ax: "Axes | None" = None,
    label: str | None = None,
) -> "Axes":
    """Draw the length of each unit's weights over the epochs, on a logarithmic axis.

    Parameters
    ----------
    norms : array
        ``(num_epoch,)`` or ``(num_epoch, num)``, of :meth:`bp_rnn.PlasticLayer.fit`.
    limit : float, optional
        A length to mark.
    ax : matplotlib axes, optional
        The current ones by default.
    label : str, optional
        For the legend.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    values = np.asarray(norms)
    values = values[:, None] if values.ndim == 1 else values
    color = ax.plot([], [])[0].get_color()
    lines = ax.semilogy(np.arange(1, len(values) + 1), values, color=color, lw=1.2)
    if limit is not None:
        ax.axhline(limit, color="k", ls=":", lw=1)
    ax.set(xlabel="epoch", ylabel="length of the weights |w|")
    if label is not None:
        lines[0].set_label(label)
        ax.legend(frameon=False)
    return ax


def plot_weights(
    w: Any,
    *,
    shape: tuple[int, int] | None = None,
    columns: int | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the weights of units as images side by side, each on its own symmetric scale.

    Red is positive, blue negative and white zero.

    Parameters
    ----------
    w : array
        ``(num, num_in)``.
    shape : pair of int, optional
        Rows and columns of an image, with ``num_in`` as their product; square by default.
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
    values = np.atleast_2d(np.asarray(w, float))
    largest = np.maximum(np.abs(values).max(1, keepdims=True), np.finfo(float).tiny)
    canvas = mosaic(values / largest, shape, columns)
    ax.imshow(canvas, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    return ax


def plot_responses(v: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the response of each unit to each pattern.

    Parameters
    ----------
    v : array
        ``(patterns, num)``, such as :meth:`bp_rnn.PlasticLayer.response` gives.
    ax : matplotlib axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    drawn = ax.imshow(np.asarray(v).T, aspect="auto", cmap="viridis", interpolation="nearest")
    ax.figure.colorbar(drawn, ax=ax, label="response v")
    ax.set(xlabel="pattern", ylabel="unit")
    return ax


def plot_window(
    s: Any,
    change: Any,
    *,
    synapses: plasticity.STDP | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the change by a pair of spikes against their distance in time.

    Parameters
    ----------
    s, change : array
        ``(K,)``, distances :math:`t_j - t_i` and what
        :func:`bp_rnn.plasticity.measure_window` returns for them.
    synapses : STDP, optional
        Whose window W(s) to draw as a line.
    ax : matplotlib axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    s = np.asarray(s)
    ax.axhline(0, color="0.7", lw=0.8)
    ax.axvline(0, color="0.7", lw=0.8)
    if synapses is not None:
        for side in (np.linspace(s.min(), -1e-9, 200), np.linspace(1e-9, s.max(), 200)):
            ax.plot(side, synapses.window(side), "k-", lw=1)
    ax.plot(s, np.asarray(change), "o", ms=4)
    ax.set(xlabel=r"$s = t_j - t_i$ (pre minus post)", ylabel=r"$\Delta w$")
    return ax


def plot_dominance(found: plasticity.OcularDominance, *, ax: "Axes | None" = None) -> "Axes":
    """Draw which eye has won each unit of the ring: right in red, left in blue.

    Parameters
    ----------
    found : OcularDominance
        Of :func:`bp_rnn.plasticity.ocular_dominance`.
    ax : matplotlib axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    edges = 0, len(found.dominance)
    stripes = found.dominance[None]
    ax.imshow(stripes, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, extent=(*edges, -1, 1))
    ax.step(np.arange(len(found.dominance)) + 0.5, found.dominance, "k-", where="mid", lw=1)
    ax.set(xlabel="unit on the ring", ylabel="ocular dominance", ylim=(-1.1, 1.1))
    return ax
