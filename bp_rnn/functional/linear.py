r"""The linear network :math:`\tau \, dv/dt = -v + M v + h`, solved by the matrix exponential.

No eigenvectors are needed: it holds for modes that decay, integrate, grow or oscillate, and where
M has too few eigenvectors.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import expm

from bp_rnn.functional import linear_solve
from bp_rnn.typing import Array


class Propagator(NamedTuple):
    r"""How a state and a constant input act a time later, :math:`v(t) = P v(0) + Q h`.

    Attributes
    ----------
    state : Array
        P, ``(num, num)``.
    h : Array
        Q, ``(num, num)``.
    """

    state: Array
    h: Array


def propagator(w: Array, tau: Array | float, t: Array | float) -> Propagator:
    r"""Return the exact solution after a time, under an input that is constant meanwhile.

    .. math::

        P = e^{A t}, \qquad Q = \int_0^t e^{A s} ds \, T^{-1}, \qquad A = T^{-1} (M - I)

    with T the diagonal matrix of time constants. Both come from one exponential, of
    :math:`\begin{pmatrix} A & T^{-1} \\ 0 & 0 \end{pmatrix} t`, which needs no inverse of
    :math:`I - M`: an integrating mode is no exception.

    Parameters
    ----------
    w : Array
        M, ``(num, num)``; ``w[i, j]`` is the weight from unit j to unit i.
    tau : float or Array
        Time constant(s), a number or ``(num,)``.
    t : float or Array
        Time, in the unit of ``tau``.

    Returns
    -------
    Propagator
        NaN where ``A t`` has a norm above some 10^5, or the growth overflows.

    Notes
    -----
    Source: Van Loan 1978 (IEEE Trans. Autom. Control 23), theorem 1.
    """
    num = w.shape[0]
    rate = jnp.diag(jnp.broadcast_to(1 / jnp.asarray(tau, w.dtype), (num,)))
    above = jnp.concatenate([rate @ (w - jnp.eye(num, dtype=w.dtype)), rate], axis=1)
    both = expm(jnp.concatenate([above, jnp.zeros_like(above)]) * t)
    return Propagator(both[:num, :num], both[:num, num:])


def rollout(
    w: Array, tau: Array | float, state: Array, hs: Array, dt: float
) -> tuple[Array, Array]:
    """Return the last state and all states of one sample, exact for an input held over each step.

    Parameters
    ----------
    w, tau
        As for :func:`propagator`.
    state : Array
        v at the start, ``(num,)``.
    hs : Array
        Input to each unit, ``(T, num)``.
    dt : float
        Time of a step, in the unit of ``tau``.

    Returns
    -------
    tuple of Array
        ``(num,)``, and the states after each step, ``(T, num)``.
    """
    p, q = propagator(w, tau, dt)

    def body(v: Array, h: Array) -> tuple[Array, Array]:
        new = p @ v + q @ h
        return new, new

    return jax.lax.scan(body, state, hs)


def steady_state(w: Array, h: Array) -> Array:
    r"""Return :math:`v_\infty = G h`, :math:`G = (I - M)^{-1}`, of one sample.

    Parameters
    ----------
    w : Array
        M, ``(num, num)``.
    h : Array
        Constant input, ``(num,)``.

    Returns
    -------
    Array
        ``(num,)``; NaN where a mode integrates and the input moves it for ever. It is a fixed
        point; the network comes to it if every mode decays (``modes(w).is_stable``).
    """
    return linear_solve.solve_or_nan(lambda v: v - w @ v, h, "direct")
