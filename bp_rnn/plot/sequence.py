"""What a trained sequence looks like."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bp_rnn.plot._axes import current

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_sequence(target: Any, *, ax: "Axes | None" = None, **outputs: Any) -> "Axes":
    """Draw a target sequence and outputs against it.

    Parameters
    ----------
    target : array
        ``(time,)`` or ``(time, features)``.
    ax : matplotlib axes, optional
        The current ones by default.
    **outputs : array
        Sequences of the same shape; the argument's name is the label (``_`` becomes a space).

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    ax.plot(np.asarray(target), "k--", lw=2, label="target")
    for name, output in outputs.items():
        lines = ax.plot(np.asarray(output), lw=1.5)
        lines[0].set_label(name.replace("_", " "))
    ax.set(xlabel="time step", ylabel="output")
    ax.legend(frameon=False)
    return ax


def plot_losses(losses: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the loss of every epoch on a logarithmic axis.

    Parameters
    ----------
    losses : array
        ``(num_epoch,)``, such as ``trainer.train_losses``.
    ax : matplotlib axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = current(ax)
    ax.semilogy(np.arange(1, len(losses) + 1), np.asarray(losses))
    ax.set(xlabel="epoch", ylabel="loss")
    return ax
