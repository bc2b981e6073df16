"""The nonlinearity phi of a rate equation, by name or as a function."""

from collections.abc import Callable
from typing import Any

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

    Raises
    ------
    TypeError
        If ``phi`` is neither a name nor a callable.
    ValueError
        If the name is unknown, or the callable mixes units (then no row of W would drive a
        single unit, on which the fast sensitivities stand).
    """
    if not callable(phi):
        return PHI[_check.choice("phi", phi, PHI)]
    if not _is_elementwise(phi):
        raise ValueError(f"phi must act on each unit alone and keep the shape, got {phi!r}")
    return phi


def _is_elementwise(phi: Any) -> bool:
    probe = jnp.asarray([0.3, -0.7, 1.1])
    if jax.eval_shape(phi, probe).shape != probe.shape:
        return False
    jacobian = np.asarray(jax.jacfwd(phi)(probe))
    return not jacobian[~np.eye(3, dtype=bool)].any()
