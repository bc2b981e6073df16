"""Delayed inputs, which measure memory."""

import numpy as np

from bp_rnn import _check
from bp_rnn.tasks._host import generator
from bp_rnn.typing import Array


def delays(
    key: Array | int = 0, *, num_step: int = 5000, num_lag: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the memory-capacity task: give the inputs of the steps before.

    .. math:: x_t \sim U(-1, 1), \qquad y_{tk} = x_{t-k}, \qquad k = 1..K

    Parameters
    ----------
    key : int or JAX key
        Seed; the same key gives the same data.
    num_step : int
        Length T.
    num_lag : int
        K.

    Returns
    -------
    tuple of np.ndarray
        ``x (T,)`` and ``y (T, K)``, in double precision, computed on the host. Inputs before the
        first one are drawn too.

    Notes
    -----
    Source: Jaeger 2002, "Short term memory in echo state networks".
    """
    num_step = _check.integer("num_step", num_step, 1)
    num_lag = _check.integer("num_lag", num_lag, 1)
    x = generator(key).uniform(-1, 1, num_step + num_lag)
    windows = np.lib.stride_tricks.sliding_window_view(x[:-1], num_lag)
    return x[num_lag:], windows[:, ::-1].copy()
