"""The Lorenz system."""

import numpy as np

from bp_rnn import _check
from bp_rnn.tasks._host import generator, positive
from bp_rnn.typing import Array

#: Largest Lyapunov exponent, per unit of time (Viswanath 1998).
LYAPUNOV = 0.9056


def lorenz(
    key: Array | int = 0,
    *,
    num_step: int = 5000,
    dt: float = 0.02,
    num_substep: int = 10,
    washout: int = 1000,
) -> np.ndarray:
    r"""Return a trajectory of the Lorenz system.

    .. math:: \dot u = 10 (v - u), \qquad \dot v = u (28 - w) - v, \qquad \dot w = u v - \tfrac83 w

    Its largest Lyapunov exponent is 0.9056, so that a step is ``0.9056 dt`` Lyapunov times.

    Parameters
    ----------
    key : int or JAX key
        Seed of the start near the attractor.
    num_step : int
        Samples T.
    dt : float
        Time between samples.
    num_substep : int
        Steps of the Runge-Kutta method of fourth order between samples.
    washout : int
        Samples before the first one that is returned.

    Returns
    -------
    np.ndarray
        ``(T, 3)``, in double precision, computed on the host.

    Notes
    -----
    Sources: Lorenz 1963; as a task, Pathak et al. 2018.
    """
    num_step = _check.integer("num_step", num_step, 1)
    num_substep = _check.integer("num_substep", num_substep, 1)
    washout = _check.integer("washout", washout, 0)
    h = positive("dt", dt) / num_substep
    state = tuple(float(v) for v in generator(key).uniform([-1, -1, 24], [1, 1, 26]))
    found = np.empty((washout + num_step, 3))
    for t in range(len(found)):
        found[t] = state
        for _ in range(num_substep):
            state = _step(state, h)
    return found[washout:]


def _step(s: tuple[float, ...], h: float) -> tuple[float, ...]:
    k1 = _force(s)
    k2 = _force(tuple(a + 0.5 * h * b for a, b in zip(s, k1, strict=True)))
    k3 = _force(tuple(a + 0.5 * h * b for a, b in zip(s, k2, strict=True)))
    k4 = _force(tuple(a + h * b for a, b in zip(s, k3, strict=True)))
    rates = zip(s, k1, k2, k3, k4, strict=True)
    return tuple(v + h / 6 * (a + 2 * b + 2 * c + d) for v, a, b, c, d in rates)


def _force(s: tuple[float, ...]) -> tuple[float, ...]:
    u, v, w = s
    return 10 * (v - u), u * (28 - w) - v, u * v - 8 / 3 * w
