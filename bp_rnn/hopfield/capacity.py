"""How much of a pattern comes back as more are stored."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from tqdm.auto import tqdm

from bp_rnn import _check
from bp_rnn.hopfield._base import AssociativeMemory
from bp_rnn.hopfield.patterns import BINARY, corrupt, random_patterns
from bp_rnn.typing import Array


class RetrievalCurve(NamedTuple):
    """Retrieval against load.

    Attributes
    ----------
    num : int
        Units.
    num_pattern : np.ndarray
        Patterns stored, ``(K,)``.
    overlap : np.ndarray
        Of each final state with its pattern, ``(K, num_sample, num_probe)``.
    """

    num: int
    num_pattern: np.ndarray
    overlap: np.ndarray

    @property
    def load(self) -> np.ndarray:
        """Patterns over units, ``(K,)``."""
        return self.num_pattern / self.num

    @property
    def mean(self) -> np.ndarray:
        """Mean overlap, ``(K,)``."""
        return self.overlap.mean((1, 2))

    @property
    def error(self) -> np.ndarray:
        """Standard error of the mean over the samples, ``(K,)``; zero for a single sample."""
        num = self.overlap.shape[1]
        return self.overlap.mean(2).std(1, ddof=min(num - 1, 1)) / num**0.5

    def capacity(self, at_least: float = 0.9) -> float:
        """Return the number of patterns at which half of them keep an overlap ``at_least``.

        It is interpolated between the last number stored where they do and the next. NaN if half
        keep it everywhere, or nowhere.
        """
        kept = (self.overlap >= at_least).mean((1, 2))
        above = np.flatnonzero(kept >= 0.5)
        if len(above) in (0, len(kept)) or above[-1] == len(kept) - 1:
            return float("nan")
        i = above[-1]
        part = (kept[i] - 0.5) / (kept[i] - kept[i + 1])
        return float(self.num_pattern[i] + part * np.diff(self.num_pattern)[i])


def retrieval_curve(
    memory: AssociativeMemory,
    num_pattern: Sequence[int],
    *,
    num_sample: int = 20,
    num_probe: int = 1,
    fraction: float = 0.0,
    num_step: int = 1000,
    key: Array | int = 0,
    progress_bar: bool = True,
) -> RetrievalCurve:
    """Measure retrieval of random patterns against their number.

    Parameters
    ----------
    memory : AssociativeMemory
        An empty one; empty again afterwards.
    num_pattern : sequence of int
        How many patterns to store, K numbers that increase.
    num_sample : int
        Independent sets of patterns for each number.
    num_probe : int
        Patterns of each set that are retrieved, the first ones.
    fraction : float
        Of the units of a probe that are turned over at the start.
    num_step : int
        Steps of a retrieval at most.
    key : int or JAX key
        Seed.
    progress_bar : bool
        Whether to show one.

    Returns
    -------
    RetrievalCurve

    Raises
    ------
    TypeError, ValueError
        If the memory holds patterns, or a number is not an integer of at least one, or more
        patterns are to be retrieved than are stored.
    """
    if memory.patterns.shape[0]:
        raise ValueError(f"memory must be empty, got {memory.patterns.shape[0]} patterns")
    numbers = [_check.integer("num_pattern", n, 1) for n in num_pattern]
    if numbers != sorted(set(numbers)) or not numbers:
        raise ValueError(f"num_pattern must increase, got {num_pattern}")
    num_sample = _check.integer("num_sample", num_sample, 1)
    num_probe = _check.integer("num_probe", num_probe, 1)
    if num_probe > numbers[0]:
        raise ValueError(f"num_probe must be at most {numbers[0]}, as num_pattern, got {num_probe}")
    keys = jax.random.split(_check.as_key(key), (len(numbers), num_sample))
    overlap = np.zeros((len(numbers), num_sample, num_probe))
    with tqdm(total=keys.size, disable=not progress_bar, unit="network") as bar:
        for i, j in np.ndindex(keys.shape):
            overlap[i, j] = _sample(memory, keys[i, j], numbers[i], num_probe, fraction, num_step)
            bar.update()
    return RetrievalCurve(memory.num, np.asarray(numbers), overlap)


def _sample(
    memory: AssociativeMemory,
    key: Array,
    num_pattern: int,
    num_probe: int,
    fraction: float,
    num_step: int,
) -> np.ndarray:
    key_pattern, key_probe, key_run = jax.random.split(key, 3)
    coding = "binary" if memory.levels == BINARY else "bipolar"
    patterns = random_patterns(
        key_pattern, num_pattern, memory.num, activity=memory.activity, coding=coding
    )
    memory.store(patterns)
    probes = corrupt(key_probe, np.asarray(patterns)[:num_probe], fraction)
    found = memory.retrieve(probes, num_step=num_step, key=key_run)
    memory.forget(range(num_pattern))
    return np.diagonal(found.overlap)
