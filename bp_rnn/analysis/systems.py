"""What can be analysed: cells, BrainPy's systems, and plain functions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.cells import Cell, ContinuousCell, from_brainpy
from bp_rnn.typing import Array, Input, Params


@dataclass(frozen=True)
class Flow:
    """A differential equation that is no network, :math:`ds/dt = F(s)`.

    Programs are compiled once for each function, so define it once.

    Parameters
    ----------
    function : callable
        F, of the state ``(num,)``; where there is an input, of it ``(num_in,)`` too.
    num : int
        Length of the state.
    num_in : int
        Length of the input, 0 for none.
    dt : float
        Time step of a run.
    integrator : str
        A method of ``bp.odeint``.
    """

    function: Callable[..., Array]
    num: int
    num_in: int = 0
    dt: float = 0.01
    integrator: str = "rk4"

    def __post_init__(self) -> None:
        _check_function(self.function, self.num, self.num_in)
        _check.positive("dt", _check.number("dt", self.dt))
        _check.choice("integrator", self.integrator, bp.ode.get_supported_methods())

    @property
    def size(self) -> int:
        """Length of the state."""
        return self.num

    def params(self) -> Params:
        """Return no parameters."""
        return {}

    def derivative(self, params: Params, state: Array, x: Array) -> Array:  # noqa: ARG002
        """Return F ``(num,)``."""
        return self.function(state, x) if self.num_in else self.function(state)

    def step(self, params: Params, state: Array, x: Array) -> Array:
        """Integrate over one ``dt``."""

        def rate(state, t):  # type: ignore[no-untyped-def]  # noqa: ARG001
            return self.derivative(params, state, x)

        return bp.odeint(rate, method=self.integrator, dt=self.dt)(state, 0.0)


@dataclass(frozen=True)
class Map:
    """A map that is no network, :math:`s_{t+1} = f(s_t)`.

    Parameters
    ----------
    function : callable
        f, of the state ``(num,)``; where there is an input, of it ``(num_in,)`` too.
    num : int
        Length of the state.
    num_in : int
        Length of the input, 0 for none.
    """

    function: Callable[..., Array]
    num: int
    num_in: int = 0
    dt: float = 1.0

    def __post_init__(self) -> None:
        _check_function(self.function, self.num, self.num_in)

    @property
    def size(self) -> int:
        """Length of the state."""
        return self.num

    def params(self) -> Params:
        """Return no parameters."""
        return {}

    def step(self, params: Params, state: Array, x: Array) -> Array:  # noqa: ARG002
        """Return f ``(num,)``."""
        return self.function(state, x) if self.num_in else self.function(state)

    def derivative(self, params: Params, state: Array, x: Array) -> Array:
        """Return the change in one step ``(num,)``."""
        return self.step(params, state, x) - state


System = Cell | Flow | Map


def as_system(system: System | bp.DynamicalSystem, t: float | None = None) -> System:
    """Return what is analysed: BrainPy's systems become cells.

    Parameters
    ----------
    system : Cell, bp.DynamicalSystem, Flow or Map
        Of a system of BrainPy, also within a cell, only the memory is analysed: what a step
        changes and a later one reads.
    t : float, optional
        At which time, for a system that reads the time.

    Raises
    ------
    TypeError
        If it is none of a cell, a ``bp.DynamicalSystem``, a :class:`Flow` and a :class:`Map`.
    ValueError
        If its state depends on the future, or it reads the time and ``t`` is None.
    """
    if isinstance(system, Flow | Map):
        return system
    if not isinstance(system, bp.DynamicalSystem):
        raise TypeError(
            "system must be a cell, a bp.DynamicalSystem, a Flow or a Map, got "
            f"{type(system).__name__}"
        )
    cell = system if isinstance(system, Cell) else from_brainpy(system)
    cell.check_precision()
    if not cell.causal:
        raise ValueError(f"system must be causal, got {type(cell).__name__}")
    return cell.frozen(t)


def with_time(system: System, xs: Any, x: Array, t: float | None, num_step: int) -> Any:
    """Return inputs ``(num_step, ...)`` of a run that starts at ``t``, None for the same always."""
    if not getattr(system, "reads_time", False) or t is None:
        return xs
    count = jnp.arange(num_step)
    xs = jnp.broadcast_to(x, (num_step, *x.shape)) if xs is None else xs
    return Input(xs, time=(t + count * system.dt, count))


def is_continuous(system: System) -> bool:
    """Whether stability is judged by the flow, and not by the map of one step."""
    return isinstance(system, ContinuousCell | Flow)


def dtype_of(system: System) -> Any:
    """Return the float type of the state."""
    if isinstance(system, Cell):
        return system.state.dtype
    # a search may have turned on 64 bits for itself
    return jnp.dtype(jnp.float64 if jnp.result_type(float) == jnp.float64 else bm.float_)


def state_range(system: System) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest value of each state entry, ``(S,)``."""
    if isinstance(system, Cell):
        return system.state_range()
    return np.full(system.size, -np.inf), np.full(system.size, np.inf)


def state_of(system: System) -> np.ndarray:
    """Return a state of one sample ``(S,)``: the current one of a cell, zero of a function."""
    if isinstance(system, Cell):
        state = np.asarray(system.state.value, float).reshape(-1, system.size)[0]
        if np.isfinite(state).all():
            return state
    return np.zeros(system.size)


def as_input(system: System, x: Any) -> Array:
    """Return a constant input ``(num_in,)``, zeros for None."""
    if x is None:
        return jnp.zeros(system.num_in, dtype_of(system))
    value = jnp.asarray(_check.real_array("x", x), dtype_of(system))
    if value.shape != (system.num_in,):
        raise ValueError(f"x must have shape ({system.num_in},), got {value.shape}")
    return value


def as_states(system: System, name: str, states: Any) -> Array:
    """Return states ``(N, S)`` of an array ``(..., S)``."""
    value = jnp.asarray(_check.real_array(name, bm.as_jax(states)), dtype_of(system))
    if isinstance(system, Cell):
        value = system.memory_of(value)
    if value.ndim == 0 or value.shape[-1] != system.size or value.size == 0:
        raise ValueError(f"{name} must have shape (..., {system.size}), got {value.shape}")
    return value.reshape(-1, system.size)


def as_sequence(system: System, name: str, xs: Any, num_step: int | None = None) -> Array:
    """Return an input sequence ``(T, num_in)``, of a given length or of any."""
    value = jnp.asarray(_check.real_array(name, bm.as_jax(xs)), dtype_of(system))
    length = "T" if num_step is None else num_step
    fits = value.ndim == 2 and value.shape[1] == system.num_in and len(value) > 0
    if not fits or num_step not in (None, len(value)):
        raise ValueError(f"{name} must have shape ({length}, {system.num_in}), got {value.shape}")
    return value


def as_params(system: System, params: Params | None) -> Params:
    """Return the parameters of a system, some of them replaced."""
    known = system.params()
    new = {}
    for name, value in (params or {}).items():
        _check.choice("parameter", name, known)
        right = known[name]
        new[name] = jnp.asarray(_check.real_array(name, bm.as_jax(value)), right.dtype)
        if new[name].shape != right.shape:
            raise ValueError(f"{name} must have shape {right.shape}, got {new[name].shape}")
    return known | new


def _check_function(function: Any, num: int, num_in: int) -> None:
    if not callable(function):
        raise TypeError(f"function must be callable, got {type(function).__name__}")
    _check.integer("num", num, 1)
    _check.integer("num_in", num_in, 0)
