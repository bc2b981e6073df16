r"""Networks that remember and decide, :math:`\tau \, dr/dt = -r + F(W r + h + b)`.

Each takes ``tau`` and the options of :class:`bp_rnn.RateRNN`; an input h is added to each unit.
Their fixed points without input are known exactly. A bad argument raises ``ValueError``.
"""

from typing import Any, Unpack

import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.cells import RateRNN
from bp_rnn.cells._continuous import ContinuousOptions
from bp_rnn.typing import Array


def saturating_linear(v: Array) -> Array:
    """Return v between 0 and 1, and these beyond: silent below threshold, saturated above."""
    return jnp.clip(v, 0, 1)


def persistent_activity(
    eigenvalue: float = 2.0,
    *,
    threshold: float = 0.5,
    tau: Any = 1.0,
    **options: Unpack[ContinuousOptions],
) -> RateRNN:
    r"""Return a unit that stays on after a pulse of excitation, and off after one of inhibition.

    .. math:: \tau \frac{dr}{dt} = -r + [\lambda r - \theta + h]_0^1

    Without input it rests at 0 and at 1; between them is the unstable fixed point
    :math:`\theta / (\lambda - 1)`.

    Parameters
    ----------
    eigenvalue : float
        :math:`\lambda`, the strength of the autapse, above one.
    threshold : float
        :math:`\theta`, above zero and below :math:`\lambda - 1`; the input of a pulse has to be
        larger to switch the unit on.
    tau, **options
        As for :class:`bp_rnn.RateRNN`.
    """
    eigenvalue = _above_one("eigenvalue", eigenvalue)
    threshold = _check.number("threshold", threshold)
    if not 0 < threshold < eigenvalue - 1:
        raise ValueError(f"threshold must be between 0 and {eigenvalue - 1:g}, got {threshold}")
    return RateRNN(None, 1, w=eigenvalue, b=-threshold, phi=saturating_linear, tau=tau, **options)


def two_attractors(
    strength: float = 2.0, *, tau: Any = 1.0, **options: Unpack[ContinuousOptions]
) -> RateRNN:
    r"""Return two units that inhibit each other, with F = tanh.

    Along the difference of the two :math:`\lambda = s > 1`: zero is unstable, and the activity
    grows until it saturates, at :math:`\pm (r^*, -r^*)` with :math:`r^* = \tanh(s r^*)`.

    Parameters
    ----------
    strength : float
        s, above one; the weights are ``-s``.
    tau, **options
        As for :class:`bp_rnn.RateRNN`.
    """
    strength = _above_one("strength", strength)
    w = -strength * jnp.eye(2)[::-1]
    return RateRNN(None, 2, w=w, phi="tanh", tau=tau, **options)


def winner_take_all(
    num: int = 2,
    *,
    inhibition: float = 2.0,
    tau: Any = 1.0,
    **options: Unpack[ContinuousOptions],
) -> RateRNN:
    r"""Return units that inhibit each other until one is left, the one with the largest input.

    .. math:: \tau \frac{dr_i}{dt} = -r_i + \Big[ 1 - w \sum_{j \ne i} r_j + h_i \Big]_0^1

    A drive of one keeps the winner active when the input is gone. Without input each state with
    one unit at 1 and the others at 0 is stable. Where k > 1 units have :math:`1 / (1 + (k-1) w)`
    and the others 0, there is a saddle. The initial state is that of all units: undecided.

    Parameters
    ----------
    num : int
        Units, two at least.
    inhibition : float
        w, above one.
    tau, **options
        As for :class:`bp_rnn.RateRNN`.

    Notes
    -----
    A unit with more input than another is never overtaken by it. While no unit saturates, the
    difference of two grows with :math:`\lambda = w`. An input that is to change a decision has to
    be larger than :math:`w - 1`. Euler's method needs ``dt`` below :math:`2 \tau / (1 + (N-1) w)`.
    Source: lecture 5, "Winner-take-all network".
    """
    return _competition(num, _above_one("inhibition", inhibition), tau, options)


def line_attractor(*, tau: Any = 1.0, **options: Unpack[ContinuousOptions]) -> RateRNN:
    r"""Return two units that remember a number between 0 and 1.

    The network of :func:`winner_take_all` with :math:`w = 1`, on the border between rest and
    decision: every state :math:`(r, 1 - r)` is a fixed point. The difference of the two units
    integrates that of their inputs, and the sum relaxes with half of tau:

    .. math:: \tau \frac{d(r_1 - r_2)}{dt} = h_1 - h_2

    Parameters
    ----------
    tau, **options
        As for :class:`bp_rnn.RateRNN`.

    Notes
    -----
    Sources: Seung 1996 (PNAS 93); with mutual inhibition, Machens, Romo & Brody 2005
    (Science 307).
    """
    return _competition(2, 1.0, tau, options)


def _competition(num: int, w: float, tau: Any, options: ContinuousOptions) -> RateRNN:
    num = _check.integer("num", num, 2)
    weights = w * (jnp.eye(num) - 1)
    options.setdefault("init_state", 1 / (1 + (num - 1) * w))
    return RateRNN(None, num, w=weights, b=1.0, phi=saturating_linear, tau=tau, **options)


def _above_one(name: str, value: Any) -> float:
    number = _check.number(name, value)
    if number <= 1:
        raise ValueError(f"{name} must be above 1, got {value}")
    return number
