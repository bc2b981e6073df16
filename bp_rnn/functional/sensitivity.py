r"""Forward sensitivities :math:`p = d s / d \theta` of a pure step, as one matrix.

With the parameters of a cell cut into ``rows`` rows of ``M`` numbers, ``p`` is held as one
array of shape ``(S, rows, M)``: ``p[k, i, j]`` is the derivative of state ``k`` by number ``j``
of row ``i``. A cell in which row ``i`` drives unit ``i`` alone (every parameter's leading axis
is the unit it feeds) has ``rows = num``; any other cell has ``rows = 1``. Either way a step of
real-time recurrent learning is one matrix product plus an addition on the diagonal blocks,

.. math:: p' = J p + \partial s' / \partial \theta .

Where units are independent (unit i depends on itself alone), all but the own state of each row's
unit is zero, and ``p`` has the shape ``(1, rows, M)``: a number for each parameter.

Source: Williams & Zipser 1989, eq. 10; lecture 1, "Trajectory representation".
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn.typing import Array, Params, Step

Shapes = dict[str, tuple[int, ...]]


def pack(entries: Params, rows: int) -> Array:
    """Join ``{name: (S, *shape)}`` into one array ``(S, rows, M)``, in the order of the names.

    Sorted, because a dict that has been through a JAX transformation comes back sorted.
    """
    parts = [v.reshape(v.shape[0], rows, -1) for _, v in sorted(entries.items())]
    return jnp.concatenate(parts, axis=-1)


def unpack(p: Array, shapes: Shapes) -> Params:
    """Cut ``(..., rows, M)`` into ``{name: (..., *shape)}``; inverse of :func:`pack`."""
    entries, start, rows = {}, 0, p.shape[-2]
    for name, shape in sorted(shapes.items()):
        stop = start + math.prod(shape) // rows
        entries[name] = p[..., start:stop].reshape(*p.shape[:-2], *shape)
        start = stop
    return entries


def push(step: Step, params: Params, state: Array, x: Any, p: Array) -> tuple[Array, Array]:
    r"""Advance state and sensitivities together, :math:`p' = J p + \partial s'/\partial\theta`.

    Parameters
    ----------
    step : Step
        The pure map; ``params`` holds exactly the parameters that ``p`` follows.
    params, state, x
        Parameters, state ``(S,)`` and input at this step.
    p : Array
        Sensitivities ``(S, rows, M)`` before the step.

    Returns
    -------
    tuple of Array
        State ``(S,)`` and sensitivities ``(S, rows, M)`` after the step.
    """
    none = jnp.zeros((0, state.shape[0]), state.dtype)
    return push_and_contract(step, params, state, x, p, none)[:2]


def push_and_contract(
    step: Step, params: Params, state: Array, x: Any, p: Array, dl_ds: Array
) -> tuple[Array, Array, Array]:
    r"""Advance as :func:`push`, and contract the new sensitivities in the same matrix product.

    The gradient :math:`\partial l/\partial s' \cdot p'` needs :math:`(\partial l/\partial s' J) p`,
    one more row of the product: it spares a pass over ``p``, which is larger than all caches.

    Parameters
    ----------
    step, params, state, x, p
        As for :func:`push`.
    dl_ds : Array
        Derivatives of losses by the new state, ``(losses, S)``.

    Returns
    -------
    tuple of Array
        State, sensitivities, and gradients ``(losses, rows, M)``.
    """
    if p.shape[0] < state.shape[0]:
        return _push_independent(step, params, state, x, p, dl_ds)
    size, rows, width = p.shape
    new_state, pull = jax.vjp(lambda s: step(params, s, x), state)
    (jac,) = jax.vmap(pull)(jnp.concatenate([jnp.eye(size, dtype=state.dtype), dl_ds]))
    product = (jac @ p.reshape(size, -1)).reshape(-1, rows, width)
    now = immediate(step, params, state, x, rows)
    unit = jnp.arange(size)
    new_p = product[:size].at[unit, unit % rows].add(now)
    blocks = (size // rows, rows)  # state k belongs to row k % rows
    direct = jnp.einsum(
        "lqi,qij->lij", dl_ds.reshape(dl_ds.shape[0], *blocks), now.reshape(*blocks, width)
    )
    return new_state, new_p, product[size:] + direct


def _push_independent(
    step: Step, params: Params, state: Array, x: Any, p: Array, dl_ds: Array
) -> tuple[Array, Array, Array]:
    """Push and contract where the Jacobian is diagonal: a cotangent of ones gives all of it."""
    new_state, pull = jax.vjp(lambda s: step(params, s, x), state)
    (diagonal,) = pull(jnp.ones_like(state))
    new_p = diagonal[:, None] * p + immediate(step, params, state, x, p.shape[1])
    return new_state, new_p, dl_ds[..., None] * new_p


def immediate(step: Step, params: Params, state: Array, x: Any, rows: int) -> Array:
    r"""Return the nonzero part of :math:`\partial s' / \partial \theta`, shape ``(S, M)``.

    State ``k`` depends on row ``k % rows`` alone, so ``S / rows`` backward passes with a cotangent
    of ones each give the derivatives of ``rows`` states at once.
    """
    _, pull = jax.vjp(lambda q: step(q, state, x), params)
    blocks = state.shape[0] // rows
    ones = jnp.kron(jnp.eye(blocks, dtype=state.dtype), jnp.ones(rows, state.dtype))
    (now,) = jax.vmap(pull)(ones)
    return pack(now, rows).reshape(state.shape[0], -1)


def contract(dl_ds: Array, p: Array) -> Array:
    r"""Gradient :math:`\partial l/\partial s \cdot p` of one step's loss, shape ``(rows, M)``."""
    if p.shape[0] < dl_ds.shape[0]:
        return dl_ds[:, None] * p[0]
    return (dl_ds @ p.reshape(p.shape[0], -1)).reshape(p.shape[1:])
