"""The nonlinearity phi of a rate equation, by name or as a function."""

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.typing import Array

Phi = Callable[[Array], Array]


def identity(v: Array) -> Array:
    """Return ``v``: the linear network of the lecture's homework."""
    return v


PHI: dict[str, Phi] = {
    "identity": identity,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "elu": jax.nn.elu,
    "silu": jax.nn.silu,
}


def resolve(phi: str | Phi) -> Phi:
    """Return the function that ``phi`` names, or ``phi`` itself if it acts elementwise.

    A function of NumPy or SciPy that JAX has too, such as ``np.tanh``, is JAX's.

    Raises
    ------
    TypeError
        If ``phi`` is neither a name nor a callable, or no function of JAX arrays.
    ValueError
        If the name is unknown, or the callable mixes units (then no row of W would drive a
        single unit, on which the fast sensitivities stand).
    """
    if not callable(phi):
        return PHI[_check.choice("phi", phi, PHI)]
    if isinstance(phi, np.ufunc):
        phi = _of_jax(phi)
    if not _is_elementwise(phi):
        raise ValueError(f"phi must act on each unit alone and keep the shape, got {_name(phi)}")
    return phi


def _of_jax(phi: np.ufunc) -> Phi:
    for module in (jnp, jax.scipy.special):
        if callable(found := getattr(module, phi.__name__, None)):
            return cast(Phi, found)
    raise TypeError(f"phi must be a function of JAX arrays, got {phi}, which JAX has not")


def _is_elementwise(phi: Any) -> bool:
    probe = jnp.asarray([0.3, -0.7, 1.1])
    try:
        found = jax.eval_shape(phi, probe)
    except Exception as error:
        raise TypeError(
            "phi must be a function of JAX arrays (jnp.tanh(v), say, where NumPy has np.tanh(v), "
            f"and jnp.where for if), but {_name(phi)} fails with {type(error).__name__}: "
            f"{str(error).strip().partition(chr(10))[0]}"
        ) from error
    if getattr(found, "shape", None) != probe.shape:
        return False
    if not jnp.issubdtype(found.dtype, jnp.floating):
        raise TypeError(f"phi must return real numbers, got {found.dtype} from {_name(phi)}")
    jacobian = np.asarray(jax.jacfwd(phi)(probe))
    return not jacobian[~np.eye(3, dtype=bool)].any()


def _name(phi: Any) -> str:
    return str(getattr(phi, "__name__", repr(phi)))
