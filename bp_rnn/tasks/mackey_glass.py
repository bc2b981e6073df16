"""The Mackey-Glass equation."""

import numpy as np

from bp_rnn import _check
from bp_rnn.tasks._host import generator, positive
from bp_rnn.typing import Array


def mackey_glass(
    key: Array | int = 0,
    *,
    num_step: int = 5000,
    tau: float = 17.0,
    dt: float = 1.0,
    num_substep: int = 10,
    washout: int = 1000,
) -> np.ndarray:
    r"""Return a series of the Mackey-Glass equation, a standard of prediction.

    .. math:: \frac{dy}{dt} = \frac{0.2\, y(t - \tau)}{1 + y(t - \tau)^{10}} - 0.1\, y(t)

    It is chaotic above a delay of 16.8. The Runge-Kutta method of fourth order takes the past
    between its steps from cubic Hermite polynomials, which keeps the order.

    Parameters
    ----------
    key : int or JAX key
        Seed of the constant past, between 0.9 and 1.5.
    num_step : int
        Samples T.
    tau, dt : float
        Delay and time between samples; the delay is at least a substep.
    num_substep : int
        Steps of integration between samples.
    washout : int
        Samples before the first one that is returned.

    Returns
    -------
    np.ndarray
        ``(T,)``, in double precision, computed on the host.

    Notes
    -----
    Sources: Mackey & Glass 1977; as a task, Jaeger & Haas 2004.
    """
    num_step = _check.integer("num_step", num_step, 1)
    num_substep = _check.integer("num_substep", num_substep, 1)
    washout = _check.integer("washout", washout, 0)
    tau, h = positive("tau", tau), positive("dt", dt) / num_substep
    if tau < h:
        raise ValueError(f"tau must be at least a substep, {h}, got {tau}")
    back = int(np.ceil(tau / h))
    total = (washout + num_step - 1) * num_substep
    y = np.empty(back + total + 1)
    slope = np.zeros(back + total + 1)
    y[: back + 1] = generator(key).uniform(0.9, 1.5)
    _integrate(y, slope, back, tau / h, h)
    return y[back + washout * num_substep :: num_substep]


def _integrate(y: np.ndarray, slope: np.ndarray, first: int, delay: float, h: float) -> None:
    """Fill ``y`` from ``first`` on, in steps of h; ``delay`` is in steps."""

    def force(now: float, past: float) -> float:
        return 0.2 * past / (1 + past**10) - 0.1 * now

    def past(i: int, weights: tuple[float, ...]) -> float:
        a, b, c, d = weights
        if i < first or a == 1:  # no polynomial across the kink where the constant past ends
            return float(y[i])
        return float(a * y[i] + b * y[i + 1] + h * (c * slope[i] + d * slope[i + 1]))

    part = (1 - delay % 1) % 1  # of a step, how far the past lies behind a sample
    early, late = _hermite(part), _hermite((part + 0.5) % 1)
    start, middle = -int(np.ceil(delay)), int(np.floor(0.5 - delay))
    for i in range(first, len(y) - 1):
        now = float(y[i])
        slope[i] = k1 = force(now, past(i + start, early))
        half = past(i + middle, late)
        k2 = force(now + 0.5 * h * k1, half)
        k3 = force(now + 0.5 * h * k2, half)
        k4 = force(now + h * k3, past(i + 1 + start, early))
        y[i + 1] = now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def _hermite(u: float) -> tuple[float, float, float, float]:
    """Return the weights of two values and two slopes at a part u of the step between them."""
    return (1 + 2 * u) * (1 - u) ** 2, u**2 * (3 - 2 * u), u * (1 - u) ** 2, u**2 * (u - 1)
