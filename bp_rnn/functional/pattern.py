r"""Which entries of the influence :math:`p = ds/d\theta` a sparse approximation keeps.

A tap reaches some states in one step and, through the connections of the states, more in two. The
influences of its parameters on these are kept, ``(K, U, F)`` for a column of U taps and F factors,
where K is the largest number of states that a tap of its group reaches.

Source: Menick et al. 2021, section 3.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.functional.influence import Influence, Linear
from bp_rnn.functional.taps import Columns
from bp_rnn.typing import Array, Params

#: Random points at which the dependence of a step is looked at. A rectifier is off at half of them.
NUM_PROBE = 32


class Pattern(NamedTuple):
    """The states that the taps of one group reach.

    Attributes
    ----------
    states : numpy.ndarray
        ``(K, U)``, filled up with zeros.
    there : numpy.ndarray
        ``(K, U)``, False where it is filled up.
    """

    states: np.ndarray
    there: np.ndarray

    @property
    def num_state(self) -> int:
        """States that are kept for each tap."""
        return len(self.states)


def own_states(influence: Influence) -> list[Pattern]:
    """Return the pattern in which each tap reaches the states of its own unit."""
    return [Pattern(own, np.ones(own.shape, bool)) for own in influence.own]


def reached(
    influence: Influence,
    params: Params,
    free: Params,
    state: Array,
    x: Any,
    num_step: int,
    start: list[Array] | None,
) -> list[Pattern]:
    """Return what each tap reaches in ``num_step`` steps, tried at random points.

    Parameters
    ----------
    influence : Influence
        Of the step.
    params, free
        Parameters, and of each whether its entries may change; the others stay what they are.
    state, x
        Of one sample, for their shapes.
    num_step : int
        Steps.
    start : list of Array, optional
        p before the first step, ``(S, U, F)`` for each group: where it is not zero is kept too.
    """
    if all(np.asarray(v).all() for v in free.values()):
        if influence.dependence is None:
            influence.dependence = _dependence(influence, params, free, state, x)
        connected, driven = influence.dependence
    else:
        connected, driven = _dependence(influence, params, free, state, x)
    patterns = []
    for i, reach in enumerate(driven):
        if start is not None:
            reach = reach | np.asarray(jnp.any(start[i] != 0, axis=-1))
        for _ in range(min(num_step - 1, influence.size)):
            more = reach | (connected.astype(np.float32) @ reach > 0)
            if np.array_equal(more, reach):
                break
            reach = more
        patterns.append(_pattern(reach))
    return patterns


def push(influence: Influence, pattern: list[Pattern], p: Columns, linear: Linear) -> Columns:
    """Return p after a step; ``linear.jac`` may hold ``(S / num, S / num, num)`` blocks.

    p is held by columns, ``(K, U, F)`` each. Were they one array, the processor would look up for
    each of its numbers which factor it belongs to.
    """
    new = []
    factors = influence.taps.cut(linear.factors)
    for i, (which, columns) in enumerate(zip(pattern, p, strict=True)):
        e = influence.column(linear, i, which.states)
        if not which.there.all():
            e *= which.there
        if which.num_state == influence.size:
            moved = influence.through(linear.jac, columns)
        else:
            sub = _sub(influence, linear.jac, which, i)
            moved = [_apply(sub, q) for q in columns]
        now = [jnp.einsum("rku,rf->kuf", e, z) for z in factors[i]]
        new.append([m + n for m, n in zip(moved, now, strict=True)])
    return new


def contract(influence: Influence, pattern: list[Pattern], p: Columns, dl_ds: Array) -> Columns:
    """Return ``dl_ds @ p`` for each column, ``(U, F)``."""
    found = []
    for which, columns in zip(pattern, p, strict=True):
        if which.num_state == influence.size:
            found.append(influence.through(dl_ds, columns))
        else:
            row = take(dl_ds, which.states)[..., None]
            found.append([_sum(row * q) for q in columns])
    return found


def take(values: Array, index: np.ndarray) -> Array:
    """Return ``values[..., index]``; nothing is gathered where the index is all in order."""
    if np.array_equal(index.ravel(), np.arange(values.shape[-1])):
        return values.reshape(*values.shape[:-1], *index.shape)
    return values[..., index]


def _sub(influence: Influence, jac: Array, which: Pattern, group: int) -> Array:
    """Return the part of the Jacobian among the states of each tap, ``(K, K, U)``."""
    if jac.ndim == 3:
        return take(jac, influence.unit[group])
    sub = jac[which.states[:, None], which.states[None]]
    return sub * (which.there[:, None] & which.there[None])


def _apply(sub: Array, q: Array) -> Array:
    """Return ``sub @ q`` for each tap; written out where the matrices are small."""
    if len(q) > 4:
        return jnp.einsum("klu,luf->kuf", sub, q)
    return jnp.stack([_sum(row[..., None] * q) for row in sub])


def _sum(terms: Array) -> Array:
    return terms[0] if len(terms) == 1 else terms.sum(0)


def _dependence(
    influence: Influence, params: Params, free: Params, state: Array, x: Any
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return whether s' depends on s, ``(S, S)``, and on the taps, ``(S, U)`` for each group."""

    def at_random(key: Array) -> Any:
        keys = iter(jax.random.split(key, len(params) + 2))

        def normal(v: Array) -> Array:
            return jax.random.normal(next(keys), v.shape, v.dtype)

        tried = {k: jnp.where(free[k], normal(v), v) for k, v in params.items()}
        _, linear = influence.linearize(tried, normal(state), jax.tree.map(normal, x))
        return linear.jac != 0, [jnp.any(v != 0, axis=0) for v in influence.full_taps(linear)]

    @jax.jit
    def ever(keys: Array) -> Any:
        return jax.tree.map(lambda v: v.any(0), jax.lax.map(at_random, keys))

    connected, driven = ever(jax.random.split(jax.random.key(0), NUM_PROBE))
    return np.asarray(connected), [np.asarray(v) for v in driven]


def _pattern(reach: np.ndarray) -> Pattern:
    """Return the pattern of ``reach``, whether a state ``(S, U)`` is reached."""
    size, units = reach.shape
    num_state = max(int(reach.sum(0).max()), 1)
    if num_state == size:
        states = np.broadcast_to(np.arange(size)[:, None], reach.shape)
        return Pattern(states, np.ones(reach.shape, bool))
    order = np.argsort(~reach, axis=0, kind="stable")[:num_state]
    there = reach[order, np.arange(units)]
    return Pattern(np.where(there, order, 0), there)
