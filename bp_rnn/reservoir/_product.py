"""How a recurrent matrix is held, and its product with a state: pure JAX."""

import abc

import jax.numpy as jnp
import numpy as np
import scipy.sparse

from bp_rnn.typing import Array


class Product(abc.ABC):
    """A way to hold a matrix in an array whose row ``i`` has the weights of unit ``i``."""

    @abc.abstractmethod
    def prepare(self, w: Array) -> Array:
        """Return the weights in the order in which :meth:`apply` goes through them."""

    @abc.abstractmethod
    def apply(self, prepared: Array, h: Array) -> Array:
        """Return ``W h`` of one sample ``(num,)``."""

    def connections(self) -> dict[str, np.ndarray]:
        """Return which weights are stored, where not all are; as arrays by name."""
        return {}

    @abc.abstractmethod
    def matrix(self, w: np.ndarray) -> np.ndarray | scipy.sparse.csr_array:
        """Return W itself."""


class Dense(Product):
    """All weights, ``(num, num)``."""

    def prepare(self, w: Array) -> Array:
        """Return ``w``."""
        return w

    def apply(self, prepared: Array, h: Array) -> Array:
        """Return ``w @ h``."""
        return prepared @ h

    def matrix(self, w: np.ndarray) -> np.ndarray:
        """Return ``w``."""
        return w


class Gather(Product):
    """As many weights for every unit, ``(num, k)``: ``w[i, j]`` comes from ``sources[i, j]``.

    Parameters
    ----------
    sources : np.ndarray
        ``(num, k)``.
    is_padded : bool
        Whether units with fewer sources have weights of zero behind them.
    """

    def __init__(self, sources: np.ndarray, is_padded: bool = False) -> None:
        self.sources, self.is_padded = sources, is_padded

    def connections(self) -> dict[str, np.ndarray]:
        """Return the sources."""
        return {"sources": self.sources}

    def prepare(self, w: Array) -> Array:
        """Return ``(k, num)``."""
        return w.T

    def apply(self, prepared: Array, h: Array) -> Array:
        """Return the sum of products, one gather for each source of all units."""
        total = prepared[0] * h[self.sources[:, 0]]
        for j in range(1, self.sources.shape[1]):
            total += prepared[j] * h[self.sources[:, j]]
        return total

    def matrix(self, w: np.ndarray) -> scipy.sparse.csr_array:
        """Return W with the weights alone stored."""
        num, k = self.sources.shape
        starts = np.arange(0, num * k + 1, k)
        entries = w.ravel(), self.sources.ravel(), starts
        found = scipy.sparse.csr_array(entries, (num, num), copy=self.is_padded)
        if self.is_padded:
            found.sum_duplicates()
            found.eliminate_zeros()
        return found


class Diagonals(Product):
    r"""Cyclic diagonals, ``(num, k)``: ``w[i, j]`` comes from unit ``i - offsets[j]``, modulo num.

    The product is a sum of k rolled and multiplied states, which goes through memory in order.
    """

    def __init__(self, offsets: tuple[int, ...]) -> None:
        self.offsets = offsets

    def connections(self) -> dict[str, np.ndarray]:
        """Return the offsets."""
        return {"offsets": np.asarray(self.offsets)}

    def prepare(self, w: Array) -> Array:
        """Return ``(k, num)``."""
        return w.T

    def apply(self, prepared: Array, h: Array) -> Array:
        """Return the sum of rolled states times weights."""
        num = h.shape[0]
        twice = jnp.concatenate([h, h])
        total = jnp.zeros_like(h)
        for weights, offset in zip(prepared, self.offsets, strict=True):
            total += weights * twice[num - offset : 2 * num - offset]
        return total

    def matrix(self, w: np.ndarray) -> scipy.sparse.csr_array:
        """Return W with the weights alone stored."""
        sources = (np.arange(len(w))[:, None] - np.asarray(self.offsets)) % len(w)
        return Gather(sources).matrix(w)
