r"""Backward through time, with the derivatives by all weights in one product.

With taps (:mod:`bp_rnn.functional.taps`) the way back carries :math:`\lambda_t = dl/ds_t` alone;
the derivative by a matrix is put together afterwards,

.. math:: \frac{dl}{dW_{uf}} = \sum_{b,t} (\lambda E)_{btu} \, z_{btf} ,

one matrix product over samples and times.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn.functional.taps import Columns, Taps
from bp_rnn.typing import Array, Params, StepLoss


def through_time(
    taps: Taps,
    loss: StepLoss,
    params: Params,
    start: Callable[[Params], Array],
    xs: Any,
    targets: Any,
) -> tuple[Array, Params, Array, Array]:
    """Return the mean loss of a batch, its gradient, the outputs and the last states.

    Parameters
    ----------
    taps : Taps
        Of the cell's step.
    loss : StepLoss
        What one step adds to the loss.
    params : Params
        Every parameter.
    start : callable
        ``(params) -> (B, S)``, the states before the first step.
    xs, targets
        Leaves ``(B, T, ...)``.
    """
    large = taps.is_large
    by_time = jax.tree.map(lambda v: v.swapaxes(0, 1), (xs, targets))
    first = start(params)
    driven = jax.vmap(jax.vmap(lambda x: taps.drive(params, x, first.dtype)))(by_time[0])
    eps = [
        zero if is_large else d
        for zero, d, is_large in zip(taps.zeros(first.dtype), driven, large, strict=True)
    ]
    axes = None, 0, 0, [None if v else 0 for v in large]
    step = jax.vmap(functools.partial(taps.step, driven=True), axes)
    losses = jax.vmap(jax.vmap(loss, (None, 0, 0)), (None, 0, 0))

    def total(outer: Params, eps: list[Array]) -> Any:
        held, moving = taps.split(eps)

        def body(state: Array, now: Any) -> Any:
            x, moving = now
            new, factors = step(params, state, x, taps.unite(held, moving))
            late = [None if v else z for v, z in zip(taps.is_ready, factors, strict=True)]
            return new, (new, late)

        last, (states, late) = jax.lax.scan(body, start(outer), (by_time[0], moving))
        values, zs = losses(outer, states, by_time[1])
        return values.sum(0).mean(), (zs, last, states, late)

    (value, (zs, last, states, late)), (grads, found) = jax.value_and_grad(
        total, argnums=(0, 1), has_aux=True
    )(params, eps)
    before = jnp.concatenate([first[None], states[:-1]])
    _, factors = jax.vmap(step, axes)(params, before, by_time[0], eps)
    factors = [z if kept is None else kept for z, kept in zip(factors, late, strict=True)]
    grads = _put_together(taps, grads, found, factors)
    return value, grads, zs.swapaxes(0, 1), last


class Past(NamedTuple):
    """What a truncated gradient remembers of a batch.

    Attributes
    ----------
    states : Array
        Before each of the last k - 1 steps, ``(B, k - 1, S)``; the latest last.
    xs
        Inputs of these steps, leaves ``(B, k - 1, ...)``.
    length : Array
        How many of them there are, ``(B,)``.
    """

    states: Array
    xs: Any
    length: Array


def truncated(
    taps: Taps,
    loss: StepLoss,
    params: Params,
    state: Array,
    past: Past,
    xs: Any,
    targets: Any,
) -> tuple[Array, Params, Array, Array, Past, Array]:
    r"""Return what :func:`through_time` does, with each error going back k steps.

    All errors go back together, one step at a time: :math:`\lambda` of age a at every step of the
    past and the window gives that of age a + 1 one step before.

    Returns
    -------
    tuple
        Mean loss, gradient, outputs, last states, the past after the window, and the derivative
        by the input state of every step of past and window, ``(B, k - 1 + T, S)``.
    """
    num_past = past.states.shape[1]
    num_step = jax.tree.leaves(xs)[0].shape[1]

    def forward(state: Array, x: Any) -> tuple[Array, Array]:
        new = taps.step(params, state, x, taps.zeros(state.dtype))[0]
        return new, new

    last, states = jax.vmap(functools.partial(jax.lax.scan, forward))(state, xs)

    def total(outer: Params, states: Array) -> tuple[Array, Array]:
        over_time = jax.vmap(loss, (None, 0, 0))
        losses, zs = jax.vmap(over_time, (None, 0, 0))(outer, states, targets)
        return losses.sum(1).mean(), zs

    (value, zs), (grads, errors) = jax.value_and_grad(total, argnums=(0, 1), has_aux=True)(
        params, states
    )
    before = jnp.concatenate([past.states, state[:, None], states[:, :-1]], axis=1)
    driven = jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=1), past.xs, xs)
    there = jnp.arange(num_past + num_step) >= num_past - past.length[:, None]
    step = functools.partial(taps.step, params)
    axes = 0, 0, [None if v else 0 for v in taps.is_large]
    steps = jax.vmap(jax.vmap(step, axes), axes)
    _, pull, factors = jax.vjp(
        lambda s, eps: steps(s, driven, eps),
        before,
        taps.zeros_over(before.shape[:2], before.dtype),
        has_aux=True,
    )
    rows = jnp.pad(errors, ((0, 0), (num_past, 0), (0, 0)))

    def back(_: Array, carry: Any) -> Any:
        rows, summed, by_input = carry
        (earlier,) = pull(rows)[:1]
        by_input += earlier
        earlier = jnp.pad(earlier[:, 1:], ((0, 0), (0, 1), (0, 0)))
        rows = jnp.where(there[..., None], earlier, 0)
        return rows, summed + rows, by_input

    _, summed, by_input = jax.lax.fori_loop(0, num_past, back, (rows, rows, jnp.zeros_like(rows)))
    grads = _put_together(taps, grads, pull(summed)[1], factors)
    after = Past(
        before[:, num_step:],
        jax.tree.map(lambda v: v[:, num_step:], driven),
        jnp.minimum(past.length + num_step, num_past),
    )
    return value, grads, zs, last, after, by_input


def _put_together(taps: Taps, direct: Params, found: list[Array], factors: Columns) -> Params:
    """Return the gradient of what the loss reads itself plus that through the taps."""
    # a matrix product for each column: side by side they would be copied first
    columns = [
        [e.sum(0)[:, None]] if is_large else [_product(e, v) for v in z]
        for e, z, is_large in zip(found, factors, taps.is_large, strict=True)
    ]
    through = taps.assemble_columns(columns)
    return {k: g + through[k] if k in through else g for k, g in direct.items()}


def _product(e: Array, z: Array) -> Array:
    """Return the sum of E z over samples and times; no matrix product for a bias."""
    if z.shape[-1] == 1:
        return (e * z).reshape(-1, e.shape[-1]).sum(0)[:, None]
    return jnp.einsum("...ru,...rf->uf", e, z)
