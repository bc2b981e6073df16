"""The adding problem."""

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.tasks._trials import Trials, counts
from bp_rnn.typing import Array


def add(key: Array | int = 0, *, num_trial: int = 100, num_step: int = 50) -> Trials:
    r"""Return the adding problem: remember two numbers and give their sum at the end.

    The first input is uniform between 0 and 1 at every step; the second is one at two steps, one
    in each half of the sequence, and else zero; the target of the last step is the sum of the two
    marked numbers. Always answering 1 has a mean squared error of 1/6.

    Parameters
    ----------
    key : int or JAX key
        Seed; the same key gives the same data.
    num_trial : int
        Sequences.
    num_step : int
        Length T, at least 2: the first number has to be kept for T/2 to T steps.

    Returns
    -------
    Trials
        ``x (num_trial, T, 2)``, ``y (num_trial, T, 1)``, ``mask`` one at the last step.

    Notes
    -----
    Sources: Hochreiter & Schmidhuber 1997, experiment 4; Le, Jaitly & Hinton 2015, section 4.1.
    """
    (num_trial,) = counts(num_trial=num_trial)
    num_step = _check.integer("num_step", num_step, 2)
    key_value, key_first, key_second = jax.random.split(_check.as_key(key), 3)
    value = jax.random.uniform(key_value, (num_trial, num_step), bm.float_)
    half = num_step // 2
    first = jax.random.randint(key_first, (num_trial,), 0, half)
    second = jax.random.randint(key_second, (num_trial,), half, num_step)
    mark = jax.nn.one_hot(first, num_step, dtype=value.dtype)
    mark += jax.nn.one_hot(second, num_step, dtype=value.dtype)
    last = jnp.zeros_like(value).at[:, -1].set(1.0)
    total = (value * mark).sum(1, keepdims=True)
    return Trials(jnp.stack([value, mark], -1), (last * total)[..., None], last)
