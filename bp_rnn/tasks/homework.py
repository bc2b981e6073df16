"""The homework's sequence."""

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.typing import Array


def homework(
    key: Array | int = 0, *, num_step: int = 10, noise: float = 0.1
) -> tuple[Array, Array]:
    r"""Return the input and the target of the lecture's homework.

    .. math::

        x_t \sim N(0, \sigma), \qquad y_t = e^{1 - t/(T-1)} + N(0, \sigma), \qquad t = 0..T-1

    Parameters
    ----------
    key : int or JAX key
        Seed; the same key gives the same data.
    num_step : int
        Length T.
    noise : float
        Standard deviation sigma.

    Returns
    -------
    tuple of Array
        ``x`` and ``y``, each ``(T,)``, in BrainPy's current float type.

    Notes
    -----
    Source: lecture 1, "Homework", cell 2.
    """
    num_step = _check.integer("num_step", num_step, 1)
    noise = _check.positive("noise", _check.number("noise", noise))
    key_x, key_y = jax.random.split(_check.as_key(key))
    x = noise * jax.random.normal(key_x, (num_step,), bm.float_)
    clean = jnp.exp(jnp.linspace(1.0, 0.0, num_step, dtype=bm.float_))
    return x, clean + noise * jax.random.normal(key_y, (num_step,), bm.float_)
