"""Steps until nothing moves any more, for a batch of probes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn.typing import Array


class Moved(NamedTuple):
    """What a step makes of a batch.

    Attributes
    ----------
    state : Array
        ``(batch, N)``.
    field : Any
        What the next step needs of W x, leaves with a batch axis.
    flips : Array
        Units that changed sides, ``(batch,)``.
    moving : Array
        Whether the sample has not come to rest, ``(batch,)``.
    """

    state: Array
    field: Any
    flips: Array
    moving: Array


class Settled(NamedTuple):
    """Where a batch has come to.

    Attributes
    ----------
    state : Array
        ``(batch, N)``.
    num_step, flips : Array
        Steps in which something moved, and flips in all, ``(batch,)``.
    converged, cycle : Array
        Whether it rests, and whether it repeats every second step, ``(batch,)``.
    """

    state: Array
    num_step: Array
    flips: Array
    converged: Array
    cycle: Array


class Retrieval(NamedTuple):
    """What a retrieval ends with; a leading batch axis where the probe has one.

    Attributes
    ----------
    state : Array
        ``(num,)``.
    overlap : Array
        With each pattern, ``(M,)``.
    energy : Array
        Of the final state.
    num_step : Array
        Steps in which something moved.
    flips : Array
        Units that changed sides, summed over the steps.
    converged : Array
        Whether the state is a fixed point.
    cycle : Array
        Whether it came back after two steps, which only synchronous updates do.
    """

    state: Array
    overlap: Array
    energy: Array
    num_step: Array
    flips: Array
    converged: Array
    cycle: Array


def settle(
    advance: Callable[[Array, Any, Array], Moved],
    fields: Callable[[Array], Any],
    state: Array,
    key: Array,
    num_step: Array,
    has_cycles: bool,
) -> tuple[Settled, Any]:
    """Return where ``state`` goes in ``num_step`` steps at most, and the fields there.

    Two-cycles, which end it too, are looked for where ``has_cycles`` says that there may be some.
    Fields are carried from step to step. Once nothing moves they are made anew, so that what
    counts as rest is no work of rounding errors.
    """
    none = jnp.zeros(state.shape[0], jnp.int32)

    def more(carry: tuple[Any, ...]) -> Array:
        _, _, _, settled, _, t = carry
        return (t < num_step) & ~(settled.converged | settled.cycle).all()

    def body(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        field, before, key, settled, fresh, t = carry
        key, now = jax.random.split(key)
        moved = advance(settled.state, field, now)
        quiet = ~moved.moving.any()
        again = quiet & ~fresh
        field = jax.lax.cond(again, lambda: fields(moved.state), lambda: moved.field)
        settled = Settled(
            moved.state,
            settled.num_step + moved.moving,
            settled.flips + moved.flips,
            ~moved.moving & ~again,
            has_cycles & moved.moving & (moved.state == before).all(-1),
        )
        return field, carry[3].state, key, settled, again | (quiet & fresh), t + 1

    settled = Settled(state, none, none, none > 0, none > 0)
    nowhere = jnp.full_like(state, jnp.nan)
    start = fields(state), nowhere, key, settled, jnp.asarray(True), jnp.zeros((), jnp.int32)
    field, _, _, settled, _, _ = jax.lax.while_loop(more, body, start)
    return settled, field
