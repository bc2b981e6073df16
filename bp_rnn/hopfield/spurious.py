"""Fixed points that nobody stored."""

from typing import NamedTuple

import jax
import numpy as np

from bp_rnn import _check
from bp_rnn.hopfield._base import AssociativeMemory
from bp_rnn.hopfield.patterns import BIPOLAR, random_patterns
from bp_rnn.typing import Array


class FixedPoints(NamedTuple):
    """The different fixed points found, the most visited first.

    Attributes
    ----------
    state : np.ndarray
        ``(K, N)``.
    visits : np.ndarray
        Starts that ended there, ``(K,)``.
    energy : np.ndarray
        ``(K,)``.
    mixture : np.ndarray
        ``(K, M)``: which patterns the state is the majority of, with sign 1 or -1; all zero where
        it is no mixture of so few.
    """

    state: np.ndarray
    visits: np.ndarray
    energy: np.ndarray
    mixture: np.ndarray

    @property
    def kind(self) -> list[str]:
        """``'pattern'``, ``'inverse'``, ``'mixture of 3'``, ... or ``'other'``, of each state."""
        return [_kind(row) for row in self.mixture]

    def totals(self) -> dict[str, tuple[int, int]]:
        """Return, for each kind, how many states there are and how often they were visited."""
        found: dict[str, tuple[int, int]] = {}
        for kind, visits in zip(self.kind, self.visits.tolist(), strict=True):
            states, total = found.get(kind, (0, 0))
            found[kind] = states + 1, total + visits
        return found


def fixed_points(
    memory: AssociativeMemory,
    *,
    num_start: int = 1000,
    most: int = 9,
    match: float = 0.9,
    num_step: int = 1000,
    key: Array | int = 0,
) -> FixedPoints:
    r"""Find fixed points from random states, and tell which are stored and which are mixtures.

    A mixture is the majority of an odd number of patterns or inverse patterns,
    :math:`x = \mathrm{sign}(\pm p^{\mu_1} \pm p^{\mu_2} \pm p^{\mu_3} ...)`.

    Parameters
    ----------
    memory : AssociativeMemory
        Of units of -1 and 1, with patterns; nothing in it is changed.
    num_start : int
        Random states to start from.
    most : int
        Patterns in a mixture at most.
    match : float
        Overlap with the mixture from which a state counts as one: stored patterns beside those of
        the mixture move a few units.
    num_step : int
        Steps of a retrieval at most; states that have not come to rest are left out.
    key : int or JAX key
        Seed.

    Returns
    -------
    FixedPoints

    Raises
    ------
    ValueError
        If the memory is empty, or its states are other ones.

    Notes
    -----
    Source: Amit, Gutfreund & Sompolinsky 1985 (Phys. Rev. A 32), section III.
    """
    patterns = np.asarray(memory.patterns.value)
    if not len(patterns):
        raise ValueError("memory must hold patterns, got an empty one")
    if memory.probe_levels != BIPOLAR:
        raise ValueError(f"memory must have states of -1 and 1, not {memory.probe_levels}")
    most = _check.integer("most", most, 1)
    key_start, key_run = jax.random.split(_check.as_key(key))
    starts = random_patterns(key_start, _check.integer("num_start", num_start, 1), memory.num)
    found = memory.retrieve(starts, num_step=num_step, key=key_run)
    rest = np.asarray(found.converged)
    states, where, visits = np.unique(
        np.asarray(found.state)[rest], axis=0, return_index=True, return_counts=True
    )
    order = np.argsort(-visits, kind="stable")
    states = states[order]
    mixture = np.array([_mixture(x, patterns, most, match) for x in states])
    energy = np.asarray(found.energy)[rest][where][order]
    return FixedPoints(states, visits[order], energy, mixture.reshape(len(states), len(patterns)))


def _mixture(x: np.ndarray, patterns: np.ndarray, most: int, match: float) -> np.ndarray:
    """Return the signs of the patterns whose majority is nearest to x, or zeros."""
    overlap = patterns @ x / len(x)
    best, found = match, np.zeros(len(patterns), int)
    nearest = np.argsort(-np.abs(overlap), kind="stable")
    for size in range(1, min(most, len(patterns)) + 1, 2):
        signs = np.zeros(len(patterns), int)
        signs[nearest[:size]] = np.where(overlap[nearest[:size]] < 0, -1, 1)
        agreement = np.sign(signs @ patterns) @ x / len(x)
        if agreement > best or (agreement == best and not found.any()):
            best, found = agreement, signs
    return found


def _kind(mixture: np.ndarray) -> str:
    size = np.abs(mixture).sum()
    if size == 1:
        return "pattern" if mixture.sum() > 0 else "inverse"
    return f"mixture of {size}" if size else "other"
