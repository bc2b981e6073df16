"""The Lyapunov spectrum of a system."""

from typing import Any, NamedTuple

import brainpy as bp
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check, _programs
from bp_rnn.analysis._precision import double
from bp_rnn.analysis.systems import (
    System,
    as_input,
    as_params,
    as_sequence,
    as_states,
    as_system,
    dtype_of,
    with_time,
)
from bp_rnn.functional import lyapunov
from bp_rnn.typing import Array, Params

#: Exponents that are printed.
SHOWN = 6


class LyapunovSpectrum(NamedTuple):
    r"""Lyapunov exponents, the largest first.

    Attributes
    ----------
    exponents : np.ndarray
        ``(k,)``, per unit of time; minus infinity for directions in which a perturbation is gone
        after a finite time.
    history : np.ndarray
        Growth rates of the k directions in each step after the transient, ``(T, k)``.
    state : np.ndarray
        Where the trajectory ended, ``(S,)``.
    """

    exponents: np.ndarray
    history: np.ndarray
    state: np.ndarray

    def __repr__(self) -> str:
        largest = ", ".join(f"{v:.4g}" for v in self.exponents[:SHOWN])
        more = ", ..." if len(self.exponents) > SHOWN else ""
        return (
            f"LyapunovSpectrum({len(self.exponents)} exponents: [{largest}{more}], "
            f"dimension={self.dimension:.4g}, entropy={self.entropy:.4g})"
        )

    @property
    def dimension(self) -> float:
        r"""Kaplan and Yorke's dimension of the attractor; infinity if more exponents are needed.

        :math:`j + \sum_{i \le j} \lambda_i / |\lambda_{j+1}|`, with the largest j whose sum is not
        negative. It is at most S, and S where the sum of all exponents is not negative.
        """
        total = np.cumsum(self.exponents)
        if total[0] < 0:
            return 0.0
        if (total >= 0).all():
            num = len(self.exponents)
            return float(num) if num == len(self.state) else float("inf")
        j = int(np.argmax(total < 0))
        return float(j + total[j - 1] / abs(self.exponents[j]))

    @property
    def entropy(self) -> float:
        """Sum of the positive exponents: Pesin's bound on the rate of the entropy."""
        return float(self.exponents[self.exponents > 0].sum())


def lyapunov_spectrum(
    system: System | bp.DynamicalSystem,
    state: Any = None,
    *,
    x: Any = None,
    xs: Any = None,
    params: Params | None = None,
    num_step: int = 10_000,
    num_transient: int = 1000,
    num_exponent: int | None = None,
    t: float | None = None,
    key: Array | int = 0,
) -> LyapunovSpectrum:
    r"""Return the Lyapunov exponents of a system as it is run, with its own time step.

    .. math::

        \lambda_i = \lim_{T \to \infty} \frac{1}{T \Delta t} \sum_t \ln |R_{t, ii}|, \qquad
        J_t Q_t = Q_{t+1} R_{t+1}

    Parameters
    ----------
    system : Cell, bp.DynamicalSystem, Flow or Map
        Nothing in it is changed.
    state : array, optional
        Initial state ``(S,)``; random by default.
    x : array, optional
        Constant input ``(num_in,)``; zeros by default.
    xs : array, optional
        Input ``(num_transient + num_step, num_in)`` that drives the system, instead of ``x``: the
        exponents are then those under this input (conditional exponents).
    params : Params, optional
        Values that stand in for some of the system's parameters.
    num_step, num_transient : int
        Steps that count, and steps before them in which the trajectory comes to its attractor and
        the directions to their own.
    num_exponent : int, optional
        How many, the largest ones; S by default.
    t : float, optional
        Time at the start, for a system that reads the time (``bp.share['t']``); it must be given
        for such a one and has no effect on others.
    key : int or JAX key
        Seed of the initial state and of the directions at the start.

    Returns
    -------
    LyapunovSpectrum

    Raises
    ------
    ValueError, TypeError
        If an argument has the wrong shape or is not finite, or ``x`` and ``xs`` are both given.
    FloatingPointError
        If the trajectory runs away.

    Notes
    -----
    It is run in double precision, whatever that of the network. What a step shrinks by more than
    its rounding is gone: an exponent of minus infinity says no more than that.
    The mean over time is a smooth one (:func:`bp_rnn.functional.lyapunov.smooth_mean`).
    Sources: Benettin et al. 1980; Engelken, Wolf & Abbott 2023 for networks.
    """
    system = as_system(system, t)
    num_step = _check.integer("num_step", num_step, 1)
    num_transient = _check.integer("num_transient", num_transient, 0)
    num = system.size if num_exponent is None else _check.integer("num_exponent", num_exponent, 1)
    if num > system.size:
        raise ValueError(f"num_exponent must be at most {system.size}, got {num}")
    if x is not None and xs is not None:
        raise ValueError("x must be None where xs is given")
    with double(system):
        values, x = as_params(system, params), as_input(system, x)
        if xs is not None:
            xs = as_sequence(system, "xs", xs, num_transient + num_step)
        xs = with_time(system, xs, x, t, num_transient + num_step)
        start, frame = _start(system, state, num, _check.as_key(key))
        run = _program(system, num_step, num_transient)
        end, history, mean = run(values, start, frame, x, xs)
    if not np.isfinite(end).all():
        raise FloatingPointError("the trajectory runs away: its state is not finite")
    exponents = np.sort(np.asarray(mean))[::-1] / system.dt
    return LyapunovSpectrum(exponents, np.asarray(history) / system.dt, np.asarray(end))


def _start(system: System, state: Any, num: int, key: Array) -> tuple[Array, Array]:
    """Return the initial state ``(S,)`` and random directions ``(S, num)``."""
    key_state, key_frame = jax.random.split(key)
    if state is None:
        start = jax.random.normal(key_state, (system.size,), dtype_of(system))
    else:
        start = as_states(system, "state", state)[0]
    frame, _ = jnp.linalg.qr(jax.random.normal(key_frame, (system.size, num), start.dtype))
    return start, frame


def _program(system: System, num_step: int, num_transient: int) -> Any:
    system = _programs.shell(system)

    def run(params: Params, state: Array, frame: Array, x: Array, xs: Any) -> Any:
        def step(state: Array, now: Any) -> Array:
            return system.step(params, state, x if now is None else now)

        total = num_transient + num_step
        end = lyapunov.run(step, state, frame, xs, total)
        growth = end.growth[num_transient:]
        return end.state, growth, lyapunov.smooth_mean(growth)

    made_from = "lyapunov", system, num_step, num_transient
    return _programs.find(made_from, lambda: _programs.Program(run))
