"""Gradients that are right on average."""

import abc

import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.cells import Cell
from bp_rnn.gradients._base import ForwardGradient
from bp_rnn.typing import Array, Params, Trace

#: Keeps a ratio of norms finite where one is zero.
TINY = 1e-30


class RandomGradient(ForwardGradient, abc.ABC):
    """A gradient whose mean over random signs is the exact one.

    The trace is a dict with the entry ``key``, the raw data of the key of the next signs.
    """

    kind = "unbiased"
    is_random = True

    def __init__(self, cell: Cell, *, key: Array | int = 0) -> None:
        self._key = _check.as_key(key)
        super().__init__(cell)

    @abc.abstractmethod
    def init_random(self, params: Params, state: Array, key: Array) -> dict[str, Array]:
        """Return the trace of one sample at the start, without its key; pure."""

    def init_trace(self, params: Params, state: Array) -> Trace:
        """Return the trace at the start, with the object's own key."""
        return self._keyed(params, state, self._key)

    def start(self, params: Params, state: Array, key: Array | None = None) -> Trace:
        """Return the trace of a batch: other random numbers for each sample."""
        keys = jax.random.split(self._key if key is None else key, state.shape[0])
        return jax.vmap(self._keyed, (None, 0, 0))(params, state, keys)

    def _keyed(self, params: Params, state: Array, key: Array) -> Trace:
        first, key = jax.random.split(key)
        return self.init_random(params, state, first) | {"key": jax.random.key_data(key)}

    def _start(self) -> dict[str, Array]:
        cell = self.cell
        state = cell.state.value
        if cell.is_batched:
            return jax.vmap(self.named)(self.start(cell.params(), state))
        return self.named(self.init_trace(cell.params(), state))


def next_key(trace: Trace) -> tuple[Array, Array]:
    """Return a key to draw from, and the raw data of the next one."""
    now, then = jax.random.split(jax.random.wrap_key_data(trace["key"]))
    return now, jax.random.key_data(then)


def signs(key: Array, shape: tuple[int, ...], dtype: jnp.dtype) -> Array:
    """Return independent random signs."""
    # of bits, so that a key gives the same signs in every precision
    return 2 * (jax.random.bits(key, shape, jnp.uint8) & 1).astype(dtype) - 1


def balance(a: Array, b: Array) -> Array:
    r"""Return :math:`\sqrt{|a| / |b|}`, and one where either is zero."""
    a, b = jnp.sqrt(jnp.sum(a * a)), jnp.sqrt(jnp.sum(b * b))
    return jnp.where((a > TINY) & (b > TINY), jnp.sqrt(a / jnp.maximum(b, TINY)), 1.0)
