"""Parameters through BrainPy's initialisers."""

from collections.abc import Callable
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.functional import nonlinearity
from bp_rnn.typing import Array

Initializer = float | Array | np.ndarray | Callable[..., Any]


def parameter(name: str, init: Initializer, shape: tuple[int, ...]) -> bm.TrainVar:
    """Return a ``bm.TrainVar`` of ``shape`` in BrainPy's current float type.

    ``init`` is a number, an array of that shape, or a function of the shape, such as the
    initialisers of ``bp.init``. With three axes (unit, gate, source) a function is called once
    for each gate, because it knows a matrix from its two axes.

    Raises
    ------
    ValueError, TypeError
        If an array has another shape, or the values are not finite real numbers.
    """
    if callable(init):
        init = _call(init, shape)
    value = _check.real_array(name, init)
    if value.shape not in ((), shape):
        raise ValueError(f"{name} must have shape {shape}, got {value.shape}")
    # A strong dtype: BrainPy's initialisers give weak ones, which would compile twice.
    return bm.TrainVar(jnp.full(shape, jnp.asarray(value, bm.float_), bm.float_))


def fan_in_normal(num_in: int, key: Array) -> Callable[..., Any]:
    r"""Return BrainPy's normal initialiser with standard deviation :math:`1/\sqrt{n_{in}}`."""
    return bp.init.Normal(0.0, num_in**-0.5, seed=key)


def resolve_phi(phi: str | Callable[[Array], Any]) -> nonlinearity.Phi:
    """Return the nonlinearity that ``phi`` names or is, as a function of JAX arrays."""
    if callable(phi) and not isinstance(phi, np.ufunc):

        def as_jax(v: Array) -> Any:
            # bm.tanh and its like return BrainPy arrays, which JAX transformations refuse
            return bm.as_jax(phi(v))

        as_jax.__name__ = getattr(phi, "__name__", type(phi).__name__)  # for messages
        return nonlinearity.resolve(as_jax)
    return nonlinearity.resolve(phi)


def _call(init: Callable[..., Any], shape: tuple[int, ...]) -> Array:
    if len(shape) < 3:
        return bm.as_jax(init(shape))
    unit, gates, source = shape
    return jnp.stack([bm.as_jax(init((unit, source))) for _ in range(gates)], axis=1)
