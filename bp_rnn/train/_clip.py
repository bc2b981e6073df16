"""Gradient clipping."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn.typing import Params


class Clip(NamedTuple):
    r"""Clipping by value, :math:`g \leftarrow \max(-v, \min(v, g))`, then by global norm.

    Attributes
    ----------
    value : float or None
        Largest absolute value of an entry.
    norm : float or None
        Largest norm of the gradient by all parameters together; a longer one is scaled to it.
    """

    value: float | None
    norm: float | None

    def __call__(self, grads: Params) -> Params:
        """Return the clipped gradient."""
        if (value := self.value) is not None:
            grads = jax.tree.map(lambda g: jnp.clip(g, -value, value), grads)
        if self.norm is not None:
            norm = jnp.sqrt(sum(jnp.sum(g * g) for g in grads.values()))
            scale = self.norm / jnp.maximum(norm, self.norm)
            grads = jax.tree.map(lambda g: scale * g, grads)
        return grads
