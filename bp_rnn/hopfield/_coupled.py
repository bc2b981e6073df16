"""Memories that live in a matrix of symmetric couplings."""

import abc
from collections.abc import Callable
from typing import Any, Unpack

import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.hopfield import rules
from bp_rnn.hopfield._base import AssociativeMemory, MemoryOptions
from bp_rnn.hopfield.patterns import BINARY, correlate
from bp_rnn.typing import Array, Params


class CoupledOptions(MemoryOptions, total=False):
    """The options of every coupled memory; :class:`CoupledMemory` says what they mean."""

    rule: str | Callable[[Array], Array]
    activity: float | None
    w: Any
    b: Any
    mask: Any


class CoupledMemory(AssociativeMemory, abc.ABC):
    r"""A memory in the couplings W between units.

    Parameters
    ----------
    num : int
        Units, N.
    levels, probe_levels
        As for :class:`AssociativeMemory`.
    rule : str or callable
        How patterns become couplings: ``'outer_product'``, ``'covariance'``, ``'storkey'``,
        ``'pseudo_inverse'``, or a function from all patterns ``(M, num)`` to ``(num, num)``.
        Whichever it is, ``forget`` takes back what ``store`` did and leaves all else in ``w``
        alone. Storkey's rule, where the order of patterns matters, can do so only as long as
        nobody else has written ``w``, and refuses otherwise.
    activity : float, optional
        Mean of the patterns, for the covariance rule.
    w : array, optional
        Couplings at the start, ``(num, num)``, symmetric, and zero where ``mask`` is; zero by
        default. What is stored is added to them; the pseudo-inverse makes its patterns fixed
        points only where they are zero.
    b : float or array, optional
        Bias currents, a number or ``(num,)``. By default zero, and with the covariance rule what
        puts the threshold halfway between the fields of the two values of a unit.
    mask : array, optional
        ``(num, num)`` of 0 and 1, symmetric: which couplings there are. Fields, and the default
        b, shrink with the fraction that a unit has.
    **options
        Those of :class:`AssociativeMemory` (``key``, ``mode``, ``name``).

    Attributes
    ----------
    w, b : bm.TrainVar
        ``(num, num)`` and ``(num,)``.

    Raises
    ------
    TypeError, ValueError
        For an unknown rule, an ``activity`` that is missing or not between the levels, a matrix
        that is not symmetric, not finite or of the wrong shape, or couplings outside the mask.
    """

    levels: tuple[float, float]
    activity: float
    w: bm.TrainVar
    b: bm.TrainVar

    def __init__(
        self,
        num: int,
        *,
        levels: tuple[float, float],
        probe_levels: tuple[float, float] | None,
        rule: str | Callable[[Array], Array] = "outer_product",
        activity: float | None = None,
        w: Any = None,
        b: Any = None,
        mask: Any = None,
        **options: Unpack[MemoryOptions],
    ) -> None:
        super().__init__(num, levels=levels, probe_levels=probe_levels, **options)
        middle = sum(levels) / 2
        if (activity is None) == (rule == "covariance"):
            raise ValueError(f"activity belongs to the covariance rule, got {activity} for {rule}")
        self.activity = middle if activity is None else rules.as_activity(activity, levels)
        self._rule = rules.resolve(rule, levels, self.activity)
        shape = (self.num, self.num)
        self._mask = None if mask is None else as_mask(mask, shape)
        kept = 1.0 if self._mask is None else self._mask.sum(1) / max(self.num - 1, 1)
        bias = _check.real_array("b", (self.activity - middle) * kept if b is None else b)
        if bias.shape not in ((), (self.num,)):
            raise ValueError(f"b must be a number or of shape ({self.num},), got {bias.shape}")
        start = np.zeros(shape) if w is None else symmetric("w", w, shape)
        _check_mask(start, self._mask)
        self.w = bm.TrainVar(jnp.asarray(start, bm.float_))
        self._start = None if w is None else bm.Variable(self.w.value)
        self.b = bm.TrainVar(jnp.full((self.num,), jnp.asarray(bias, bm.float_), bm.float_))

    def params(self) -> Params:
        """Return the couplings and the bias currents."""
        return {"w": self.w.value, "b": self.b.value}

    def overlap_of(self, params: Params, patterns: Array, state: Array) -> Array:
        r"""Return the overlap :math:`m^\mu` with each pattern, shape ``(..., M)``; pure.

        For -1 and 1 it is :math:`\frac{1}{N} \sum_i x_i p_i^\mu`, and for 0 and 1
        :math:`\frac{1}{N a (1 - a)} \sum_i x_i (p_i^\mu - a)` (Tsodyks & Feigelman 1988, eq. 5).
        """
        if self.levels != BINARY:
            return super().overlap_of(params, patterns, state)
        variance = self.activity * (1 - self.activity)
        return correlate(self.output(params, state), patterns - self.activity, self.num * variance)

    def drive(self, params: Params, x: Array) -> Params:
        """Return the parameters with ``x`` added to the bias currents.

        Raises
        ------
        ValueError
            If ``x`` has neither the shape of the state nor that of one sample.
        """
        if x.shape not in ((), (self.num,), self.state.shape):
            raise ValueError(f"x must have shape {self.state.shape} at each step, got {x.shape}")
        return {**params, "b": params["b"] + x}

    def recurrent(self, params: Params, x: Array) -> Array:
        """Return W x for ``(batch, num)``, by one pass through W."""
        w = params["w"]
        return (w @ x[0])[None] if x.shape[0] == 1 else x @ w  # W is symmetric

    def _learn(self, old: Array, new: Array) -> None:
        self.w.value = self._rule.store(self._couplings(), old, new)

    def _unlearn(self, old: Array, stays: np.ndarray) -> None:
        self.w.value = self._rule.forget(self._couplings(), old, stays)

    def _couplings(self) -> rules.Couplings:
        w = self.w.value
        start = jnp.zeros_like(w) if self._start is None else self._start.value
        return rules.Couplings(w, start, self._mask)


def symmetric(name: str, value: Any, shape: tuple[int, int]) -> np.ndarray:
    """Return a matrix if it is finite, of this shape, and its own transpose up to rounding."""
    w = _check.real_array(name, value)
    if w.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {w.shape}")
    gap = np.abs(w - w.T)
    if gap.max() > 1e-6 * np.abs(w).max():
        i, j = (int(k) for k in np.unravel_index(gap.argmax(), shape))
        raise ValueError(
            f"{name} must be symmetric, got {name}[{i}, {j}] = {w[i, j]} "
            f"and {name}[{j}, {i}] = {w[j, i]}"
        )
    return w


def _check_mask(w: np.ndarray, mask: Array | None) -> None:
    if mask is not None and (outside := (w != 0) & ~np.asarray(mask)).any():
        i, j = (int(k) for k in np.argwhere(outside)[0])
        raise ValueError(f"w must be zero where mask is, got w[{i}, {j}] = {w[i, j]}")


def as_mask(value: Any, shape: tuple[int, int]) -> Array:
    """Return a symmetric matrix of 0 and 1 as booleans."""
    mask = symmetric("mask", np.asarray(value, np.float64), shape)
    if not np.isin(mask, (0, 1)).all():
        raise ValueError("mask must hold 0 and 1 alone")
    return jnp.asarray(mask, bool)
