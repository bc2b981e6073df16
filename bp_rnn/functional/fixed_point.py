r"""Fixed points, :math:`F(s^*) = 0`, and derivatives through them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.functional import linear_solve
from bp_rnn.typing import Array

#: ``state -> ds/dt`` of one sample, its parameters and its input held.
Rate = Callable[[Array], Array]

SEARCHES = ("relax", "anderson", "newton")
#: Differences that Anderson's method keeps.
DEPTH = 5
#: Rounding errors, of the slope of F times the state, that count as none.
ROUNDING = 2
#: What a perturbation falls to before it counts as gone.
GONE = 1e-6


class Search(NamedTuple):
    r"""How a fixed point is looked for.

    Attributes
    ----------
    name : {'relax', 'anderson', 'newton'}
        ``'relax'`` follows the dynamics, :math:`s \leftarrow s + \Delta t F(s)`, into an
        attractor. ``'anderson'`` extrapolates from the last :data:`DEPTH` of these steps;
        ``'newton'`` solves with the Jacobian. Both need fewer steps, and may end where the
        dynamics would not.
    dt : float
        Step of the dynamics, in the unit of time of F.
    tol : float or Array, optional
        Largest :math:`|F_i|` of what counts as a fixed point, relative to the largest on the way
        there, or to the typical slope of F times the largest entry of the start: the unit of
        neither state nor time matters. By default :math:`\epsilon^{2/3}` of the float type, 4e-11
        or 2e-5. What rounding leaves of F counts as zero with any ``tol``.
    max_iter : int
        Most iterations.
    """

    name: str = "relax"
    dt: float = 1.0
    tol: float | Array | None = None
    max_iter: int = 1000


RELAX = Search()


class Found(NamedTuple):
    """How a search ended.

    Attributes
    ----------
    converged : Array
        Whether the residual is within the tolerance.
    residual : Array
        Largest :math:`|F_i|` at the end.
    num_iter : Array
        Iterations taken.
    """

    converged: Array
    residual: Array
    num_iter: Array


def find(
    rate: Rate, start: Array, search: Search = RELAX, limit: Array | None = None
) -> tuple[Array, Found]:
    r"""Look for a zero of F from ``start``; without derivative.

    Parameters
    ----------
    rate : callable
        F, of the state ``(S,)`` of one sample.
    start : Array
        ``(S,)``.
    search : Search
        Method, tolerance and limit.
    limit : Array, optional
        Largest :math:`|F_i|` in its own unit, instead of what ``search.tol`` says.

    Returns
    -------
    tuple
        Where the search ended ``(S,)``, a fixed point or not, and :class:`Found`.

    Notes
    -----
    In a batch (``jax.vmap``) each sample ends by itself. Anderson's method: Walker & Ni 2011,
    eq. 2.2, by the regularised normal equations.
    """
    tol = default_tol(start.dtype) if search.tol is None else search.tol
    advance, memory = _method(rate, start, search)
    slope = typical_slope(rate, start) if limit is None else jnp.zeros((), start.dtype)

    def rests(s: Array, f: Array, size: Array) -> Array:
        rounding = ROUNDING * jnp.finfo(s.dtype).eps * slope * jnp.abs(s).max()
        return jnp.abs(f).max() <= (tol * size + rounding if limit is None else limit)

    def more(carry: Any) -> Array:
        s, f, size, _, k = carry
        return ~rests(s, f, size) & jnp.isfinite(f).all() & (k < search.max_iter)

    def body(carry: Any) -> Any:
        s, f, size, memory, k = carry
        s, memory = advance(s, f, memory)
        f = rate(s)
        return s, f, jnp.maximum(size, jnp.abs(f).max()), memory, k + 1

    f = rate(start)
    size = jnp.maximum(slope * jnp.abs(start).max(), jnp.abs(f).max())
    carry = start, f, size, memory, jnp.array(0)
    s, f, size, _, k = jax.lax.while_loop(more, body, carry)
    return s, Found(rests(s, f, size), jnp.abs(f).max(), k)


def fixed_point(
    rate: Rate, start: Array, search: Search = RELAX, solver: str = "bicgstab"
) -> tuple[Array, Found]:
    r"""Return a fixed point as a layer: differentiable by what ``rate`` closes over.

    .. math:: \frac{ds^*}{d\theta} = -J^{-1} \frac{\partial F}{\partial \theta}, \qquad
        J = \frac{\partial F}{\partial s} \Big|_{s^*}

    Forward and reverse mode; memory does not grow with the iterations of the search. The start
    has no derivative, because a fixed point forgets it.

    Parameters
    ----------
    rate, start, search
        As for :func:`find`.
    solver : {'bicgstab', 'gmres', 'direct'}
        How a linear system with J is solved.

    Returns
    -------
    tuple
        The fixed point ``(S,)`` and :class:`Found`. Where there is none within the limits of the
        search the state is NaN, and where J can't be inverted the derivative is. Whether it is
        stable is not looked at: :func:`stability` tells.

    Notes
    -----
    Sources: Bai, Kolter & Koltun 2019 (deep equilibrium models), theorem 1; lecture 1, "Fixed
    point representation".
    """

    def solve(rate: Rate, start: Array) -> tuple[Array, Array]:
        s, found = find(rate, start, search)
        # custom_root has tangents of floats alone
        told = jnp.stack([jnp.asarray(v, s.dtype) for v in found])
        return jnp.where(found.converged, s, jnp.nan), told

    def invert(push: Rate, target: Array) -> Array:
        return linear_solve.solve_or_nan(push, target, solver)

    start = jax.lax.stop_gradient(start)
    s, (converged, residual, num_iter) = jax.lax.custom_root(
        rate, start, solve, invert, has_aux=True
    )
    return s, Found(converged > 0, residual, num_iter.astype(int))


def stability(rate: Rate, state: Array, dt: float, max_iter: int) -> tuple[Array, Array]:
    r"""Tell whether small perturbations of a fixed point die out.

    A random perturbation follows :math:`u \leftarrow u + \Delta t J u` until it has shrunk or
    grown a million times, or for ``max_iter`` steps. In the end it shrinks where every eigenvalue
    of :math:`1 + \Delta t J` has a modulus below one; no Jacobian is built.

    Parameters
    ----------
    rate, state
        F and its fixed point ``(S,)``.
    dt, max_iter
        Step, and the most steps.

    Returns
    -------
    tuple of Array
        Whether the perturbation shrinks, and the rate at which it grows, per unit of time: the
        mean of the run, or of what came after half of ``max_iter``.
    """
    _, push = jax.linearize(rate, state)
    u = jax.random.normal(jax.random.key(0), state.shape, state.dtype)
    u /= jnp.linalg.norm(u)
    half, quarter = max_iter // 2, max_iter // 4

    def more(carry: Any) -> Array:
        _, size, _, k = carry
        return (size > GONE) & (size < 1 / GONE) & (k < max_iter)

    def body(carry: Any) -> Any:
        u, _, peaks, k = carry
        u += dt * push(u)
        size = jnp.linalg.norm(u)
        # of the second and the last quarter: a perturbation that turns goes up and down
        counts = (k % half >= quarter) & (k // half == jnp.arange(2))
        return u, size, jnp.where(counts, jnp.maximum(peaks, size), peaks), k + 1

    start = u, jnp.ones((), u.dtype), jnp.zeros(2, u.dtype), jnp.array(0)
    _, size, peaks, k = jax.lax.while_loop(more, body, start)
    is_decided = (size <= GONE) | (size >= 1 / GONE)
    shrunk, time = jnp.where(is_decided, size, peaks[1] / peaks[0]), jnp.where(is_decided, k, half)
    growth = jnp.log(jnp.maximum(shrunk, jnp.finfo(size.dtype).tiny)) / (dt * time)
    return growth < 0, growth


def default_tol(dtype: Any) -> float:
    """Return the tolerance of a float type."""
    return float(jnp.finfo(dtype).eps) ** (2 / 3)


def typical_slope(rate: Rate, state: Array) -> Array:
    """Return the length of dF/ds times a random vector of length one."""
    u = jax.random.normal(jax.random.key(0), state.shape, state.dtype)
    return jnp.linalg.norm(jax.jvp(rate, (state,), (u,))[1]) / jnp.linalg.norm(u)


def _method(rate: Rate, start: Array, search: Search) -> tuple[Callable[..., Any], Any]:
    """Return ``(state, F, memory) -> (state, memory)`` and the memory at the start."""
    _check.choice("search", search.name, SEARCHES)
    if search.name == "relax":
        return lambda s, f, memory: (s + search.dt * f, memory), ()
    if search.name == "newton":
        return lambda s, f, memory: (s - jnp.linalg.solve(jax.jacfwd(rate)(s), f), memory), ()
    empty = jnp.zeros((2, DEPTH, *start.shape), start.dtype)
    return _anderson(search.dt), (empty, start, jnp.zeros_like(start), jnp.array(0))


def _anderson(dt: float) -> Callable[..., Any]:
    def advance(s: Array, f: Array, memory: Any) -> tuple[Array, Any]:
        differences, s_old, f_old, k = memory
        ds, df = s - s_old, f - f_old
        # as long a step along F as the last one says that F allows; dt alone may be very short
        step = jnp.where(k > 0, jnp.linalg.norm(ds) / _above_zero(jnp.linalg.norm(df)), dt)
        new = jnp.stack([ds, df]) * (k > 0)
        differences = differences.at[:, k % DEPTH].set(new)
        scale = _above_zero(jnp.linalg.norm(differences[1], axis=1))
        ds, df = differences / scale[:, None]
        ridge = 10 * jnp.finfo(s.dtype).eps * jnp.eye(DEPTH, dtype=s.dtype)
        weight = jax.scipy.linalg.solve(df @ df.T + ridge, df @ f, assume_a="pos")
        return s + step * f - weight @ (ds + step * df), (differences, s, f, k + 1)

    return advance


def _above_zero(norm: Array) -> Array:
    return jnp.where(norm > 0, norm, 1)
