"""Integration of a noisy input."""

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.tasks._trials import Trials, counts
from bp_rnn.typing import Array


def integrate(
    key: Array | int = 0,
    *,
    num_trial: int = 100,
    num_step: int = 50,
    drift: float = 1.0,
    noise: float = 1.0,
) -> Trials:
    r"""Return the integration task: give the sum of all input so far.

    .. math::

        x_t = m + \sigma \xi_t, \qquad y_t = \frac{1}{T} \sum_{s \le t} x_s

    with a drift m of each sequence that is uniform between ``-drift`` and ``drift``.

    Parameters
    ----------
    key : int or JAX key
        Seed; the same key gives the same data.
    num_trial, num_step : int
        Sequences and their length T.
    drift, noise : float
        Largest drift, and the noise's standard deviation sigma; not negative.

    Returns
    -------
    Trials
        ``x`` and ``y``, each ``(num_trial, T, 1)``; ``mask`` of ones.

    Notes
    -----
    Source: the linear integrator of lecture 5, driven by random input.
    """
    num_trial, num_step = counts(num_trial=num_trial, num_step=num_step)
    drift = _check.not_negative("drift", _check.number("drift", drift))
    noise = _check.not_negative("noise", _check.number("noise", noise))
    key_drift, key_noise = jax.random.split(_check.as_key(key))
    m = jax.random.uniform(key_drift, (num_trial, 1, 1), bm.float_, -drift, drift)
    x = m + noise * jax.random.normal(key_noise, (num_trial, num_step, 1), bm.float_)
    return Trials(x, jnp.cumsum(x, 1) / num_step, jnp.ones((num_trial, num_step), x.dtype))
