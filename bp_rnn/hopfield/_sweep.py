"""One step of a network of two-valued units; pure functions of one sample."""

import jax
import jax.numpy as jnp

from bp_rnn.typing import Array

#: Units that are looked at together; chosen by measuring N = 1000 and 5000.
WINDOW = 64


def rounding(recurrent: Array) -> Array:
    """Return how large a field that is zero can come out, from the fields ``(..., N)`` of W x.

    N additions, each with an error of one part in 1/eps, walk at random.
    """
    error = jnp.finfo(recurrent.dtype).eps * recurrent.shape[-1] ** 0.5
    return error * jnp.abs(recurrent).max(-1, keepdims=True)


def decide(x: Array, field: Array, tolerance: Array, levels: tuple[float, float]) -> Array:
    """Return the value each unit wants: by the sign of its field; a field of zero keeps it."""
    low, high = levels
    return jnp.where(field > tolerance, high, jnp.where(field < -tolerance, low, x))


def random_order(key: Array, num: int) -> Array:
    """Return a random permutation of ``num`` units.

    XLA sorts plain numbers several times as fast as pairs, so each unit's place stands in the low
    bits of its random number. A second round settles the order of equal high bits.
    """
    low = (num - 1).bit_length()
    order = jnp.arange(num, dtype=jnp.uint32)
    for one in jax.random.split(key):
        high = jax.random.bits(one, (num,)) >> low << low
        place = jnp.sort(high | jnp.arange(num, dtype=jnp.uint32)) & (2**low - 1)
        order = order[place]
    return order.astype(jnp.int32)


def sweep(
    w: Array,
    x: Array,
    field: Array,
    tolerance: Array,
    order: Array,
    levels: tuple[float, float],
) -> tuple[Array, Array, Array]:
    """Update every unit once, in order, each seeing what those before it have become.

    Between two flips nothing changes, so the next unit that will flip is looked for among many at
    a time. The result is that of one unit after the other, at a cost that follows the flips.

    Parameters
    ----------
    w : Array
        Couplings ``(N, N)``, symmetric.
    x, field : Array
        State and fields less thresholds, ``(N,)``.
    tolerance : Array
        ``(1,)``, of :func:`rounding`.
    order : Array
        A permutation of the units.
    levels : pair of float
        The two values of a unit.

    Returns
    -------
    tuple of Array
        State and fields after the sweep, and the number of flips.
    """
    num = x.shape[0]
    middle, half = (levels[0] + levels[1]) / 2, (levels[1] - levels[0]) / 2
    ahead = jnp.arange(WINDOW, dtype=order.dtype)
    padded = jnp.concatenate([order, jnp.zeros_like(ahead)])

    def look(carry: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        x, field, place, flips = carry
        units = jax.lax.dynamic_slice(padded, (place,), (WINDOW,))
        side = (x[units] - middle) / half
        flip = (field[units] * side < -tolerance) & (place + ahead < num)
        first = jnp.argmax(flip)
        found, unit = flip[first], units[first]
        change = jnp.where(found, -2 * half * side[first], 0.0)
        place = place + jnp.where(found, first.astype(place.dtype) + 1, WINDOW)
        return x.at[unit].add(change), field + w[unit] * change, place, flips + found

    start = x, field, jnp.zeros((), order.dtype), jnp.zeros((), jnp.int32)
    x, field, _, flips = jax.lax.while_loop(lambda carry: carry[2] < num, look, start)
    return x, field, flips
