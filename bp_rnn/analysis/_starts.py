"""Where a search starts: states that the system visits, and mixtures of what is known."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.analysis.systems import System, dtype_of
from bp_rnn.typing import Array, Params

#: Runs that show where the states of a system are, their steps, and those that are kept.
NUM_RUN, NUM_STEP, KEPT = 64, 300, (0, 3, 10, 30, 100, 200, 299)
#: States beyond this have run away.
FAR = 1e6
#: States of which the nearest is taken.
NEAR = 8
#: How much wider than what is known the widest starts are spread.
WIDER = 2.0


def visited(system: System, params: Params, x: Array, rng: np.random.Generator) -> np.ndarray:
    """Return states on runs from random states of many sizes, ``(N, S)``."""
    size = 10 ** rng.uniform(-1, 1, (NUM_RUN, 1))
    starts = size * rng.standard_normal((NUM_RUN, system.size))
    runs = np.asarray(_runs(system)(params, jnp.asarray(starts, dtype_of(system)), x))
    states = runs.reshape(-1, system.size)
    return states[(np.abs(states) < FAR).all(1)].astype(float)


@functools.lru_cache(maxsize=16)
def _runs(system: System) -> Any:
    def run(params: Params, start: Array, x: Array) -> Array:
        def body(state: Array, _: None) -> tuple[Array, Array]:
            return system.step(params, state, x), state

        return jax.lax.scan(body, start, length=NUM_STEP)[1][jnp.asarray(KEPT)]

    return jax.jit(jax.vmap(run, (None, 0, None)))


def spread(rng: np.random.Generator, pool: np.ndarray, known: np.ndarray, num: int) -> np.ndarray:
    """Return new starts ``(num, S)``: mixtures of what is known, lines between, a wide cloud.

    Saddles lie between attractors, where no run stays, so that this is where to look.

    Parameters
    ----------
    rng : np.random.Generator
        Drawn from.
    pool, known : np.ndarray
        States visited ``(M, S)`` and fixed points found ``(K, S)``.
    num : int
        How many.
    """
    if len(known) < 2:
        known = pool
    part = num // 4
    return np.concatenate(
        [
            _mix(rng, pool, part),
            _mix(rng, known, part),
            _between(rng, known, part),
            _cloud(rng, pool, num - 3 * part),
        ]
    )


def _between(rng: np.random.Generator, states: np.ndarray, num: int) -> np.ndarray:
    """Return points of the lines from states to near ones, beyond them too."""
    one, others = rng.integers(len(states), size=num), rng.integers(len(states), size=(num, NEAR))
    apart = np.linalg.norm(states[one][:, None] - states[others], axis=2)
    apart[apart == 0] = np.inf
    near = others[np.arange(num), apart.argmin(1)]
    return states[one] + rng.uniform(-1, 2, (num, 1)) * (states[near] - states[one])


def _cloud(rng: np.random.Generator, states: np.ndarray, num: int) -> np.ndarray:
    """Return normal points with the covariance of the states, spread more widely."""
    centre = states.mean(0)
    weight = rng.standard_normal((num, len(states))) / np.sqrt(len(states))
    return centre + WIDER * rng.uniform(0, 1, (num, 1)) * (weight @ (states - centre))


def _mix(rng: np.random.Generator, states: np.ndarray, num: int) -> np.ndarray:
    """Return convex mixtures of two to four states each."""
    weight = rng.exponential(size=(num, 4))
    weight[np.arange(4) >= rng.integers(2, 5, (num, 1))] = 0
    weight /= weight.sum(1, keepdims=True)
    return np.einsum("nk,nks->ns", weight, states[rng.integers(len(states), size=(num, 4))])
