"""The matrices of a reservoir, drawn and scaled in double precision on the host."""

from typing import Any

import jax
import numpy as np

from bp_rnn import _check
from bp_rnn._spectrum import spectral_norm, spectral_radius
from bp_rnn.reservoir._topology import TOPOLOGIES, Draw, Recurrent
from bp_rnn.typing import Array

DISTRIBUTIONS = ("uniform", "normal")
#: Spectral radius where none is asked for.
RADIUS = 0.9


def generator(key: Array) -> np.random.Generator:
    """Return NumPy's generator of a JAX key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))


def drawer(rng: np.random.Generator, distribution: str) -> Draw:
    """Return what draws an array between -1 and 1, or of deviation one."""
    if distribution == "normal":
        return lambda shape: rng.normal(size=shape)
    return lambda shape: rng.uniform(-1, 1, shape)


def recurrent(
    key: Array,
    num: int,
    *,
    topology: str,
    density: float,
    distribution: str,
    radius: float | None,
    norm: float | None,
) -> Recurrent:
    """Return the recurrent matrix, scaled to its spectral radius or norm.

    Raises
    ------
    ValueError
        If both are asked for, or the matrix has a spectral radius of zero.
    """
    if radius is not None and norm is not None:
        raise ValueError(f"spectral_radius must be None with spectral_norm={norm}, got {radius}")
    wanted = RADIUS if radius is None and norm is None else radius if norm is None else norm
    name = "spectral_radius" if norm is None else "spectral_norm"
    wanted = _check.not_negative(name, _check.number(name, wanted))
    rng = generator(key)
    found = TOPOLOGIES[topology](rng, drawer(rng, distribution), num, density)
    if found.is_unit:
        return found._replace(w=wanted * found.w)
    matrix = found.product.matrix(found.w)
    size = spectral_radius(matrix) if norm is None else spectral_norm(matrix)
    if size == 0:
        raise ValueError(
            f"the {topology} matrix drawn has a {name} of 0, which can't be scaled; "
            "ask for a higher density"
        )
    return found._replace(w=found.w * (wanted / size))


def inputs(
    key: Array,
    shape: tuple[int, ...],
    *,
    name: str,
    distribution: str = "uniform",
    scaling: Any = 1.0,
    norm: float | None = None,
    density: float = 1.0,
) -> np.ndarray:
    """Return what drives the units from outside, scaled by its range or by its spectral norm."""
    scale = _check.real_array(name, _check.not_negative(name, scaling))
    if scale.shape not in ((), shape[1:]):
        raise ValueError(f"{name} must be a number or of shape {shape[1:]}, got {scale.shape}")
    rng = generator(key)
    found = drawer(rng, distribution)(shape)
    if density < 1:
        found = found * (rng.random(shape) < density)
    if norm is None:
        return found * scale
    norm = _check.not_negative("input_norm", _check.number("input_norm", norm))
    size = np.linalg.norm(found, 2)
    return found * (norm / size if size > 0 else 0)


def share(name: str, value: Any) -> float:
    """Return a number above 0 and at most 1."""
    found = _check.positive(name, _check.number(name, value))
    if found > 1:
        raise ValueError(f"{name} must be at most 1, got {value}")
    return found
