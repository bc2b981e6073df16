"""Where a search starts: states that the system visits, and mixtures of what is known."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _programs
from bp_rnn.analysis.systems import System, dtype_of, state_range
from bp_rnn.typing import Array, Params

#: Runs that show where the states of a system are, their steps, and those that are kept.
NUM_RUN, NUM_STEP, KEPT = 64, 300, (0, 3, 10, 30, 100, 200, 299)
#: States beyond this many units, or times the centre, have run away; from this one of those kept
#: on, a run is at home.
FAR, SETTLED = 1e4, 3
#: States of which the nearest is taken.
NEAR = 8
#: How much wider than what is known the widest starts are spread.
WIDER = 2.0
#: Sizes of states, as powers of ten, and directions at which the slope of F is compared with that
#: in the middle; the part by which it differs where F bends, and where it is no longer linear.
SIZES, DIRECTIONS, BENT, LINEAR = np.arange(-6.0, 9.0), 4, 0.25, 1e-3
#: Halvings of the last of these intervals.
HALVINGS = 4

#: ``states (K, S) -> (F, dF/ds)`` of each.
Slopes = Callable[[np.ndarray], list[tuple[np.ndarray, np.ndarray]]]


class Region(NamedTuple):
    """Where states are looked for.

    Attributes
    ----------
    low, high : np.ndarray
        States that the system can reach, ``(S,)``.
    home_low, home_high : np.ndarray
        Twice as far as runs from states of a usual size come, ``(S,)``.
    """

    low: np.ndarray
    high: np.ndarray
    home_low: np.ndarray
    home_high: np.ndarray

    def including(self, states: np.ndarray) -> "Region":
        """Return the region whose home reaches to states ``(N, S)`` too."""
        low, high = states.min(0), states.max(0)
        return self._replace(
            home_low=np.minimum(self.home_low, low), home_high=np.maximum(self.home_high, high)
        )


def unit(slopes: Slopes, centre: np.ndarray, rng: np.random.Generator) -> float:
    """Return the size of states at which F bends: the unit in which the system is written.

    Where F is linear at every size, or bent at every size (rectified units), it is that of its
    linear fixed point, and one if that is at the centre.
    """
    u = rng.standard_normal((DIRECTIONS, len(centre)))
    f, middle = slopes(centre[None])[0]
    steepness = np.linalg.norm(middle)

    def bend(powers: np.ndarray) -> np.ndarray:
        """Return how far dF/ds is from that in the middle at these sizes."""
        states = centre + (10 ** powers[:, None, None] * u).reshape(-1, len(centre))
        with np.errstate(over="ignore", invalid="ignore"):
            change = [np.linalg.norm(jac - middle) for _, jac in slopes(states)]
        return np.array(change).reshape(-1, DIRECTIONS).max(1)

    change = bend(SIZES)
    most = np.max(change, where=np.isfinite(change), initial=0.0)
    border = max(BENT * min(most, steepness), LINEAR * steepness)
    first = int((change > border).argmax())  # 0 where none is
    if first == 0:
        size = np.abs(f).max() * math.sqrt(len(centre))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            size = size / steepness
        return float(size) if np.isfinite(size) and size > 0 else 1.0
    low, high = SIZES[first - 1 : first + 1]
    for _ in range(HALVINGS):
        half = (low + high) / 2
        low, high = (low, half) if bend(np.array([half]))[0] > border else (half, high)
    return float(10**high)


def visited(
    system: System,
    params: Params,
    x: Array,
    rng: np.random.Generator,
    centre: np.ndarray,
    size: float,
) -> tuple[np.ndarray, Region]:
    """Return states on runs from the centre and from random states of many sizes, and where.

    Parameters
    ----------
    system, params, x, rng
        What is run, and what draws the starts.
    centre, size
        A state ``(S,)`` of the system, and its unit.
    """
    low, high = state_range(system)
    sizes = 10 ** rng.uniform(-1, 1, (NUM_RUN, 1))
    around = np.where(np.arange(NUM_RUN)[:, None] % 2, centre, 0)
    starts = around + size * sizes * rng.standard_normal((NUM_RUN, system.size))
    starts = np.clip(np.concatenate([centre[None], starts[1:]]), low, high)
    runs = np.asarray(_runs(system)(params, jnp.asarray(starts, dtype_of(system)), x), float)
    # the unit may be far smaller than where the system is: a neuron at -65 mV bends within 0.01 mV
    is_near = (np.abs(runs) < FAR * (size + np.abs(centre).max())).all(2)
    # a start far away may stay there where its gates are shut for ever
    usual = runs[:, SETTLED:][(sizes <= 1) & is_near[:, SETTLED:]]
    if len(usual):
        home_low, home_high = usual.min(0), usual.max(0)
        half = (home_high - home_low) / 2 + size
        home_low, home_high = home_low - half, home_high + half
    else:
        home_low, home_high = low, high
    return runs[is_near], Region(low, high, home_low, home_high)


def _runs(system: System) -> Any:
    system = _programs.shell(system)

    def run(params: Params, start: Array, x: Array) -> Array:
        def body(state: Array, _: None) -> tuple[Array, Array]:
            return system.step(params, state, x), state

        return jax.lax.scan(body, start, length=NUM_STEP)[1][jnp.asarray(KEPT)]

    return _programs.find(
        ("runs", system), lambda: _programs.Program(jax.vmap(run, (None, 0, None)))
    )


def spread(
    rng: np.random.Generator, pool: np.ndarray, known: np.ndarray, region: Region, num: int
) -> np.ndarray:
    """Return new starts ``(num, S)``: mixtures of what is known, lines between, wide clouds.

    Saddles lie between attractors, where no run stays, so that this is where to look; many are in
    the corners of what can be reached, where units are near their limits.

    Parameters
    ----------
    rng : np.random.Generator
        Drawn from.
    pool, known : np.ndarray
        States visited ``(M, S)`` and fixed points found ``(K, S)``.
    region : Region
        Where states are looked for.
    num : int
        How many.
    """
    if len(known) < 2:
        known = pool
    part = num // 4
    starts = [
        _mix(rng, pool, part // 2),
        _mix(rng, known, part),
        _between(rng, known, part),
        _box(rng, pool, region, part),
        _cloud(rng, pool, num - 3 * part - part // 2),
    ]
    return np.clip(np.concatenate(starts), region.low, region.high)


def _box(rng: np.random.Generator, states: np.ndarray, region: Region, num: int) -> np.ndarray:
    """Return points of the box of what can be reached, or of the states; most at its faces."""
    low = np.where(np.isfinite(region.low), region.low, states.min(0))
    high = np.where(np.isfinite(region.high), region.high, states.max(0))
    return low + (high - low) * rng.beta(0.5, 0.5, (num, states.shape[1]))


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
