r"""Zeros of F from many starts, stable and unstable ones, and minima of :math:`|F|`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn.typing import Array

#: ``state -> F`` of one sample.
Rate = Callable[[Array], Array]

#: Largest residual of a zero, as a power of the float type's epsilon: 9e-13 or 5e-6, relative to
#: the units of :class:`Units`.
TOLERANCE = 0.77
#: Slope of ``|F|`` at a minimum, as such a power, and damping from which it is one.
STATIONARY, STUCK = 0.4, 1e10
#: Part of ``|F|^2`` that is little to gain.
LITTLE = 0.1


class Units(NamedTuple):
    """What numbers are compared with.

    Attributes
    ----------
    state : Array
        A typical distance between states, for each entry.
    rate : Array
        A typical slope of F.
    """

    state: Array
    rate: Array


class Ends(NamedTuple):
    r"""Where each start ended; every array has one entry a start.

    Attributes
    ----------
    state : Array
        ``(N, S)``.
    residual : Array
        Largest :math:`|F_i|`.
    stationary : Array
        Whether :math:`|F|` has a zero or a minimum there.
    """

    state: Array
    residual: Array
    stationary: Array


class _Lane(NamedTuple):
    state: Array
    damping: Array
    num_iter: Array
    refused: Array  # whether the last step was
    idle: Array  # steps in a row that gained little


def find(
    rate: Rate, starts: Array, units: Units, *, num_lane: int, max_iter: int, patience: int
) -> Ends:
    r"""Minimise :math:`|F|` from every start by Levenberg and Marquardt's method.

    .. math:: (J^T J + \mu) \, \Delta s = -J^T F, \qquad \mu \propto |F|

    Near a zero, of whatever stability, this is Newton's method. Each start has its own damping,
    and a step that would make ``|F|`` larger is not taken.

    Parameters
    ----------
    rate : callable
        F, of the state ``(S,)`` of one sample.
    starts : Array
        ``(N, S)``.
    units : Units
        No step is longer than that of the state.
    num_lane : int
        Starts worked on at a time: where one ends, its lane takes the next, so that no start
        waits for a slow one.
    max_iter : int
        Most iterations of a start.
    patience : int
        Iterations in a row that gain less than :data:`LITTLE` after which a start is given up:
        few are enough for zeros, minima may need many.

    Returns
    -------
    Ends

    Notes
    -----
    A damping in proportion to ``|F|`` converges quadratically on a continuum of zeros too
    (Fan & Yuan 2005).
    """
    num, lanes = len(starts), min(num_lane, len(starts))

    def fresh(start: Array) -> _Lane:
        count = jnp.array(0)
        return _Lane(start, jnp.ones((), start.dtype), count, jnp.array(False), count)

    def more(carry: Any) -> Array:
        return (carry[1] < num).any()

    def body(carry: Any) -> Any:
        lane, index, taken, ends = carry
        gives_up = (lane.num_iter >= max_iter) | (lane.idle >= patience)
        lane, end, is_done = jax.vmap(lambda v: _iterate(rate, v, units))(lane)
        is_done |= gives_up
        place = jnp.where(is_done, index, num)  # beyond the end: not written
        ends = jax.tree.map(lambda a, v: a.at[place].set(v, mode="drop"), ends, end)
        following = taken + jnp.cumsum(is_done) - 1
        index = jnp.where(is_done, jnp.minimum(following, num), index)
        new = jax.vmap(fresh)(starts[jnp.minimum(following, num - 1)])
        lane = jax.tree.map(lambda a, b: _where(is_done, a, b), new, lane)
        return lane, index, taken + is_done.sum(), ends

    ends = Ends(jnp.zeros_like(starts), jnp.zeros(num, starts.dtype), jnp.zeros(num, bool))
    carry = jax.vmap(fresh)(starts[:lanes]), jnp.arange(lanes), jnp.array(lanes), ends
    return jax.lax.while_loop(more, body, carry)[3]


def noise(state: Array, units: Units) -> Array:
    """Return the residual that rounding leaves at a zero, about."""
    return 10 * jnp.finfo(state.dtype).eps * units.rate * (units.state + jnp.abs(state).max())


def tolerance(state: Array, units: Units) -> Array:
    """Return the largest residual of what may be a zero."""
    size = units.rate * (units.state + jnp.abs(state).max())
    return jnp.finfo(state.dtype).eps ** TOLERANCE * size


def _iterate(rate: Rate, lane: _Lane, units: Units) -> tuple[_Lane, Ends, Array]:
    """Return the lane after a step, where it was, or is if that is a zero, and whether it ends."""
    s, damping, num_iter, refused, idle = lane
    f, jac = value_and_jacobian(rate, s)
    gradient, normal = f @ jac, jac.T @ jac
    size, steepness = jnp.linalg.norm(f), jnp.sqrt(jnp.trace(normal))
    residual = jnp.abs(f).max()
    is_zero = (residual <= noise(s, units)) | (refused & (residual <= tolerance(s, units)))
    eps = jnp.finfo(s.dtype).eps
    is_flat = jnp.linalg.norm(gradient) <= eps**STATIONARY * units.rate * size
    # at a zero where J vanishes too, steps are still taken
    is_minimum = (is_flat & refused & (residual > tolerance(s, units))) | (damping > STUCK)
    stationary = is_zero | is_minimum
    is_done = stationary | ~jnp.isfinite(size)

    reach = units.state * jnp.sqrt(s.size)
    mean = steepness**2 / s.size
    shift = mean * jnp.maximum(damping * jnp.minimum(size / (steepness * reach), 1), 10 * eps)
    ds = -_solve(normal, shift, gradient)
    ds *= jnp.minimum(1, reach / jnp.linalg.norm(ds))
    promised = size**2 - jnp.sum((f + jac @ ds) ** 2)
    after = rate(s + ds)
    gained = size**2 - jnp.sum(after**2)
    kept = gained / promised
    is_taken = kept > 1e-4  # NaN is not
    factor = jnp.where(kept > 0.75, 0.2, jnp.where(kept > 0.25, 1.0, 5.0))
    new = _Lane(
        jnp.where(is_taken, s + ds, s),
        jnp.maximum(damping * jnp.where(is_taken, factor, 10.0), 1e-3),
        num_iter + 1,
        ~is_taken,
        jnp.where(gained > LITTLE * size**2, 0, idle + 1),
    )
    # a last iteration would find nothing left to do
    rest = jnp.abs(after).max()
    arrives = is_taken & ~is_done & (rest <= noise(s + ds, units))
    end = Ends(
        jnp.where(arrives, s + ds, s), jnp.where(arrives, rest, residual), stationary | arrives
    )
    return new, end, is_done | arrives


def polish(rate: Rate, state: Array, num_step: Array | int) -> Array:
    """Take Newton's steps from a state ``(S,)`` and return the best of the states passed.

    They end where a step is as small as rounding. Along a ring or a line of near zeros a step
    first leaves it, so that the residual may grow meanwhile.
    """

    def more(carry: Any) -> Array:
        s, ds, _, _, k = carry
        eps = jnp.finfo(s.dtype).eps
        return (k < num_step) & (jnp.abs(ds).max() > eps * jnp.abs(s).max())

    def body(carry: Any) -> Any:
        s, _, best, least, k = carry
        f, jac = value_and_jacobian(rate, s)
        ds = -jnp.linalg.solve(jac, f)
        residual = jnp.abs(rate(s + ds)).max()
        is_better = residual < least
        best, least = jnp.where(is_better, s + ds, best), jnp.where(is_better, residual, least)
        return s + ds, ds, best, least, k + 1

    start = state, jnp.full_like(state, jnp.inf), state, jnp.abs(rate(state)).max(), jnp.array(0)
    return jax.lax.while_loop(more, body, start)[2]


def value_and_jacobian(rate: Rate, s: Array) -> tuple[Array, Array]:
    """Return F ``(S,)`` and its Jacobian ``(S, S)``."""
    f, push = jax.linearize(rate, s)
    return f, jax.vmap(push, out_axes=1)(jnp.eye(s.size, dtype=s.dtype))


def _solve(normal: Array, shift: Array, gradient: Array) -> Array:
    factor = jnp.linalg.cholesky(normal + shift * jnp.eye(len(normal), dtype=normal.dtype))
    return jax.scipy.linalg.cho_solve((factor, True), gradient)


def _where(flag: Array, a: Array, b: Array) -> Array:
    return jnp.where(flag.reshape(-1, *[1] * (a.ndim - 1)), a, b)
