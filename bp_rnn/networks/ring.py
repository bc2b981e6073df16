r"""The ring of threshold-linear units, and the closed form of its bump."""

from typing import Any, NamedTuple, Unpack

import jax.numpy as jnp
import numpy as np
from scipy import optimize

from bp_rnn import _check
from bp_rnn.cells import RateRNN
from bp_rnn.cells._continuous import ContinuousOptions
from bp_rnn.typing import Array


class Bump(NamedTuple):
    r"""The activity :math:`r(\varphi) = A [\cos(\varphi - \psi) - \cos \varphi_c]_+`.

    Attributes
    ----------
    half_width : float
        :math:`\varphi_c`, in radians.
    amplitude : float
        A; the peak is :math:`A (1 - \cos \varphi_c)`.
    """

    half_width: float
    amplitude: float

    def rates(self, angles: Any, center: float = 0.0) -> np.ndarray:
        r"""Return the rates at ``angles`` of the bump at :math:`\psi` = ``center``, in radians."""
        shape = np.cos(np.asarray(angles) - center) - np.cos(self.half_width)
        return self.amplitude * np.maximum(shape, 0)


def ring_attractor(
    num: int = 100,
    *,
    inhibition: float = 4.0,
    tuning: float = 5.0,
    drive: float = 1.0,
    tau: Any = 1.0,
    **options: Unpack[ContinuousOptions],
) -> RateRNN:
    r"""Return units on a ring, whose bump of activity remembers an angle.

    .. math::

        \tau \frac{dr_i}{dt} = -r_i + \Big[ \frac{1}{N} \sum_j
        \big( -J_0 + J_1 \cos(\varphi_i - \varphi_j) \big) r_j + I + h_i \Big]_+

    The angle is a direction of the head, or twice an orientation. Under equal inputs the bump can
    be anywhere; :func:`bump` gives its shape. The initial state, zero, has no bump: any tuned
    input makes one.

    Parameters
    ----------
    num : int
        N. On a ring of few units a bump rests on a unit, or between two, and drifts there from
        elsewhere; the more units, the slower and the less far.
    inhibition, tuning : float
        :math:`J_0` and :math:`J_1`.
    drive : float
        I, the input that all units share, above zero.
    tau, **options
        As for :class:`bp_rnn.RateRNN`.

    Raises
    ------
    ValueError
        If there is no bump; see :func:`bump`.

    Notes
    -----
    Source: Ben-Yishai, Bar-Or & Sompolinsky 1995 (PNAS 92), with
    :math:`\varphi = 2 \theta, J_1 = J_2`.
    """
    num = _check.integer("num", num, 3)
    bump(inhibition, tuning, drive)
    angles = preferred_angles(num)
    w = (-inhibition + tuning * np.cos(angles[:, None] - angles)) / num
    return RateRNN(None, num, w=w, b=drive, phi="relu", tau=tau, **options)


def preferred_angles(num: int) -> np.ndarray:
    r"""Return :math:`\varphi_i = 2 \pi i / N`, in radians, ``(num,)``."""
    return 2 * np.pi * np.arange(num) / num


def population_vector(r: Any) -> tuple[Array, Array]:
    r"""Return where the bump is, and how much of it there is.

    .. math:: \frac{1}{N} \sum_i r_i e^{i \varphi_i} = r_1 e^{i \psi}

    Parameters
    ----------
    r : array
        Rates of a ring, ``(..., num)``.

    Returns
    -------
    tuple of Array
        The angle :math:`\psi` in radians, from -pi to pi, and the length :math:`r_1`, ``(...)``.
    """
    r = jnp.asarray(r)
    angles = preferred_angles(r.shape[-1])
    x, y = (r * jnp.asarray(f(angles), r.dtype) for f in (np.cos, np.sin))
    x, y = x.mean(-1), y.mean(-1)
    return jnp.arctan2(y, x), jnp.hypot(x, y)


def bump(inhibition: float = 4.0, tuning: float = 5.0, drive: float = 1.0) -> Bump:
    r"""Return the bump of a ring of many units under equal inputs.

    .. math::

        \varphi_c - \tfrac12 \sin 2 \varphi_c = \frac{2 \pi}{J_1}, \qquad
        A = \frac{I}{J_0 (\sin \varphi_c - \varphi_c \cos \varphi_c) / \pi - \cos \varphi_c}

    The width does not depend on the input.

    Parameters
    ----------
    inhibition, tuning, drive
        As for :func:`ring_attractor`.

    Returns
    -------
    Bump

    Raises
    ------
    ValueError
        If ``tuning`` is not above 2 (equal rates are stable then), ``drive`` not above zero, or
        ``inhibition`` too small to keep the bump from growing for ever.

    Notes
    -----
    Source: Ben-Yishai, Bar-Or & Sompolinsky 1995, the limit of an untuned input; the mean over
    the ring of r and of r cos are put into the equation of :func:`ring_attractor`.
    """
    inhibition, tuning = _check.number("inhibition", inhibition), _check.number("tuning", tuning)
    drive = _check.positive("drive", _check.number("drive", drive))
    if tuning <= 2:
        raise ValueError(f"tuning must be above 2 for a bump, got {tuning}")
    width = optimize.brentq(
        lambda c: c - np.sin(2 * c) / 2 - 2 * np.pi / tuning, 0, np.pi, xtol=1e-15, rtol=1e-14
    )
    mean = (np.sin(width) - width * np.cos(width)) / np.pi
    if inhibition * mean <= np.cos(width):
        least = np.cos(width) / mean
        raise ValueError(
            f"inhibition must be above {least:.4g} for a bump that does not grow for ever, "
            f"got {inhibition}"
        )
    return Bump(width, drive / (inhibition * mean - np.cos(width)))
