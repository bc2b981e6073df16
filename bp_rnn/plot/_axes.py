"""The axes that a plot function draws on."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def current(ax: "Axes | None") -> "Axes":
    """Return ``ax``, or matplotlib's current axes."""
    import matplotlib.pyplot as plt  # only who draws pays for it

    return plt.gca() if ax is None else ax
