r"""The border between two basins of attraction in the plane."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.functional import fixed_point
from bp_rnn.functional.fixed_point import Rate
from bp_rnn.typing import Array

#: Where the curve leaves the saddle, as a part of its length.
OFFSET = 1e-4


def separatrix(rate: Rate, near: Array, length: float, num_step: int = 500) -> np.ndarray:
    r"""Return the stable manifold of a saddle of :math:`ds/dt = F(s)` in the plane.

    It leaves the saddle along the eigenvector whose eigenvalue is negative, to both sides, and
    follows the flow back in time, by Runge and Kutta's method in the length of the curve:
    :math:`ds/dl = -F / |F|`.

    Parameters
    ----------
    rate : callable
        F, of a state ``(2,)``; jitted with what it closes over held.
    near : Array
        ``(2,)``, near the saddle, from where Newton's method finds it.
    length : float
        Of either branch, in the unit of the state.
    num_step : int
        Steps a branch.

    Returns
    -------
    np.ndarray
        ``(2 num_step + 3, 2)``, from one end through the saddle, which is the middle row, to the
        other. NaN beyond a fixed point that a branch begins at.

    Raises
    ------
    ValueError
        If ``near`` is not in the plane, or Newton's method finds no saddle.
    """
    start = jnp.asarray(_check.real_array("near", near), float)
    if start.shape != (2,):
        raise ValueError(f"near must have shape (2,), got {start.shape}")
    length = _check.positive("length", _check.number("length", length))
    saddle, found = fixed_point.find(rate, start, fixed_point.Search("newton", max_iter=50))
    if not found.converged:
        raise ValueError(f"near must be near a saddle; Newton's method finds none from {near}")
    values, vectors = np.linalg.eig(np.asarray(jax.jacfwd(rate)(saddle), np.float64))
    if np.iscomplexobj(values) or not values.min() < 0 < values.max():
        raise ValueError(f"near must be near a saddle, got a point with eigenvalues {values}")
    along = jnp.asarray(vectors[:, values.argmin()], saddle.dtype)
    branch = functools.partial(_branch, rate, length / num_step, num_step)
    sides = jnp.stack([saddle - OFFSET * length * along, saddle + OFFSET * length * along])
    back, forth = np.asarray(jax.jit(jax.vmap(branch))(sides))
    return np.concatenate([back[::-1], np.asarray(saddle)[None], forth])


def _branch(rate: Rate, step: float, num_step: int, start: Array) -> Array:
    def slope(s: Array) -> Array:
        f = rate(s)
        size = jnp.linalg.norm(f)
        return -f / jnp.where(size > 0, size, 1)

    def body(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Array]:
        s, before = carry
        a = slope(s)
        b = slope(s + 0.5 * step * a)
        c = slope(s + 0.5 * step * b)
        d = slope(s + step * c)
        # where it turns around it has run over a fixed point
        ends = (a @ d <= 0) | (a @ before <= 0)
        new = jnp.where(ends, jnp.nan, s + step / 6 * (a + 2 * b + 2 * c + d))
        return (new, a), new

    _, states = jax.lax.scan(body, (start, slope(start)), None, length=num_step)
    return jnp.concatenate([start[None], states])
