r"""The linear networks of lecture 5, :math:`\tau \, dv/dt = -v + M v + h`.

Each takes ``tau`` and the options of :class:`bp_rnn.LinearRNN`; an input is added to each unit.
A bad argument raises ``ValueError``.
"""

from typing import Any, Unpack

import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.cells import LinearRNN
from bp_rnn.cells._continuous import ContinuousOptions


def autapses(
    eigenvalues: Any = 0.8, *, tau: Any = 1.0, **options: Unpack[ContinuousOptions]
) -> LinearRNN:
    r"""Return units that are connected to themselves alone: :math:`M = \Lambda`.

    Parameters
    ----------
    eigenvalues : float or array
        :math:`\lambda_a` of each unit, a number for one unit or ``(num,)``.
    tau, **options
        As for :class:`bp_rnn.LinearRNN`.
    """
    values = np.atleast_1d(_check.real_array("eigenvalues", eigenvalues))
    if values.ndim > 1:
        raise ValueError(f"eigenvalues must have shape (num,), got {values.shape}")
    return _linear(np.diag(values), tau, options)


def mutual_excitation(
    strength: float = 0.8, *, tau: Any = 1.0, **options: Unpack[ContinuousOptions]
) -> LinearRNN:
    r"""Return two units that excite each other, :math:`M = \begin{pmatrix} 0&s\\s&0 \end{pmatrix}`.

    The sum of the two is the mode with :math:`\lambda = s`, their difference that with
    :math:`-s`: with the lecture's 0.8, gains of 5 and 1/1.8.

    Parameters
    ----------
    strength : float
        s, not negative.
    tau, **options
        As for :class:`bp_rnn.LinearRNN`.
    """
    strength = _check.not_negative("strength", _check.number("strength", strength))
    return _linear(strength * np.eye(2)[::-1], tau, options)


def mutual_inhibition(
    strength: float = 0.8, *, tau: Any = 1.0, **options: Unpack[ContinuousOptions]
) -> LinearRNN:
    """Return two units that inhibit each other: the difference is amplified, the sum suppressed.

    Parameters
    ----------
    strength : float
        s, not negative; the weights are ``-s``.
    tau, **options
        As for :class:`bp_rnn.LinearRNN`.
    """
    strength = _check.not_negative("strength", _check.number("strength", strength))
    return _linear(-strength * np.eye(2)[::-1], tau, options)


def amplifier(
    direction: Any = (1.0, 1.0),
    *,
    gain: float = 5.0,
    tau: Any = 1.0,
    **options: Unpack[ContinuousOptions],
) -> LinearRNN:
    r"""Return a network that amplifies one direction and leaves the others alone.

    .. math:: M = \lambda f f^T, \qquad \lambda = 1 - 1 / g

    Parameters
    ----------
    direction : array
        f, ``(num,)``, of any length but zero.
    gain : float
        g, above zero; the response is as many times slower.
    tau, **options
        As for :class:`bp_rnn.LinearRNN`.
    """
    gain = _check.positive("gain", _check.number("gain", gain))
    return _linear((1 - 1 / gain) * _projector(direction), tau, options)


def integrator(
    direction: Any = (1.0, 1.0), *, tau: Any = 1.0, **options: Unpack[ContinuousOptions]
) -> LinearRNN:
    r"""Return a network that integrates the input along one direction, :math:`M = f f^T`.

    .. math:: c(t) = c(0) + \frac{1}{\tau} \int_0^t f \cdot h(s) \, ds, \qquad c = f \cdot v

    Parameters
    ----------
    direction : array
        f, ``(num,)``, of any length but zero.
    tau, **options
        As for :class:`bp_rnn.LinearRNN`.
    """
    return _linear(_projector(direction), tau, options)


def growth(
    direction: Any = (1.0, 1.0),
    *,
    eigenvalue: float = 1.2,
    tau: Any = 1.0,
    **options: Unpack[ContinuousOptions],
) -> LinearRNN:
    r"""Return a network whose activity grows exponentially along one direction.

    .. math:: M = \lambda f f^T, \qquad \lambda > 1

    Parameters
    ----------
    direction : array
        f, ``(num,)``, of any length but zero.
    eigenvalue : float
        :math:`\lambda`, above one.
    tau, **options
        As for :class:`bp_rnn.LinearRNN`.
    """
    if _check.number("eigenvalue", eigenvalue) <= 1:
        raise ValueError(f"eigenvalue must be above 1, got {eigenvalue}")
    return _linear(eigenvalue * _projector(direction), tau, options)


def sequence_generator(
    num: int = 10,
    *,
    strength: float = 1.0,
    tau: Any = 1.0,
    **options: Unpack[ContinuousOptions],
) -> LinearRNN:
    r"""Return a chain: each unit excites the next, and a pulse runs down it.

    .. math::

        M_{k+1, k} = s, \qquad
        v_k(t) = \frac{s^k}{k!} \Big( \frac{t}{\tau} \Big)^k e^{-t / \tau} \; v_0(0)

    Unit k is the most active at :math:`t = k \tau`. All eigenvalues are zero and there is one
    eigenvector alone: the modes say nothing of the sequence, which is far from normal.

    Parameters
    ----------
    num : int
        Units.
    strength : float
        s.
    tau, **options
        As for :class:`bp_rnn.LinearRNN`.

    Notes
    -----
    Source: Goldman 2009 (Neuron 61), the feedforward line.
    """
    num = _check.integer("num", num, 1)
    chain = _check.number("strength", strength) * np.eye(num, k=-1)
    return _linear(chain, tau, options)


def _linear(m: np.ndarray, tau: Any, options: ContinuousOptions) -> LinearRNN:
    return LinearRNN(None, len(m), w=jnp.asarray(m), tau=tau, **options)


def _projector(direction: Any) -> np.ndarray:
    f = _check.real_array("direction", direction).astype(np.float64)
    if f.ndim != 1 or not f.any():
        raise ValueError(f"direction must be a vector that is not zero, got {direction}")
    f /= np.linalg.norm(f)
    return np.outer(f, f)
