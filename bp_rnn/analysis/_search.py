"""The compiled search of one system under one input, in rounds."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _programs
from bp_rnn.analysis import _starts
from bp_rnn.analysis._collect import Collection, Look, Scale
from bp_rnn.analysis._points import Search
from bp_rnn.analysis.systems import System, state_of
from bp_rnn.functional import zeros
from bp_rnn.typing import Array, Params

#: Starts worked on at a time: on a CPU few, so that their Jacobians stay in its cache.
CPU_LANES = 16
#: Numbers in all Jacobians at once, at most.
MOST_NUMBERS = 1 << 26
#: Iterations of a start at most, and Newton steps that polish a point.
MAX_ITER, POLISH = 200, 12
#: Rounds in a row with nothing new before a search may end, and hits of each point: Chao's estimate
#: is a lower bound, too low where some points are much harder to hit than others.
QUIET, REPEATS = 2, 8
#: States looked at closely at a time, and those at which the slope of F is taken.
LOOKS, PROBES = 16, 16


class Searcher:
    """Runs searches from any number of starts through programs of one size.

    Parameters
    ----------
    system, params, x
        What F is made of.
    num_start : int
        Starts of the compiled program.
    patience : int
        As for :func:`bp_rnn.functional.zeros.find`.
    """

    def __init__(self, system: System, params: Params, x: Array, num_start: int, patience: int):
        self.num_start = num_start
        self._of = system, params, x
        search, look = _compiled(system, num_start, patience)
        self._search = functools.partial(search, params, x)
        self._look = functools.partial(look, params, x)
        self._dtype = x.dtype

    def look(self, states: np.ndarray, num_step: int = POLISH) -> list[Look]:
        """Polish states ``(K, S)`` and return each with F and dF/ds."""
        told = self._chunks(LOOKS, states, lambda part: self._look(part, num_step))
        return [Look(*(v.astype(float) for v in one)) for one in zip(*told, strict=True)]

    def visited(self, rng: np.random.Generator) -> tuple[np.ndarray, _starts.Region]:
        """Return the states that runs go through, and where they are."""

        def slopes(states: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
            return [(p.f, p.jac) for p in self.look(states, 0)]

        centre = state_of(self._of[0])
        size = _starts.unit(slopes, centre, rng)
        return _starts.visited(*self._of, rng, centre, size)

    def scale(self, pool: np.ndarray, rng: np.random.Generator) -> Scale:
        """Return what distances and slopes are measured by, from states ``(M, S)``."""
        size = math.sqrt(pool.var(0).mean()) or math.sqrt((pool**2).mean()) or 1.0
        probes = self.look(pool[rng.integers(len(pool), size=PROBES)], 0)
        slopes = np.array([np.linalg.norm(p.jac) / math.sqrt(len(p.jac)) for p in probes])
        slopes = slopes[np.isfinite(slopes) & (slopes > 0)]
        rate = float(np.median(slopes)) if len(slopes) else 1.0
        return Scale(size, rate, float(jnp.finfo(self._dtype).eps))

    def run(self, starts: np.ndarray, scale: Scale) -> list[np.ndarray]:
        """Return the ends of starts ``(N, S)``, as :class:`bp_rnn.functional.zeros.Ends` has."""
        units = zeros.Units(*(jnp.asarray(v, self._dtype) for v in scale[:2]))
        return self._chunks(self.num_start, starts, lambda part: self._search(part, units))

    def _chunks(
        self, num: int, states: np.ndarray, program: Callable[[Array], tuple[Array, ...]]
    ) -> list[np.ndarray]:
        """Return what a program of ``num`` states says of ``(N, S)``."""
        told = []
        for i in range(0, len(states), num):
            chunk = states[i : i + num]
            filled = np.resize(chunk, (num, chunk.shape[1]))
            found = program(jnp.asarray(filled, self._dtype))
            told.append([np.asarray(v)[: len(chunk)] for v in found])
        return [np.concatenate(parts) for parts in zip(*told, strict=True)]


def in_rounds(
    searcher: Searcher,
    found: Collection,
    pool: np.ndarray,
    rng: np.random.Generator,
    max_round: int,
    max_missed: float,
) -> Search:
    """Search from mixtures of states ``(M, S)`` until the estimate of what is missed is small."""
    hits, missed, coverage = np.zeros(0, int), math.inf, 0.0
    quiet = 0
    for i in range(max_round):
        known = found.num_isolated
        starts = _starts.spread(rng, pool, found.states, found.region, searcher.num_start)
        new = found.add(*searcher.run(starts, found.scale))
        hits = np.pad(hits, (0, len(new) - len(hits))) + new
        missed, coverage = _missed(hits[found.isolated])
        quiet = quiet + 1 if found.num_isolated == known else 0
        is_sure = bool((hits[found.isolated] >= REPEATS).all())
        if missed <= max_missed and quiet >= QUIET and is_sure:
            num = (i + 1) * searcher.num_start
            return Search(num, missed, coverage, found.is_repeated)
    return Search(max_round * searcher.num_start, missed, coverage, False)


def _missed(hits: np.ndarray) -> tuple[float, float]:
    """Return Chao's estimate of the number missed, and Good and Turing's of the coverage."""
    once, twice = int((hits == 1).sum()), int((hits == 2).sum())
    missed = once**2 / (2 * twice) if twice else once * (once - 1) / 2
    return missed, float(1 - once / hits.sum()) if hits.any() else 1.0


def _compiled(system: System, num_start: int, patience: int) -> tuple[Any, Any]:
    """Return the compiled search from ``num_start`` starts, and the compiled look at a state."""
    system = _programs.shell(system)
    lanes = CPU_LANES if jax.default_backend() == "cpu" else num_start
    lanes = max(1, min(lanes, MOST_NUMBERS // system.size**2))

    def search(params: Params, x: Array, starts: Array, units: zeros.Units) -> zeros.Ends:
        return zeros.find(
            lambda state: system.derivative(params, state, x),
            starts,
            units,
            num_lane=lanes,
            max_iter=MAX_ITER,
            patience=patience,
        )

    def look(params: Params, x: Array, states: Array, num_step: Array) -> tuple[Array, ...]:
        def rate(state: Array) -> Array:
            return system.derivative(params, state, x)

        def one(state: Array) -> tuple[Array, ...]:
            state = zeros.polish(rate, state, num_step)
            return state, *zeros.value_and_jacobian(rate, state)

        return jax.lax.map(one, states)

    return (
        _programs.find(("search", system, lanes, patience), lambda: _programs.Program(search)),
        _programs.find(("look", system), lambda: _programs.Program(look)),
    )
