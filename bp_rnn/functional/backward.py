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

from bp_rnn.functional.taps import Taps
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

    def sample(outer: Params, state: Array, eps: list[Array], xs: Any, targets: Any) -> Any:
        held, moving = taps.split(eps)

        def body(state: Array, now: Any) -> Any:
            x, moving = now
            new, factors = taps.step(params, state, x, taps.unite(held, moving))
            return new, (new, factors)

        last, (states, factors) = jax.lax.scan(body, state, (xs, moving))
        losses, zs = jax.vmap(loss, (None, 0, 0))(outer, states, targets)
        return losses.sum(), (zs, last, factors)

    def total(outer: Params, eps: list[Array]) -> Any:
        axes = None, 0, [None if v else 0 for v in large], 0, 0
        losses, rest = jax.vmap(sample, axes)(outer, start(outer), eps, xs, targets)
        return losses.mean(), rest

    dtype = jax.eval_shape(start, params).dtype
    eps = taps.zeros_over(jax.tree.leaves(xs)[0].shape[:2], dtype)
    (value, (zs, last, factors)), (grads, found) = jax.value_and_grad(
        total, argnums=(0, 1), has_aux=True
    )(params, eps)
    return value, _put_together(taps, grads, found, factors), zs, last


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


def _put_together(taps: Taps, direct: Params, found: list[Array], factors: list[Array]) -> Params:
    """Return the gradient of what the loss reads itself plus that through the taps."""
    by_group = [
        e.sum(0)[:, None] if is_large else jnp.einsum("btru,btrf->uf", e, z)
        for e, z, is_large in zip(found, factors, taps.is_large, strict=True)
    ]
    through = taps.assemble(by_group)
    return {k: g + through[k] if k in through else g for k, g in direct.items()}
