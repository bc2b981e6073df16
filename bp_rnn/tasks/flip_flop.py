"""The flip-flop task."""

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.tasks._trials import Trials, counts
from bp_rnn.typing import Array


def flip_flop(
    key: Array | int = 0,
    *,
    num_trial: int = 100,
    num_step: int = 50,
    num_bit: int = 3,
    probability: float = 0.1,
) -> Trials:
    r"""Return the flip-flop task: give the sign of the last pulse of each channel.

    Each channel has pulses of +1 or -1 at random times, and one at the first step, so that there
    is always something to give.

    Parameters
    ----------
    key : int or JAX key
        Seed; the same key gives the same data.
    num_trial, num_step, num_bit : int
        Sequences, their length T, and channels.
    probability : float
        Of a pulse at each step after the first, above 0 and at most 1.

    Returns
    -------
    Trials
        ``x`` and ``y``, each ``(num_trial, T, num_bit)``; ``mask`` of ones.

    Notes
    -----
    Source: Sussillo & Barak 2013, "3-bit flip-flop".
    """
    num_trial, num_step, num_bit = counts(num_trial=num_trial, num_step=num_step, num_bit=num_bit)
    probability = _check.positive("probability", _check.number("probability", probability))
    if probability > 1:
        raise ValueError(f"probability must be at most 1, got {probability}")
    key_time, key_sign = jax.random.split(_check.as_key(key))
    shape = (num_trial, num_step, num_bit)
    there = jax.random.bernoulli(key_time, probability, shape).at[:, 0].set(True)
    x = jnp.where(there, jax.random.rademacher(key_sign, shape, bm.float_), 0.0)
    step = jnp.arange(num_step)[:, None]
    last = jax.lax.cummax(jnp.where(there, step, 0), axis=1)
    return Trials(x, jnp.take_along_axis(x, last, axis=1), jnp.ones(shape[:2], x.dtype))
