"""How much of the past input a read-out finds in a state."""

from typing import NamedTuple

import jax
import numpy as np

from bp_rnn import _check
from bp_rnn.readouts import Ridge
from bp_rnn.reservoir._base import Reservoir
from bp_rnn.typing import Array


class MemoryCapacity(NamedTuple):
    """Short-term memory.

    Attributes
    ----------
    curve : np.ndarray
        Squared correlation of the best read-out with the input k steps before, on new data,
        for k = 1, 2, ...; ``(num_lag,)``.
    """

    curve: np.ndarray

    @property
    def capacity(self) -> float:
        """The sum of the curve, which no network of N units brings above N."""
        return float(self.curve.sum())


def memory_capacity(
    net: Reservoir,
    *,
    num_lag: int | None = None,
    num_step: int = 5000,
    washout: int = 500,
    ridge: float = 1e-12,
    key: Array | int = 0,
) -> MemoryCapacity:
    r"""Measure the short-term memory capacity.

    .. math:: MC = \sum_k r^2(x_{t-k}, z_{tk}), \qquad x_t \sim U(-1, 1)

    Parameters
    ----------
    net : Reservoir
        With one input and no feedback; nothing in it is changed. The size of its input weights
        says how linear it is.
    num_lag : int, optional
        Lags; twice the units by default.
    num_step : int
        Steps to fit the read-outs of all lags, and as many to test them.
    washout : int
        Steps before.
    ridge : float
        Strength of the read-outs.
    key : int or JAX key
        Seed of the input.

    Returns
    -------
    MemoryCapacity

    Raises
    ------
    TypeError, ValueError
        If the network is none, or has several inputs or feedback.

    Notes
    -----
    Source: Jaeger 2002, "Short term memory in echo state networks".
    """
    if not isinstance(net, Reservoir):
        raise TypeError(f"net must be a Reservoir, got {type(net).__name__}")
    if net.num_in != 1 or net.has_feedback:
        raise ValueError(
            f"net must have one input and no feedback, got num_in={net.num_in} and "
            f"has_feedback={net.has_feedback}"
        )
    num_lag = _check.integer("num_lag", 2 * net.num if num_lag is None else num_lag, 1)
    num_step = _check.integer("num_step", num_step, 2)
    washout = _check.integer("washout", washout, 0)
    seed = np.asarray(jax.random.key_data(_check.as_key(key)))
    total = washout + 2 * num_step
    x = np.random.default_rng(seed).uniform(-1, 1, (num_lag + total, 1))
    states = np.asarray(net.states(x))[num_lag + washout :].astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(x[washout:-1, 0], num_lag)
    past = windows[:, ::-1]
    learner = Ridge(states.shape[1], num_lag, ridge=ridge)
    w, b = learner.fit(states[:num_step], past[:num_step]).solution
    found, right = states[num_step:] @ w.T + b, past[num_step:]
    return MemoryCapacity(_squared_correlation(found, right))


def _squared_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a - a.mean(0), b - b.mean(0)
    size = (a**2).sum(0) * (b**2).sum(0)
    return np.where(size > 0, (a * b).sum(0) ** 2 / np.where(size > 0, size, 1), 0)
