r"""Lyapunov exponents: how fast perturbations of a trajectory grow, direction by direction."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn.typing import Array

#: ``(state, x) -> state`` of one sample.
StepOf = Callable[[Array, Any], Array]

#: What is left of a direction after a step counts as nothing up to so many rounding errors of the
#: direction that grows most, times the root of S.
GONE = 4
#: What is left of a direction, relative to that one, from which on it is looked at closely.
SMALL = 1e-6


class Growth(NamedTuple):
    """What a run ends with.

    Attributes
    ----------
    state : Array
        The last state, ``(S,)``.
    frame : Array
        The directions that the exponents belong to, orthonormal columns, ``(S, k)``; zero for
        those of which nothing is left, which come last.
    growth : Array
        Logarithms of the growth of each direction in each step, ``(T, k)``; minus infinity from
        the step on in which nothing is left of one.
    """

    state: Array
    frame: Array
    growth: Array


def run(step: StepOf, state: Array, frame: Array, xs: Any, num_step: int) -> Growth:
    r"""Carry a frame of directions along a trajectory.

    .. math:: J_t Q_t = Q_{t+1} R_{t+1}, \qquad \text{growth}_i = \ln |R_{t+1, ii}|

    Where J is singular a direction ends: what a system forgets in a finite time, as a delay line
    does, does not come back. R then holds a rounding error instead of zero.

    Parameters
    ----------
    step : callable
        ``(state, x) -> state``.
    state, frame : Array
        Where to start, ``(S,)``, and orthonormal columns ``(S, k)``.
    xs : Array or None
        Inputs, leaves with a leading time axis.
    num_step : int
        Length T.

    Notes
    -----
    Source: Benettin, Galgani, Giorgilli & Strelcyn 1980.
    """

    def body(carry: Any, x: Any) -> Any:
        state, frame = carry
        state, push = jax.linearize(lambda s: step(s, x), state)
        frame, size = _orthonormal(jax.vmap(push, 1, 1)(frame))
        return (state, frame), jnp.log(size)

    (state, frame), growth = jax.lax.scan(body, (state, frame), xs, num_step)
    return Growth(state, frame, growth)


def _orthonormal(moved: Array) -> tuple[Array, Array]:
    """Return the frame of directions ``(S, k)``, those that have ended last, and their growth."""
    # rounding errors of entries that are zero would go on where nothing else does
    is_there = (moved != 0).any(1, keepdims=True)

    def factor(moved: Array) -> tuple[Array, Array, Array]:
        frame, triangle = jnp.linalg.qr(moved)
        return jnp.where(is_there, frame, 0), jnp.abs(jnp.diagonal(triangle)), triangle

    def without_ended() -> tuple[Array, Array]:
        # rounding may leave more of a direction than of the least singular value
        sizes = jnp.linalg.svd(triangle, compute_uv=False)
        rounding = len(moved) ** 0.5 * jnp.finfo(moved.dtype).eps * sizes.max()
        num_left = (sizes > GONE * rounding).sum()
        ends = jnp.argsort(jnp.argsort(-size, stable=True)) >= num_left
        # one that has ended would take its part of those behind it
        left = jnp.where(ends, 0, moved)[:, jnp.argsort(ends, stable=True)]
        new, growth, _ = factor(left)
        is_left = jnp.arange(len(size)) < num_left
        return jnp.where(is_left, new, 0), jnp.where(is_left, growth, 0)

    frame, size, triangle = factor(moved)
    none = ~moved.any(0)  # has ended before
    is_last = ~(none[:-1] & ~none[1:]).any()
    least = jnp.min(size, where=~none, initial=jnp.inf)
    is_clear = (least > SMALL * size.max()) & is_last
    rest = jnp.where(none, 0, frame), jnp.where(none, 0, size)
    return jax.lax.cond(is_clear, lambda: rest, without_ended)


def smooth_mean(values: Array) -> Array:
    r"""Return the mean over time ``(T, ...)``, weighted so that it converges fast.

    .. math:: w_t \propto \exp \Big( -\frac{1}{u (1 - u)} \Big), \qquad u = \frac{t + 1}{T + 1}

    What goes up and down regularly, as in the modes of a linear network or on a limit cycle,
    averages out faster than any power of 1/T; the plain mean has an error of order 1/T. It is
    minus infinity where a value is.

    Notes
    -----
    Source: Das, Sander & Yorke 2017 (weighted Birkhoff average).
    """
    u = (jnp.arange(len(values), dtype=values.dtype) + 1) / (len(values) + 1)
    weight = jnp.exp(-1 / (u * (1 - u)))
    ended = jnp.isneginf(values)
    mean = jnp.tensordot(weight / weight.sum(), jnp.where(ended, 0, values), 1)
    return jnp.where(ended.any(0), -jnp.inf, mean)
