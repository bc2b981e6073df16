"""Bounds of the weights, around a rule."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from bp_rnn.plasticity._base import Memory, PlasticityRule
from bp_rnn.plasticity._wrapped import Wrapped, check_rule
from bp_rnn.typing import Array


@dataclasses.dataclass(frozen=True)
class HardBounds(Wrapped):
    """Weights stop at their bounds.

    Parameters
    ----------
    rule : PlasticityRule
        The rule inside.
    low, high : float
        Bounds, in the unit of the weights; infinite for none.

    Raises
    ------
    TypeError, ValueError
        If ``rule`` is none, or ``low`` is not below ``high``; from the network that learns, if it
        starts from weights outside.
    """

    rule: PlasticityRule
    low: float = 0.0
    high: float = float("inf")

    def __post_init__(self) -> None:
        check_rule("rule", self.rule)
        check_bounds(self.low, self.high)

    @property
    def bounds(self) -> tuple[float, float]:
        """The narrower ones of these bounds and those of the rule inside."""
        low, high = self.rule.bounds
        return max(low, self.low), min(high, self.high)

    def project(self, w: Array, before: Array) -> Array:
        """Return the weights, cut off at the bounds."""
        return jnp.clip(self.rule.project(w, before), self.low, self.high)

    def check(self, w: Array) -> None:
        """Refuse weights outside the bounds."""
        self.rule.check(w)
        check_inside(w, self.low, self.high)


@dataclasses.dataclass(frozen=True)
class SoftBounds(Wrapped):
    r"""Weights change the less the nearer they are to the bound that they go to.

    .. math::

        \frac{dw}{dt} = \begin{cases} (w_{high} - w) \, G & G > 0 \\ (w - w_{low}) \, G & G < 0
        \end{cases}

    Parameters
    ----------
    rule : PlasticityRule
        The rule inside, which gives G.
    low, high : float
        Bounds, in the unit of the weights.

    Raises
    ------
    TypeError, ValueError
        If ``rule`` is none, or ``low`` is not below ``high``; from the network that learns, if it
        starts from weights outside.

    Notes
    -----
    Source: Kistler & van Hemmen 2000. A step longer than the distance ends at the bound.
    """

    rule: PlasticityRule
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        check_rule("rule", self.rule)
        check_bounds(self.low, self.high)
        if not np.isfinite([self.low, self.high]).all():
            raise ValueError(f"low and high must be finite, got {self.low} and {self.high}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The narrower ones of these bounds and those of the rule inside."""
        low, high = self.rule.bounds
        return max(low, self.low), min(high, self.high)

    def derivative(self, w: Array, u: Array, v: Array, memory: Memory) -> Array:
        """Return G times the distance to the bound that it goes to."""
        change = self.rule.derivative(w, u, v, memory)
        return change * jnp.where(change > 0, self.high - w, w - self.low)

    def project(self, w: Array, before: Array) -> Array:
        """Return the weights, cut off at the bounds."""
        return jnp.clip(self.rule.project(w, before), self.low, self.high)

    def check(self, w: Array) -> None:
        """Refuse weights outside the bounds."""
        self.rule.check(w)
        check_inside(w, self.low, self.high)


def check_bounds(low: Any, high: Any) -> None:
    """Refuse bounds that are no numbers, or of which the lower one is not the lower."""
    for name, value in (("low", low), ("high", high)):
        if np.ndim(value) or np.asarray(value).dtype.kind not in "iuf":
            raise TypeError(f"{name} must be a number, got {value!r}")
    if not low < high:
        raise ValueError(f"low must be below high, got {low} and {high}")


def check_inside(w: Array, low: float, high: float) -> None:
    """Refuse weights outside their bounds."""
    if bool(((w < low) | (w > high)).any()):
        raise ValueError(f"w must be from {low} to {high} at the start, got {w.min()} to {w.max()}")
