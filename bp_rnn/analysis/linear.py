"""The linear network that a system is near a state."""

from typing import Any, NamedTuple

import brainpy as bp
import jax
import numpy as np

from bp_rnn import _programs
from bp_rnn.analysis.stability import growth_rates
from bp_rnn.analysis.systems import (
    System,
    as_input,
    as_params,
    as_states,
    as_system,
    is_continuous,
)
from bp_rnn.typing import Array, Params


class Linearisation(NamedTuple):
    r"""Derivatives at N states.

    .. math::

        \frac{d\,\delta s}{dt} = J \,\delta s + J_x \,\delta x \quad \text{(flow)}, \qquad
        \delta s_{t+1} = J \,\delta s_t + J_x \,\delta x_t \quad \text{(map)}

    Attributes
    ----------
    jac : np.ndarray
        J, ``(N, S, S)``.
    jac_x : np.ndarray
        J_x, ``(N, S, num_in)``.
    eigenvalues : np.ndarray
        Of J, ``(N, S)``, the fastest to grow first.
    right, left : np.ndarray
        Eigenvectors, ``(N, S, S)``: ``right[n, :, i]`` is the direction in which mode i moves and
        ``left[n, i]`` what of an input it takes; ``left @ right = 1``.
    growth : np.ndarray
        Rates at which the modes grow, per unit of time, ``(N, S)``.
    """

    jac: np.ndarray
    jac_x: np.ndarray
    eigenvalues: np.ndarray
    right: np.ndarray
    left: np.ndarray
    growth: np.ndarray


def linearise(
    system: System | bp.DynamicalSystem,
    states: Any,
    *,
    x: Any = None,
    params: Params | None = None,
    t: float | None = None,
) -> Linearisation:
    """Return the derivatives by the state and by the input, and the modes.

    Parameters
    ----------
    system : Cell, bp.DynamicalSystem, Flow or Map
        Nothing in it is changed.
    states : array
        ``(..., S)``, such as ``points.state``; the N states of it.
    x : array, optional
        Constant input ``(num_in,)``; zeros by default.
    params : Params, optional
        Values that stand in for some of the system's parameters.
    t : float, optional
        Time at which a system is looked at that reads the time (``bp.share['t']``); it must be
        given for such a one and has no effect on others.

    Returns
    -------
    Linearisation

    Raises
    ------
    ValueError, TypeError
        If an argument has the wrong shape or is not finite.

    Notes
    -----
    Source: Sussillo & Barak 2013, eqs. 3 to 5; left eigenvectors as in Mante et al. 2013.
    """
    system = as_system(system, t)
    values, x = as_params(system, params), as_input(system, x)
    states = as_states(system, "states", states)
    jac, jac_x = (np.asarray(v) for v in _program(system)(values, states, x))
    eigenvalues, right = np.linalg.eig(jac)
    growth = growth_rates(eigenvalues, is_continuous(system), system.dt)
    order = np.argsort(-growth, axis=1, kind="stable")
    eigenvalues, growth = (np.take_along_axis(v, order, 1) for v in (eigenvalues, growth))
    right = np.take_along_axis(right, order[:, None], 2)
    return Linearisation(jac, jac_x, eigenvalues, right, np.linalg.inv(right), growth)


def _program(system: System) -> Any:
    system = _programs.shell(system)
    function = system.derivative if is_continuous(system) else system.step

    def one(params: Params, state: Array, x: Array) -> Any:
        return jax.jacobian(function, (1, 2))(params, state, x)

    return _programs.find(
        ("linearise", system), lambda: _programs.Program(jax.vmap(one, (None, 0, None)))
    )
