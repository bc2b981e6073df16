"""Delayed match to sample."""

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.tasks._trials import Trials, counts
from bp_rnn.typing import Array


def delayed_match(
    key: Array | int = 0,
    *,
    num_trial: int = 100,
    num_stimulus: int = 4,
    stimulus: int = 5,
    delay: int = 20,
    response: int = 5,
) -> Trials:
    r"""Return delayed match to sample: tell whether the second stimulus is the first one.

    A sample for ``stimulus`` steps, nothing for ``delay`` steps, a test for ``stimulus`` steps,
    and ``response`` steps for the answer; until then a fixation input is one. Half of the trials
    match on average, so that guessing has a cross entropy of ``log(2)`` during the response.

    Parameters
    ----------
    key : int or JAX key
        Seed; the same key gives the same data.
    num_trial, num_stimulus : int
        Sequences, and different stimuli (at least 2).
    stimulus, delay, response : int
        Steps of each phase.

    Returns
    -------
    Trials
        ``x (num_trial, T, num_stimulus + 1)``, one-hot and fixation; labels ``y (num_trial, T)``:
        0 before the response, then 1 for a match and 2 for none; ``mask`` of ones.
        ``T = 2 stimulus + delay + response``.

    Notes
    -----
    Source: Miller, Erickson & Desimone 1996; as a network task, Yang et al. 2019 (DMS).
    """
    num_trial, stimulus, delay, response = counts(
        num_trial=num_trial, stimulus=stimulus, delay=delay, response=response
    )
    num_stimulus = _check.integer("num_stimulus", num_stimulus, 2)
    key_sample, key_match, key_other = jax.random.split(_check.as_key(key), 3)
    sample = jax.random.randint(key_sample, (num_trial,), 0, num_stimulus)
    match = jax.random.bernoulli(key_match, 0.5, (num_trial,))
    shift = jax.random.randint(key_other, (num_trial,), 1, num_stimulus)
    test = (sample + jnp.where(match, 0, shift)) % num_stimulus
    phase = np.repeat(np.arange(4), [stimulus, delay, stimulus, response])
    is_sample, is_test, is_response = (phase == 0, phase == 2, phase == 3)
    shown = jax.nn.one_hot(jnp.stack([sample, test], 1), num_stimulus, dtype=bm.float_)
    when = jnp.asarray(np.stack([is_sample, is_test], 1), bm.float_)
    seen = jnp.einsum("tk,bks->bts", when, shown)
    fixation = jnp.broadcast_to(~is_response[:, None], (*seen.shape[:2], 1))
    y = jnp.where(is_response, jnp.where(match, 1, 2)[:, None], 0)
    x = jnp.concatenate([seen, fixation.astype(bm.float_)], -1)
    return Trials(x, y, jnp.ones(y.shape, bm.float_))
