"""Ocular dominance: two eyes compete for the units of a cortical sheet."""

import functools
from typing import NamedTuple

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.plasticity._clock import positive
from bp_rnn.plasticity.subtractive import SubtractiveNormalization
from bp_rnn.typing import Array


class OcularDominance(NamedTuple):
    r"""What became of the weights of two eyes.

    Attributes
    ----------
    w : np.ndarray
        Weights of the right and the left eye, ``(num, 2)``.
    dominance : np.ndarray
        :math:`(w_R - w_L) / (w_R + w_L)`, ``(num,)``: 1 and -1 where one eye has won.
    interaction : np.ndarray
        How much a unit excites those at a distance on the ring, ``(num,)``.
    growth : np.ndarray
        Growth of a pattern of stripes by its number of periods on the ring, ``(num // 2 + 1,)``,
        in units of the average rule: :math:`(q_S - q_D) \tilde K`. The largest should win.
    """

    w: np.ndarray
    dominance: np.ndarray
    interaction: np.ndarray
    growth: np.ndarray


def ocular_dominance(
    num: int = 100,
    *,
    width: float = 3.0,
    same: float = 1.0,
    different: float = 0.2,
    lr: float = 0.05,
    num_epoch: int = 400,
    key: Array | int = 0,
) -> OcularDominance:
    r"""Let two eyes compete for units on a ring, by Hebb's rule with subtractive normalisation.

    .. math::

        \tau_w \frac{dW}{dt} = \langle v u^T \rangle - \text{its mean over the eyes}, \qquad
        v = K W u, \quad w \ge 0

    Neighbours excite each other and units farther off inhibit each other,
    :math:`K(d) = e^{-d^2 / 2 \sigma^2} - \frac{1}{9} e^{-d^2 / 18 \sigma^2}`. Then the difference
    of the eyes grows in stripes, and each unit is won by one eye.

    Parameters
    ----------
    num : int
        Units on the ring.
    width : float
        Sigma, in units; positive.
    same, different : float
        Correlations :math:`q_S` of the input from one eye with itself, and :math:`q_D` with that
        from the other, smaller in size.
    lr : float
        Learning rate.
    num_epoch : int
        Steps.
    key : int or JAX key
        Seed of the small differences at the start.

    Returns
    -------
    OcularDominance

    Raises
    ------
    TypeError, ValueError
        For a size below four, a width or rate that is not positive, or correlations that no input
        has.

    Notes
    -----
    Source: Dayan & Abbott 2001, section 8.3, on ocular dominance stripes.
    """
    num, width = _check.integer("num", num, 4), positive("width", width)
    same, different = positive("same", same), _check.number("different", different)
    if abs(different) >= same:
        raise ValueError(f"different must be smaller in size than same={same}, got {different}")
    distance = np.minimum(np.arange(num), num - np.arange(num))
    hat = np.exp(-(distance**2) / (2 * width**2)) - np.exp(-(distance**2) / (18 * width**2)) / 9
    interaction = np.stack([np.roll(hat, i) for i in range(num)])
    noise = 0.01 * jax.random.normal(_check.as_key(key), (num,), bm.float_)
    w = _compete(
        jnp.asarray(interaction, bm.float_),
        0.5 + jnp.stack([noise, -noise], axis=1),
        jnp.asarray([same, different, positive("lr", lr)], bm.float_),
        _check.integer("num_epoch", num_epoch, 1),
    )
    growth = (same - different) * np.fft.rfft(hat).real
    dominance = (w[:, 0] - w[:, 1]) / w.sum(1)
    return OcularDominance(np.asarray(w), np.asarray(dominance), hat, growth)


@functools.partial(jax.jit, static_argnames="num_epoch")
def _compete(interaction: Array, w: Array, constants: Array, num_epoch: int) -> Array:
    rule = SubtractiveNormalization(nonnegative=True)
    same, different, lr = constants
    both, one = jnp.sqrt(same + different), jnp.sqrt(same - different)
    u = jnp.stack([jnp.stack([both, both]), jnp.stack([one, -one])])  # with just these correlations

    def step(w: Array, _: None) -> tuple[Array, None]:
        v = u @ w.T @ interaction.T
        return rule.project(w + lr * rule.derivative(w, u, v, {}), w), None

    return jax.lax.scan(step, w, None, length=num_epoch)[0]
