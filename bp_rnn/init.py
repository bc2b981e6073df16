"""Initialisers beside BrainPy's own (``bp.init.Orthogonal``, ``XavierNormal``, ``Identity``...)."""

from collections.abc import Callable
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn._draw import bind, follows_key
from bp_rnn._spectrum import spectral_radius
from bp_rnn.typing import Array


class SpectralRadius(bp.init.Initializer):
    r"""A square matrix scaled to a spectral radius, :math:`\max_i |\lambda_i| = \rho`.

    Parameters
    ----------
    radius : float
        Rho, above zero. Above 300 units it is met to about 2e-4, as
        :func:`bp_rnn.reservoir.spectral_radius` finds it.
    base : initialiser, optional
        One of ``bp.init`` for the matrix to be scaled; standard normal by default.
    seed : int or JAX key, optional
        Of the default ``base``. Without one the key of the cell decides, as with the initialisers
        of ``bp.init``; called by itself, it then draws the same matrix each time.

    Raises
    ------
    ValueError
        When it is called for a shape that is not square, or ``base`` gives a matrix whose
        spectral radius is zero.
    """

    def __init__(
        self,
        radius: float,
        base: Callable[..., Any] | None = None,
        *,
        seed: Array | int | None = None,
    ) -> None:
        self.radius = _check.positive("radius", _check.number("radius", radius))
        if base is None and seed is not None:
            base = bp.init.Normal(0.0, 1.0, seed=seed)
        self.base = base

    @property
    def has_seed(self) -> bool:
        """Whether the matrix does not depend on the key of a cell."""
        return self.base is not None and not follows_key(self.base)

    def __call__(self, shape: Any, dtype: Any = None, *, key: Array | None = None) -> Array:
        """Return a matrix ``(n, n)``, drawn from ``key`` where ``base`` has no seed."""
        shape = tuple(np.atleast_1d(shape).tolist())
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ValueError(f"SpectralRadius needs a square shape (n, n), got {shape}")
        if self.base is None:
            base: Callable[..., Any] = bp.init.Normal(0.0, 1.0, seed=0 if key is None else key)
        else:
            base = self.base if key is None else bind(self.base, key)
        matrix = jnp.asarray(bm.as_jax(base(shape)))
        # called back, because eigenvalues of a general matrix are on no accelerator, and BrainPy
        # calls initialisers under jit
        number = jax.ShapeDtypeStruct((), matrix.dtype)
        found = jax.pure_callback(_spectral_radius, number, matrix)
        if not isinstance(found, jax.core.Tracer) and found == 0:
            raise ValueError("base gives a matrix with spectral radius 0, which can't be scaled")
        return jnp.asarray(matrix * (self.radius / found), bm.float_ if dtype is None else dtype)

    def __repr__(self) -> str:
        return f"SpectralRadius({self.radius}, {self.base!r})"


def _spectral_radius(matrix: Array) -> np.ndarray:
    return np.asarray(spectral_radius(matrix), matrix.dtype)
