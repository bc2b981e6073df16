"""Where a parameter may be: a box, and the entries that may move at all."""

from typing import NamedTuple

import jax.numpy as jnp

from bp_rnn.typing import Array, Params


class Box(NamedTuple):
    """The allowed values of one parameter, each entry by itself.

    Attributes
    ----------
    free : Array
        Whether an entry may change, of the parameter's shape.
    low, high : Array
        Bounds of what it may change to, of the parameter's shape.
    """

    free: Array
    low: Array
    high: Array


def project(box: Box, new: Array, old: Array) -> Array:
    """Return the allowed value nearest to ``new``; what is not free stays as in ``old``."""
    return jnp.where(box.free, jnp.clip(new, box.low, box.high), old)


def project_all(boxes: dict[str, Box], new: Params, old: Params) -> Params:
    """Project the parameters that have a box; the others are ``new``."""
    return {k: project(boxes[k], v, old[k]) if k in boxes else v for k, v in new.items()}


def free_gradient(boxes: dict[str, Box], grads: Params) -> Params:
    """Return the gradient by the entries that may move, zero for the others."""
    return {k: jnp.where(boxes[k].free, g, 0) if k in boxes else g for k, g in grads.items()}


def intersect(first: Box, second: Box) -> Box:
    """Return the values that both boxes allow."""
    return Box(
        first.free & second.free,
        jnp.maximum(first.low, second.low),
        jnp.minimum(first.high, second.high),
    )
