r"""Lyapunov exponents: how fast perturbations of a trajectory grow, direction by direction."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn.typing import Array

#: ``(state, x) -> state`` of one sample.
StepOf = Callable[[Array, Any], Array]


class Growth(NamedTuple):
    """What a run ends with.

    Attributes
    ----------
    state : Array
        The last state, ``(S,)``.
    frame : Array
        The directions that the exponents belong to, orthonormal columns, ``(S, k)``.
    growth : Array
        Logarithms of the growth of each direction in each step, ``(T, k)``.
    """

    state: Array
    frame: Array
    growth: Array


def run(step: StepOf, state: Array, frame: Array, xs: Any, num_step: int) -> Growth:
    r"""Carry a frame of directions along a trajectory.

    .. math:: J_t Q_t = Q_{t+1} R_{t+1}, \qquad \text{growth}_i = \ln |R_{t+1, ii}|

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
        frame, triangle = jnp.linalg.qr(jax.vmap(push, 1, 1)(frame))
        size = jnp.maximum(jnp.abs(jnp.diagonal(triangle)), jnp.finfo(state.dtype).tiny)
        return (state, frame), jnp.log(size)

    (state, frame), growth = jax.lax.scan(body, (state, frame), xs, num_step)
    return Growth(state, frame, growth)


def smooth_mean(values: Array) -> Array:
    r"""Return the mean over time ``(T, ...)``, weighted so that it converges fast.

    .. math:: w_t \propto \exp \Big( -\frac{1}{u (1 - u)} \Big), \qquad u = \frac{t + 1}{T + 1}

    What goes up and down regularly, as in the modes of a linear network or on a limit cycle,
    averages out faster than any power of 1/T; the plain mean has an error of order 1/T.

    Notes
    -----
    Source: Das, Sander & Yorke 2017 (weighted Birkhoff average).
    """
    u = (jnp.arange(len(values), dtype=values.dtype) + 1) / (len(values) + 1)
    weight = jnp.exp(-1 / (u * (1 - u)))
    return jnp.tensordot(weight / weight.sum(), values, 1)
