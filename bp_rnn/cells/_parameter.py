"""Parameters through BrainPy's initialisers."""

from collections.abc import Callable
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn._draw import bind
from bp_rnn.functional import nonlinearity
from bp_rnn.typing import Array

Initializer = float | Array | np.ndarray | Callable[..., Any]


def initial(name: str, init: Initializer | None, shape: tuple[int, ...], key: Array) -> Array:
    """Return the initial value of a parameter, of ``shape`` in BrainPy's current float type.

    Parameters
    ----------
    name : str
        For error messages.
    init : float, array, callable or None
        A number, an array of that shape, or a function of the shape, such as the initialisers of
        ``bp.init``. With three axes (unit, gate, source) a function is called once for each gate,
        because it knows a matrix from its two axes. None is normal with standard deviation
        ``1 / sqrt(fan-in)``.
    shape : tuple of int
        Of the parameter.
    key : Array
        What an initialiser without a seed draws from, and a function with an argument ``key``.

    Raises
    ------
    ValueError, TypeError
        If an array has another shape, or the values are not finite real numbers.
    """
    init = fan_in_normal(shape[-1]) if init is None else init
    value = _check.real_array(name, _call(bind(init, key), shape) if callable(init) else init)
    if value.shape not in ((), shape):
        raise ValueError(f"{name} must have shape {shape}, got {value.shape}")
    # A strong dtype: BrainPy's initialisers give weak ones, which would compile twice.
    return jnp.full(shape, jnp.asarray(value, bm.float_), bm.float_)


def parameter(
    name: str, init: Initializer | None, shape: tuple[int, ...], key: Array
) -> bm.TrainVar:
    """Return a ``bm.TrainVar`` with the value that :func:`initial` returns."""
    return bm.TrainVar(initial(name, init, shape, key))


def fan_in_normal(num_in: int) -> Callable[..., Any]:
    r"""Return BrainPy's normal initialiser with standard deviation :math:`1/\sqrt{n_{in}}`."""
    return bp.init.Normal(0.0, num_in**-0.5)


def resolve_phi(phi: str | Callable[[Array], Any]) -> nonlinearity.Phi:
    """Return the nonlinearity that ``phi`` names or is, as a function of JAX arrays."""
    if callable(phi) and not isinstance(phi, np.ufunc):

        def as_jax(v: Array) -> Any:
            # bm.tanh and its like return BrainPy arrays, which JAX transformations refuse
            return bm.as_jax(phi(v))

        as_jax.__name__ = getattr(phi, "__name__", type(phi).__name__)  # for messages
        return nonlinearity.resolve(as_jax)
    return nonlinearity.resolve(phi)


def _call(draw: Callable[[tuple[int, ...]], Any], shape: tuple[int, ...]) -> Array:
    if len(shape) < 3:
        return bm.as_jax(draw(shape))
    unit, gates, source = shape
    return jnp.stack([bm.as_jax(draw((unit, source))) for _ in range(gates)], axis=1)
