"""Nonlinear auto-regressive moving averages."""

import numpy as np

from bp_rnn import _check
from bp_rnn.tasks._host import generator
from bp_rnn.typing import Array

#: Factors of the last value, of its product with the sum, and the constant.
FACTORS = {10: (0.3, 0.05, 0.1), 30: (0.2, 0.004, 0.001)}
#: Above this a series runs away, as some inputs make it.
BOUND = 10.0


def narma(
    key: Array | int = 0, *, num_step: int = 5000, order: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the NARMA task: a nonlinear system with a memory of ``order`` steps.

    .. math::

        y_{t+1} = a y_t + b\, y_t \sum_{i=0}^{n-1} y_{t-i} + 1.5\, x_{t-n+1} x_t + c,
        \qquad x_t \sim U(0, 0.5)

    with (a, b, c) = (0.3, 0.05, 0.1) for n = 10 and (0.2, 0.004, 0.001) for n = 30; zero at first.

    Parameters
    ----------
    key : int or JAX key
        Seed; the same key gives the same data.
    num_step : int
        Length T.
    order : {10, 30}
        n.

    Returns
    -------
    tuple of np.ndarray
        ``x`` and ``y``, each ``(T,)``, in double precision, computed on the host; an input under
        which the series runs away is drawn anew. The target of a step knows the input before it.

    Notes
    -----
    Source: Atiya & Parlos 2000; for 30 steps, Rodan & Tino 2011.
    """
    num_step = _check.integer("num_step", num_step, 1)
    if _check.integer("order", order, 1) not in FACTORS:
        raise ValueError(f"order must be one of {sorted(FACTORS)}, got {order}")
    rng = generator(key)
    while True:
        x = rng.uniform(0, 0.5, num_step)
        y = _series(x, order)
        if y.max() < BOUND:
            return x, y


def _series(x: np.ndarray, order: int) -> np.ndarray:
    a, b, c = FACTORS[order]
    y = np.zeros(len(x))
    for t in range(order - 1, len(x) - 1):
        total = y[t - order + 1 : t + 1].sum()
        y[t + 1] = a * y[t] + b * y[t] * total + 1.5 * x[t - order + 1] * x[t] + c
        if y[t + 1] >= BOUND:
            return y
    return y
