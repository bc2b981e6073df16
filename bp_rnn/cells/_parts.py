"""Values of any type as entries of one vector of floating point numbers, and back."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn.typing import Array


@dataclass(frozen=True)
class Part:
    """What is held in some entries of a state.

    Floating point numbers are held as they are, booleans as 0 and 1. Whole numbers of more than 8
    bits are held in pieces of 16 bits, the lowest first, which single precision takes exactly. The
    gradient through what is no floating point number is zero.

    Parameters
    ----------
    name : str
        Of the Variable.
    shape : tuple of int
        Of its value, for one sample.
    dtype : dtype
        Of its value.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any

    @property
    def is_float(self) -> bool:
        """Whether it is differentiated."""
        return bool(jnp.issubdtype(self.dtype, jnp.inexact))

    @property
    def is_whole(self) -> bool:
        """Whether each number takes one entry."""
        return self._width == 1

    @property
    def size(self) -> int:
        """How many entries it takes."""
        return math.prod(self.shape) * self._width

    @property
    def _width(self) -> int:
        if jnp.issubdtype(self.dtype, jnp.integer):
            return max(1, jnp.dtype(self.dtype).itemsize // 2)
        return 2 if jnp.issubdtype(self.dtype, jnp.complexfloating) else 1

    def pack(self, value: Array, dtype: Any) -> Array:
        """Return the entries ``(size,)`` of a value."""
        if jnp.issubdtype(value.dtype, jnp.integer) and value.dtype.itemsize > 1:
            value = jax.lax.bitcast_convert_type(value, jnp.uint16)
        if jnp.issubdtype(value.dtype, jnp.complexfloating):
            value = jnp.stack([value.real, value.imag], -1)
        return value.reshape(-1).astype(dtype)

    def unpack(self, entries: Array, exact: bool = True) -> Array:
        """Return the value of entries ``(..., size)``, shape ``(..., *shape)``.

        Parameters
        ----------
        entries : Array
            Those that :meth:`pack` made.
        exact : bool
            Whether a floating point number gets its own type back; else it keeps that of the
            entries.
        """
        lead = entries.shape[:-1]
        if jnp.issubdtype(self.dtype, jnp.floating):
            value = entries.reshape(*lead, *self.shape)
            return value.astype(self.dtype) if exact else value
        if jnp.issubdtype(self.dtype, jnp.complexfloating):
            pair = entries.reshape(*lead, *self.shape, 2)
            value = jax.lax.complex(pair[..., 0], pair[..., 1])
            return value.astype(self.dtype) if exact else value
        if self.dtype == jnp.bool_:
            return entries.reshape(*lead, *self.shape) > 0.5
        return _join(entries.reshape(*lead, *self.shape, self._width), self.dtype)


def _join(pieces: Array, dtype: Any) -> Array:
    if jnp.dtype(dtype).itemsize == 1:
        return pieces[..., 0].astype(dtype)
    pieces = pieces.astype(jnp.uint16)
    if jnp.dtype(dtype).itemsize == 2:
        pieces = pieces[..., 0]
    return jax.lax.bitcast_convert_type(pieces, dtype)
