"""The modes of a linear network, and eigenvalues."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from bp_rnn.functional.modes import Modes
from bp_rnn.plot._axes import current

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_modes(
    modes: Modes,
    v: Any,
    *,
    dt: float = 1.0,
    num_mode: int = 6,
    time_unit: str = "ms",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how active each mode is over time.

    Parameters
    ----------
    modes : Modes
        Of :func:`bp_rnn.modes`.
    v : array
        ``(time, num)``, such as ``runner.mon.v``: the states after each step.
    dt : float
        Time of one step.
    num_mode : int
        At most so many modes, the slowest ones. Of a complex pair the real part is drawn once.
    time_unit : str
        Unit of ``dt`` and of tau.
    ax : matplotlib axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the modes don't span the space of ``v``.
    """
    amplitude = modes.project(v)
    ax = current(ax)
    time = (1 + np.arange(len(amplitude))) * dt
    shown = np.flatnonzero(modes.eigenvalues.imag >= 0)[:num_mode]
    for i, style in zip(shown, itertools.cycle(["-", "--", "-.", ":"])):
        ax.plot(time, amplitude[:, i].real, style, lw=1.5, label=_label(modes.eigenvalues[i]))
    ax.axhline(0, color="0.8", lw=0.8, zorder=0)
    ax.set(xlabel=f"time ({time_unit})", ylabel="amplitude c of a mode (a.u.)")
    ax.legend(frameon=False)
    return ax


def plot_eigenvalues(
    eigenvalues: Any, *, border: float | str = 1.0, unit: str = "", ax: "Axes | None" = None
) -> "Axes":
    """Draw eigenvalues in the complex plane with the border of stability.

    Filled: on the stable side. Open: on the border or beyond. The unstable side is shaded.

    Parameters
    ----------
    eigenvalues : array
        ``(num,)``, real or complex.
    border : float or 'circle'
        The real part at which stability ends: 1 for a weight matrix M, 0 for the Jacobian of a
        differential equation. ``'circle'`` is the unit circle, for the Jacobian of a step.
    unit : str
        Of the eigenvalues, such as ``'1/ms'``; nothing for a weight matrix or a step.
    ax : matplotlib axes, optional
        The current ones by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If ``border`` is neither a number nor ``'circle'``.
    """
    if isinstance(border, str) and border != "circle":
        raise ValueError(f"border must be a number or 'circle', got {border!r}")
    ax = current(ax)
    values = np.ravel(np.asarray(eigenvalues, complex))
    distance = np.abs(values) - 1 if border == "circle" else values.real - border
    stable = distance < -1e-9 * np.maximum(1, np.abs(values))
    for chosen, face, name in ((stable, "k", "stable"), (~stable, "w", "not stable")):
        if chosen.any():
            z = values[chosen]
            ax.plot(z.real, z.imag, "o", ms=6, mec="k", mfc=face, zorder=3, label=name)
    _shade(ax, values, border)
    suffix = f" ({unit})" if unit else ""
    ax.set(xlabel=rf"Re $\lambda${suffix}", ylabel=rf"Im $\lambda${suffix}")
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return ax


def _label(value: complex) -> str:
    text = f"{value.real:.3g}"
    if value.imag:
        text += rf" \pm {value.imag:.3g}\,i"
    return rf"$\lambda = {text}$"


def _shade(ax: "Axes", values: np.ndarray, border: float | str) -> None:
    edge = [-1, 1] if border == "circle" else [border]
    right = max(*values.real, *edge)
    left = min(*values.real, *edge)
    margin = 0.15 * max(right - left, 0.5)
    height = max(*np.abs(values.imag), 1 if border == "circle" else margin) + margin
    ax.set(xlim=(left - margin, right + margin), ylim=(-height, height))
    if border == "circle":
        turn = np.linspace(0, 2 * np.pi, 200)
        ax.set_facecolor("0.92")
        ax.fill(np.cos(turn), np.sin(turn), "w", ec="k", lw=1)
        ax.set_aspect("equal")
    else:
        ax.axvspan(float(border), right + margin, color="0.92", lw=0, zorder=0)
        ax.axvline(float(border), color="k", lw=1)
    ax.axhline(0, color="0.7", lw=0.8, zorder=1)
    ax.axvline(0, color="0.7", lw=0.8, zorder=1)
