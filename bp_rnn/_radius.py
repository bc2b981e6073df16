"""The spectral radius of recurrent weights that are moved to where they may be."""

import warnings

import jax.numpy as jnp
import numpy as np

from bp_rnn._spectrum import spectral_radius
from bp_rnn.functional.constraint import Box, project
from bp_rnn.typing import Array

#: How much it may grow beyond one without a word, and how exactly it is scaled back.
GROWTH, PRECISION = 1.1, 1e-2
#: By how much weights are made smaller at most.
LEAST = 1e-3


def keep_radius(name: str, before: Array, start: Array, value: Array, box: Box) -> Array:
    """Return weights scaled to the spectral radius that they had before their signs were turned.

    Parameters
    ----------
    name : str
        For the warning.
    before, start, value : Array
        Weights at first, with the signs they should have, and moved into the box; ``(n, n)``, or
        ``(n, gates, n)``, where each gate is scaled by itself. Others are returned as they are.
    box : Box
        Where weights may be.

    Warns
    -----
    UserWarning
        If it is larger than before and than one, and can't be scaled because of the box.
    """
    if value.ndim < 2 or value.shape[0] != value.shape[-1] or not bool((value != before).any()):
        return value
    old, new = _radii(before), _radii(value)
    turned = bool(((start != before) & (value != 0)).any())
    if turned and (scaled := _scaled(value, old, new, box)) is not None:
        return scaled
    grown = new > GROWTH * np.maximum(old, 1.0)
    if grown.any():
        worst = int(np.argmax(np.where(grown, new, 0.0)))
        why = "could not be scaled back within the other constraints" if turned else "is not scaled"
        warnings.warn(
            f"the constraints took the spectral radius of {name} from {old[worst]:.3g} to "
            f"{new[worst]:.3g}, and it {why}: the network may be unstable; give weights that obey "
            "the constraints",
            UserWarning,
            stacklevel=3,
        )
    return value


def _matrices(value: Array) -> np.ndarray:
    """Return ``(gates, n, n)``."""
    array = np.asarray(value, np.float64)
    return np.moveaxis(array.reshape(len(array), -1, array.shape[-1]), 1, 0)


def _radii(value: Array) -> np.ndarray:
    return np.array([spectral_radius(matrix) for matrix in _matrices(value)])


def _scaled(value: Array, old: np.ndarray, new: np.ndarray, box: Box) -> Array | None:
    """Return the scaled weights, or None if the box does not allow them."""
    # of a nilpotent matrix, whose radius is a rounding error, nothing would be left
    if not ((old > LEAST * new) & (new > 0)).all() or bool((~box.free & (value != 0)).any()):
        return None
    factor = np.moveaxis(_matrices(value) * (old / new)[:, None, None], 0, 1)
    scaled = jnp.asarray(factor.reshape(value.shape), value.dtype)
    allowed = project(box, scaled, value)
    close = np.abs(_radii(allowed) - old) <= PRECISION * old
    return allowed if close.all() else None
