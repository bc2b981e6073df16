"""A sine whose frequency is an input."""

import numpy as np

from bp_rnn import _check
from bp_rnn.tasks._host import generator, positive
from bp_rnn.typing import Array


def sine(
    key: Array | int = 0,
    *,
    num_step: int = 2000,
    fastest: float = 10.0,
    slowest: float = 40.0,
    hold: int = 100,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the tunable sine generator: oscillate at the frequency that the input tells.

    .. math:: y_t = \sin \phi_t, \qquad \phi_t = \phi_{t-1} + 2 \pi f_t

    Parameters
    ----------
    key : int or JAX key
        Seed; the same key gives the same data.
    num_step : int
        Length T.
    fastest, slowest : float
        Shortest and longest period, in steps.
    hold : int
        Steps for which a frequency, drawn uniformly, stays.

    Returns
    -------
    tuple of np.ndarray
        ``x``, which is 0 for the lowest and 1 for the highest frequency, and ``y``, each ``(T,)``,
        in double precision, computed on the host.

    Notes
    -----
    Sources: Jaeger 2001, section 4.2; Jaeger 2002, "tunable sinewave generator".
    """
    num_step, hold = _check.integer("num_step", num_step, 1), _check.integer("hold", hold, 1)
    fastest, slowest = positive("fastest", fastest), positive("slowest", slowest)
    if slowest < fastest:
        raise ValueError(f"slowest must be at least the fastest period {fastest}, got {slowest}")
    rng = generator(key)
    x = np.repeat(rng.uniform(0, 1, -(-num_step // hold)), hold)[:num_step]
    phase = rng.uniform(0, 2 * np.pi) + np.cumsum(
        2 * np.pi * (1 / slowest + x * (1 / fastest - 1 / slowest))
    )
    return x, np.sin(phase)
