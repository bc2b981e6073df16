"""Intrinsic plasticity: units that find their gain and bias."""

from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn import _check, _data
from bp_rnn.reservoir.esn import ESN
from bp_rnn.typing import Array, Params


def intrinsic_plasticity(
    esn: ESN,
    x: Any,
    *,
    mean: float = 0.0,
    deviation: float = 0.2,
    lr: float = 1e-3,
    num_epoch: int = 10,
) -> None:
    r"""Bring the activity of each unit near a normal distribution, by its gain and its bias.

    .. math::

        y = \tanh(g u + c), \qquad
        \Delta c = -\eta \Big(-\frac{\mu}{\sigma^2} + \frac{y}{\sigma^2}
        (2 \sigma^2 + 1 - y^2 + \mu y)\Big), \qquad \Delta g = \frac{\eta}{g} + \Delta c\, u

    for the summed input u of a unit. Gain and bias then become part of its weights: the rows of
    ``w`` and ``w_in``, and ``b``; the spectral radius changes with them. Fit the read-out after it.

    Parameters
    ----------
    esn : ESN
        With ``phi='tanh'`` and without feedback.
    x : array
        Inputs ``(time, num_in)``.
    mean, deviation : float
        :math:`\mu` and :math:`\sigma` of the normal distribution.
    lr : float
        :math:`\eta`.
    num_epoch : int
        Passes through the inputs, from a reset on.

    Raises
    ------
    TypeError, ValueError
        If the network or a value does not fit; nothing is changed then.

    Notes
    -----
    Source: Schrauwen et al. 2008, eqs. 10 and 11.
    """
    if not isinstance(esn, ESN):
        raise TypeError(f"esn must be an ESN, got {type(esn).__name__}")
    if esn.phi is not jnp.tanh or esn.has_feedback:
        raise ValueError("esn must have phi='tanh' and no feedback")
    mean = _check.number("mean", mean)
    deviation = _check.positive("deviation", _check.number("deviation", deviation))
    lr = _check.positive("lr", _check.number("lr", lr))
    num_epoch = _check.integer("num_epoch", num_epoch, 1)
    xs, batched = _data.inputs(esn, x)
    if batched:
        raise ValueError(f"x must have shape (time, {esn.num_in}), got a batch {xs.shape}")
    params = esn.params()
    gain, shift = _adapt(esn, params, xs[0], mean, deviation, lr, num_epoch)
    rows = gain.reshape(-1, 1)
    esn.w.value = params["w"] * rows
    esn.w_in.value = params["w_in"] * rows
    esn.b.value = params["b"] * gain + shift


def _adapt(
    esn: ESN, params: Params, xs: Array, mean: float, deviation: float, lr: float, num_epoch: int
) -> tuple[Array, Array]:
    drives = xs @ params["w_in"].T + params["b"]
    prepared = esn.product.prepare(params["w"])
    variance = deviation**2

    def step(carry: tuple[Array, Array, Array], drive: Array) -> tuple[Any, None]:
        h, gain, shift = carry
        u = esn.product.apply(prepared, h) + drive
        y = jnp.tanh(gain * u + shift)
        change = -lr * (-mean + y * (2 * variance + 1 - y**2 + mean * y)) / variance
        gain = gain + lr / gain + change * u
        return ((1 - esn.leak) * h + esn.leak * y, gain, shift + change), None

    def epoch(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        h = jnp.zeros(esn.num, xs.dtype)
        adapted = jax.lax.scan(step, (h, *carry), drives)[0]
        return adapted[1:], None

    @jax.jit
    def run(drives: Array) -> tuple[Array, Array]:
        start = jnp.ones(esn.num, drives.dtype), jnp.zeros(esn.num, drives.dtype)
        return jax.lax.scan(epoch, start, length=num_epoch)[0]

    return run(drives)
