"""Find the fixed and the slow points of a system."""

from typing import Any

import brainpy as bp
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.analysis import stability
from bp_rnn.analysis._collect import SLOW, Collection
from bp_rnn.analysis._points import FixedPoints, Search
from bp_rnn.analysis._precision import double
from bp_rnn.analysis._search import MAX_ITER, Searcher, in_rounds
from bp_rnn.analysis.systems import (
    System,
    as_input,
    as_params,
    as_states,
    as_system,
    is_continuous,
)
from bp_rnn.typing import Array, Params

#: Iterations that gain little after which a start is given up, if no slow points are wanted.
PATIENCE = 8


def find_fixed_points(
    system: System | bp.DynamicalSystem,
    *,
    x: Any = None,
    candidates: Any = None,
    params: Params | None = None,
    num_start: int = 256,
    max_round: int = 40,
    max_missed: float = 0.1,
    slow: float | None = None,
    t: float | None = None,
    key: Array | int = 0,
) -> FixedPoints:
    r"""Find the fixed points of a system under a constant input, stable and unstable ones.

    A fixed point is a zero of :math:`F = ds/dt`, or of the change in one step of a map. From many
    starts :math:`q = \frac12 |F|^2` is minimised by Levenberg and Marquardt's method. The starts
    are the candidates first and then, in rounds, mixtures of the states visited and of the points
    found, until an estimate from the repeated hits says that no point is missing.

    The search and all that it returns are in double precision whatever the network's, unless the
    program of the system itself rounds to a shorter type. Points outside the limits of
    ``Cell.state_range`` are no fixed points, and neither are states at which F and its slope vanish
    only because a gate is shut to the last digit, far from where the system comes by itself.

    Parameters
    ----------
    system : Cell, bp.DynamicalSystem, Flow or Map
        Nothing in it is changed. A ``bp.DynamicalSystem`` compiles anew at each call; that of
        ``from_brainpy`` does once.
    x : array, optional
        Constant input ``(num_in,)``; zeros by default.
    candidates : array, optional
        States ``(..., S)`` where to look too, such as those of trajectories, besides the states
        on runs from random states.
    params : Params, optional
        Values that stand in for some of the system's parameters.
    num_start : int
        Starts of a round.
    max_round : int
        Rounds after the candidates at most; with 0 the candidates are the only starts, and there
        is no estimate of what they missed.
    max_missed : float
        The search ends after two rounds with nothing new if each isolated point was hit eight
        times and the estimated number of those missed is at most this.
    slow : float, optional
        Minima of q that are not zero are kept as slow points up to this speed q; by default none.
    t : float, optional
        Time at which a system is looked at that reads the time (``bp.share['t']``); it must be
        given for such a one and has no effect on others.
    key : int or JAX key
        Seed of the starts.

    Returns
    -------
    FixedPoints

    Raises
    ------
    ValueError, TypeError
        If ``system`` is none, or an argument has the wrong shape or is not finite.

    Notes
    -----
    Sources: Sussillo & Barak 2013, eqs. 1 and 2 (fixed and slow points); Chao 1984, eq. 5 (the
    estimate); lecture 2, "Identifying fixed points in an RNN".
    """
    system = as_system(system, t)
    num_start = _check.integer("num_start", num_start, 4)
    max_round = _check.integer("max_round", max_round, 0)
    max_missed = _check.not_negative("max_missed", _check.number("max_missed", max_missed))
    if slow is not None:
        slow = _check.positive("slow", _check.number("slow", slow))
    # of one type, so that the starts are the same in every precision
    seed = jax.random.bits(_check.as_key(key), (4,), jnp.uint32)
    rng = np.random.default_rng(np.asarray(seed))
    with double(system):
        values, x = as_params(system, params), as_input(system, x)
        given = None if candidates is None else as_states(system, "candidates", candidates)
        searcher = Searcher(system, values, x, num_start, PATIENCE if slow is None else MAX_ITER)
        found, pool, first = _begin(searcher, given, slow, rng)
        found.add(*searcher.run(first, found.scale))
        search = in_rounds(searcher, found, pool, rng, max_round, max_missed)
        return _table(system, x, found, search)


def _begin(
    searcher: Searcher, given: Array | None, slow: float | None, rng: np.random.Generator
) -> tuple[Collection, np.ndarray, np.ndarray]:
    """Return an empty collection, the states visited, and the first starts."""
    pool, region = searcher.visited(rng)
    if given is None:
        first = rng.permutation(pool)[: searcher.num_start]
    else:
        first = np.asarray(given, float)
        pool = np.concatenate([first, pool])
        region = region.including(first)
    scale = searcher.scale(pool, rng)
    return Collection(searcher.look, searcher.run, scale, region, slow), pool, first


def _table(system: System, x: Array, found: Collection, search: Search) -> FixedPoints:
    continuous, num = is_continuous(system), len(found.points)
    size, kinds = system.size, np.array(found.kinds, int)
    jac = np.array([p.jac for p in found.points]).reshape(num, size, size)
    if not continuous:
        jac += np.eye(size)
    values, vectors = np.linalg.eig(jac)
    beyond = values.real if continuous else np.abs(values)
    places = np.argsort(-beyond, axis=1, kind="stable")
    values = np.take_along_axis(values, places, 1).astype(complex)
    vectors = np.take_along_axis(vectors, places[:, None], 2).astype(complex)
    tol = found.marginal if continuous else found.scale.eps**stability.MARGINAL
    f = np.array([p.f for p in found.points]).reshape(num, size)
    unstable = [stability.num_unstable(v, continuous, tol) for v in values]
    points = FixedPoints(
        state=np.array([p.state for p in found.points]).reshape(num, size),
        residual=np.abs(f).max(1),
        speed=0.5 * (f**2).sum(1),
        is_fixed=kinds != SLOW,
        is_isolated=found.isolated,
        jac=jac,
        eigenvalues=values,
        eigenvectors=vectors,
        stability=np.array([stability.classify(v, continuous, tol) for v in values], str),
        num_unstable=np.array(unstable, int),
        hits=found.hits,
        x=np.asarray(x),
        is_continuous=continuous,
        dt=system.dt,
        search=search,
    )
    leading = np.max(beyond, axis=1, initial=-np.inf)
    return points[np.lexsort((leading, points.num_unstable, ~points.is_fixed))]
