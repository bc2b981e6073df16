"""The copy task."""

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.tasks._trials import Trials, counts
from bp_rnn.typing import Array


def copy(
    key: Array | int = 0,
    *,
    num_trial: int = 100,
    num_item: int = 10,
    num_symbol: int = 8,
    delay: int = 20,
) -> Trials:
    r"""Return the copy task: repeat a list of symbols after a delay.

    ``num_item`` random symbols are shown one a step, then nothing for ``delay`` steps, then a go
    signal, at which and after which the list is to be given in its order. Guessing has a cross
    entropy of ``log(num_symbol)``.

    Parameters
    ----------
    key : int or JAX key
        Seed; the same key gives the same data.
    num_trial, num_item, num_symbol : int
        Sequences, symbols in each, different symbols.
    delay : int
        Steps between the last symbol and the go signal.

    Returns
    -------
    Trials
        ``x (num_trial, T, num_symbol + 2)``, one-hot with nothing and go as the last two features;
        labels ``y (num_trial, T)``, a symbol or ``num_symbol`` for nothing; ``mask`` one where
        the list is to be given. ``T = 2 num_item + delay``.

    Notes
    -----
    Sources: Hochreiter & Schmidhuber 1997; Arjovsky, Shah & Bengio 2016, section 4.1.
    """
    num_trial, num_item, num_symbol, delay = counts(
        num_trial=num_trial, num_item=num_item, num_symbol=num_symbol, delay=delay
    )
    items = jax.random.randint(_check.as_key(key), (num_trial, num_item), 0, num_symbol)
    wait = jnp.full((num_trial, delay), num_symbol, items.dtype)
    nothing = jnp.full((num_trial, num_item), num_symbol, items.dtype)
    shown = jnp.concatenate([items, wait, nothing.at[:, 0].set(num_symbol + 1)], 1)
    asked = jnp.concatenate([nothing, wait, items], 1)
    mask = jnp.zeros(asked.shape, bm.float_).at[:, -num_item:].set(1.0)
    return Trials(jax.nn.one_hot(shown, num_symbol + 2, dtype=bm.float_), asked, mask)
