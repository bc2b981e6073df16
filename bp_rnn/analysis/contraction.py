"""Whether a network forgets a perturbation."""

from typing import Any, NamedTuple

import brainpy as bp
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check, _programs
from bp_rnn.analysis.systems import System, as_params, as_sequence, as_states, as_system, with_time
from bp_rnn.typing import Array, Params


class Contraction(NamedTuple):
    r"""How far perturbed runs are from the run that was not perturbed.

    Attributes
    ----------
    distance : np.ndarray
        Euclidean distance at t = 0..T, ``(P, T + 1)``.
    rate : np.ndarray
        Mean rate of growth :math:`\ln (d_T / d_0) / (T \Delta t)`, per unit of time, ``(P,)``;
        negative where a perturbation dies out, minus infinity where nothing of it is left.
    """

    distance: np.ndarray
    rate: np.ndarray


def perturb(
    system: System | bp.DynamicalSystem,
    state: Any,
    xs: Any,
    *,
    size: float = 1e-3,
    num_perturbation: int = 20,
    params: Params | None = None,
    t: float | None = None,
    key: Array | int = 0,
) -> Contraction:
    """Run a system from a state and from perturbed ones, under the same input.

    Parameters
    ----------
    system : Cell, bp.DynamicalSystem, Flow or Map
        Nothing in it is changed; runs are without noise.
    state : array
        Initial state ``(S,)``.
    xs : array
        Input ``(T, num_in)``.
    size : float
        Length of the perturbations, whose directions are random.
    num_perturbation : int
        How many, P.
    params : Params, optional
        Values that stand in for some of the system's parameters.
    t : float, optional
        Time at the start, for a system that reads the time (``bp.share['t']``); it must be given
        for such a one and has no effect on others.
    key : int or JAX key
        Seed of the directions.

    Returns
    -------
    Contraction

    Raises
    ------
    ValueError, TypeError
        If an argument has the wrong shape or is not finite.
    """
    system = as_system(system, t)
    values = as_params(system, params)
    start = as_states(system, "state", state)[0]
    xs = as_sequence(system, "xs", xs)
    size = _check.positive("size", _check.number("size", size))
    num = _check.integer("num_perturbation", num_perturbation, 1)
    driven = with_time(system, xs, xs[0], t, len(xs))
    directions = jax.random.normal(_check.as_key(key), (num, system.size), start.dtype)
    directions *= size / jnp.linalg.norm(directions, axis=1, keepdims=True)
    distance = np.asarray(_program(system)(values, start, directions, driven))
    with np.errstate(divide="ignore"):
        rate = np.log(distance[:, -1] / distance[:, 0]) / (len(xs) * system.dt)
    return Contraction(distance, rate)


def _program(system: System) -> Any:
    system = _programs.shell(system)

    def run(params: Params, start: Array, directions: Array, xs: Array) -> Array:
        def body(states: Array, x: Array) -> tuple[Array, Array]:
            new = jax.vmap(lambda s: system.step(params, s, x))(states)
            return new, new

        states = jnp.concatenate([start[None], start + directions])
        _, later = jax.lax.scan(body, states, xs)
        every = jnp.concatenate([states[None], later])
        return jnp.linalg.norm(every[:, 1:] - every[:, :1], axis=2).T

    return _programs.find(("perturb", system), lambda: _programs.Program(run))
