"""Digits of eight by eight pixels."""

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.typing import Array

SIDE = 8
#: How each digit is drawn: the corners (x, y) of the pen's path, in hundredths, y downwards.
PATHS = (
    "50,12 30,22 25,50 30,78 50,88 70,78 75,50 70,22 50,12",
    "36,30 55,12 55,88",
    "26,32 34,15 58,12 72,28 60,50 26,88 77,87",
    "28,15 70,15 48,42 70,58 66,80 45,88 27,80",
    "64,88 62,12 24,62 80,62",
    "72,13 33,13 31,46 58,42 73,62 60,84 28,84",
    "66,13 40,34 28,64 42,87 64,82 70,62 50,50 30,62",
    "24,14 76,14 45,88",
    "50,48 31,30 50,12 69,30 50,48 27,68 50,88 73,68 50,48",
    "70,38 50,50 31,34 48,13 68,22 70,38 60,88",
)


def digits(
    key: Array | int = 0, *, num_sample: int = 1000, jitter: float = 0.04
) -> tuple[Array, Array]:
    r"""Return drawn digits and what they are: data without time, for learning at a fixed point.

    Each is the path of a pen over eight by eight pixels, turned, sheared, scaled, moved and bent at
    random. A pixel at distance d from the path has the brightness :math:`\exp(-d^2 / 2 w^2)`, with
    a width w of the pen.

    Parameters
    ----------
    key : int or JAX key
        Seed; the same key gives the same data.
    num_sample : int
        Digits; which of the ten each is, is drawn too.
    jitter : float
        Standard deviation by which the corners of the path are moved, in units of the image's
        side; not negative.

    Returns
    -------
    tuple of Array
        ``x``, ``(num_sample, 64)`` from 0 to 1, row by row from the top; ``y``, ``(num_sample,)``,
        the digits as integers.
    """
    num_sample = _check.integer("num_sample", num_sample, 1)
    jitter = _check.not_negative("jitter", _check.number("jitter", jitter))
    of_y, of_x = jax.random.split(_check.as_key(key))
    y = jax.random.randint(of_y, (num_sample,), 0, len(PATHS), jnp.int32)
    paths = jnp.asarray(_corners(), bm.float_)
    draw = jax.vmap(lambda key, path: _draw(key, path, jitter))
    return draw(jax.random.split(of_x, num_sample), paths[y]), y


def _draw(key: Array, path: Array, jitter: float) -> Array:
    of_jitter, of_map, of_shift, of_width = jax.random.split(key, 4)
    path += jitter * jax.random.normal(of_jitter, path.shape, path.dtype) - 0.5
    turn, shear, wide, high = jax.random.uniform(of_map, (4,), path.dtype, -1.0)
    angle = 0.25 * turn
    rotation = jnp.array([[jnp.cos(angle), -jnp.sin(angle)], [jnp.sin(angle), jnp.cos(angle)]])
    stretch = jnp.array([[0.9 + 0.15 * wide, 0.25 * shear], [0.0, 0.95 + 0.1 * high]])
    shift = 0.5 + 0.06 * jax.random.uniform(of_shift, (2,), path.dtype, -1.0)
    path = path @ (rotation @ stretch).T + shift
    middle = (jnp.arange(SIDE, dtype=path.dtype) + 0.5) / SIDE
    pixels = jnp.stack(jnp.meshgrid(middle, middle), -1).reshape(-1, 1, 2)
    width = jax.random.uniform(of_width, (), path.dtype, 0.05, 0.08)
    return jnp.exp(-0.5 * _distance(pixels, path[:-1], path[1:]) / width**2)


def _distance(points: Array, first: Array, last: Array) -> Array:
    """Return the squared distance of each point to the nearest of the segments."""
    along, rest = last - first, points - first
    length = jnp.sum(along**2, -1)
    part = jnp.sum(rest * along, -1) / jnp.where(length > 0, length, 1)
    return jnp.sum((rest - jnp.clip(part, 0, 1)[..., None] * along) ** 2, -1).min(-1)


def _corners() -> np.ndarray:
    """Return the paths, ``(10, corners, 2)``; the last corner of a shorter one is repeated."""
    paths = [[[int(v) / 100 for v in p.split(",")] for p in path.split()] for path in PATHS]
    most = max(map(len, paths))
    return np.array([path + path[-1:] * (most - len(path)) for path in paths])
