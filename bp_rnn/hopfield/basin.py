"""How far a probe may be from a pattern and still return to it."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.hopfield._base import AssociativeMemory
from bp_rnn.hopfield.patterns import corrupt
from bp_rnn.typing import Array


class Basin(NamedTuple):
    """Retrieval against the overlap of the probe.

    Attributes
    ----------
    start : np.ndarray
        Mean overlap of the probes with their patterns, ``(K,)``, decreasing.
    overlap : np.ndarray
        Mean overlap of the final states, ``(K,)``.
    retrieved : np.ndarray
        Fraction of the probes that return to their patterns, ``(K,)``.
    """

    start: np.ndarray
    overlap: np.ndarray
    retrieved: np.ndarray

    @property
    def size(self) -> float:
        """One minus the overlap from which half the probes still return, 0 if none do."""
        kept = self.retrieved >= 0.5
        if not kept[0]:
            return 0.0
        last = len(kept) - 1 if kept.all() else int(np.argmin(kept)) - 1
        if last == len(kept) - 1:
            return float(1 - self.start[last])
        high, low = self.retrieved[last], self.retrieved[last + 1]
        part = (high - 0.5) / (high - low)
        return float(1 - (self.start[last] + part * (self.start[last + 1] - self.start[last])))


def basin_of_attraction(
    memory: AssociativeMemory,
    fractions: Sequence[float] = tuple(np.linspace(0, 0.5, 21)),
    *,
    num_probe: int = 32,
    at_least: float = 0.95,
    num_step: int = 1000,
    key: Array | int = 0,
) -> Basin:
    """Measure from how far the patterns of a memory are retrieved.

    Parameters
    ----------
    memory : AssociativeMemory
        With patterns; nothing in it is changed.
    fractions : sequence of float
        Of the units of a probe that are turned over, K numbers that increase; 0.5 leaves patterns
        of -1 and 1 no overlap.
    num_probe : int
        Patterns to start from, the first ones; several probes of each where there are fewer.
    at_least : float
        A pattern counts as retrieved with this overlap.
    num_step : int
        Steps of a retrieval at most.
    key : int or JAX key
        Seed.

    Returns
    -------
    Basin

    Raises
    ------
    ValueError
        If the memory is empty, or a fraction is not between 0 and 1.
    """
    patterns = memory.patterns.value
    if not len(patterns):
        raise ValueError("memory must hold patterns, got an empty one")
    num_probe = _check.integer("num_probe", num_probe, 1)
    key_probe, key_run = jax.random.split(_check.as_key(key))
    mine = jnp.arange(num_probe) % len(patterns)
    keys = jax.random.split(key_probe, len(fractions))
    probes = jnp.concatenate([corrupt(k, patterns[mine], f) for k, f in zip(keys, fractions)])
    found = memory.retrieve(probes, num_step=num_step, key=key_run)
    start = memory.overlap_of(memory.params(), patterns, probes)

    def own(overlap: Array) -> np.ndarray:
        by_fraction = np.asarray(overlap).reshape(len(fractions), num_probe, -1)
        return by_fraction[:, np.arange(num_probe), np.asarray(mine)]

    end = own(found.overlap)
    return Basin(own(start).mean(1), end.mean(1), (end >= at_least).mean(1))
