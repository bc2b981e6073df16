"""What a cell is: pure functions for one sample, and the Variables they are applied to."""

import abc
import functools
import zlib
from typing import Any, TypedDict

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn._state import System
from bp_rnn.cells._parameter import Initializer, fan_in_normal, parameter
from bp_rnn.functional import trajectory
from bp_rnn.functional.constraint import Box
from bp_rnn.functional.influence import Influence
from bp_rnn.typing import Array, Input, Params


class CellOptions(TypedDict, total=False):
    """The options that every cell takes; :class:`Cell` says what they mean."""

    num_out: int | None
    w_out: Initializer | None
    b_out: Initializer | None
    init_state: Initializer
    train_init_state: bool
    key: Array | int
    mode: bm.Mode | None
    name: str | None


class Cell(System, abc.ABC):
    r"""A recurrent network :math:`s_{t} = \mathrm{step}(\theta, s_{t-1}, x_t)`.

    A subclass makes its parameters with :meth:`add_parameter` and gives the pure ``step``.
    Batches (BrainPy's ``BatchingMode``) are made here, by ``vmap``. Every cell can have a linear
    read-out, :math:`z = W_{out} h + b_{out}`, of what ``hidden`` returns.

    Parameters
    ----------
    num_in : int or None
        Features of the input. Cells whose input may be added directly, one to each unit, without
        an input matrix, take None for that.
    num : int
        Units.
    size : int, optional
        Length S of the state of one sample, ``num`` by default.
    num_hidden : int, optional
        Length of what ``hidden`` returns, where that is another quantity than the state.
    num_out : int, optional
        Features of the read-out; without it the output is what ``hidden`` returns.
    w_out, b_out : float, array or callable, optional
        Initialisers of the read-out, as BrainPy takes them; ``b_out=None`` for none.
    init_state : float, array or callable
        State at a reset, a number or shape ``(S,)``.
    train_init_state : bool
        Whether the initial state is learnt: then it is the parameter ``s0``.
    key : int or JAX key
        Seed of the default initialisers and of noise; the same key gives the same network.
    mode : bm.Mode, optional
        BrainPy's computing mode; the current one by default.
    name : str, optional
        BrainPy's name of the object.

    Attributes
    ----------
    param_names : tuple of str
        What ``step`` reads; each has sensitivities in real-time recurrent learning.
    readout_names : tuple of str
        What only ``output`` reads; their gradient needs no trace.
    rowwise : bool
        Whether, in one step, row ``i`` (leading axis) of every parameter in ``param_names``
        drives unit ``i`` alone: state entries ``i``, ``i + num``, ... This makes RTRL fast.
    independent : bool
        Whether, in one step, each unit depends on its own state alone, and has one. Then RTRL
        takes a number for each parameter.
    causal : bool
        Whether the state at a time depends on the past alone.
    is_noisy : bool
        Whether a run draws noise.
    reads_time : bool
        Whether a step depends on the time, as a system of BrainPy may.
    dt : float
        Time of one step: one, unless the cell is given by a differential equation or made of a
        system of BrainPy.
    state : bm.Variable
        Shape ``(S,)``, or ``(batch, S)`` in a batching mode.
    z : bm.Variable
        The output after the last step, ``(num_out,)`` or ``(batch, num_out)``; the same Variable
        as ``state`` where the state is the output.
    w_out, b_out : bm.TrainVar
        ``(num_out, num_hidden)`` and ``(num_out,)``, where there is a read-out.
    s0 : bm.TrainVar
        ``(S,)``, where the initial state is learnt.
    """

    param_names: tuple[str, ...] = ()
    readout_names: tuple[str, ...] = ()
    rowwise: bool = True
    independent: bool = False
    causal: bool = True
    is_noisy: bool = False
    reads_time: bool = False
    dt: float = 1.0
    state: bm.Variable
    z: bm.Variable
    w_out: bm.TrainVar
    b_out: bm.TrainVar
    s0: bm.TrainVar

    def __init__(
        self,
        num_in: int | None,
        num: int,
        *,
        size: int | None = None,
        num_hidden: int | None = None,
        num_out: int | None = None,
        w_out: Initializer | None = None,
        b_out: Initializer | None = 0.0,
        init_state: Initializer = 0.0,
        train_init_state: bool = False,
        key: Array | int = 0,
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(mode=mode, name=name)
        self.num = _check.integer("num", num, 1)
        self.num_in = self.num if num_in is None else _check.integer("num_in", num_in, 1)
        self.size = self.num if size is None else _check.integer("size", size, 1)
        hidden = self.size if num_hidden is None else _check.integer("num_hidden", num_hidden, 1)
        self.num_out = hidden if num_out is None else _check.integer("num_out", num_out, 1)
        self._key = _check.known_key(type(self).__name__, key)
        self._view_names: tuple[str, ...] = ()
        self.state = self._variable(self.size)
        # set once: brainpy turns a second assignment into a write to the first Variable
        is_state = num_hidden is None and num_out is None
        self.z = self.state if is_state else self._variable(self.num_out)
        self.trains_start = bool(train_init_state)
        if self.trains_start:
            self.add_parameter("s0", init_state, (self.size,))
        else:
            self._start = parameter("init_state", init_state, (self.size,)).value
        start = self.s0.value if self.trains_start else self._start
        self.state.value = jnp.broadcast_to(start, self.state.shape)
        if num_out is not None:
            self.w_out = self._parameter("w_out", w_out, (num_out, hidden))
            self.readout_names = ("w_out",)
            if b_out is not None:
                self.b_out = self._parameter("b_out", b_out, (num_out,))
                self.readout_names = ("w_out", "b_out")

    @abc.abstractmethod
    def step(self, params: Params, state: Array, x: Any) -> Array:
        """Return the next state of one sample; pure, reads no Variable.

        Parameters
        ----------
        params : Params
            Every parameter by name.
        state : Array
            Shape ``(S,)``.
        x : Array or Input
            Input ``(num_in,)``. A plain array means a step without noise; :meth:`inputs` makes
            what carries the key of its noise.
        """

    def derivative(self, params: Params, state: Array, x: Array) -> Array:
        r"""Return :math:`F`, which is zero at a fixed point, of one sample ``(S,)``; pure.

        Here it is the change in one step; a cell given by a differential equation has
        :math:`F = ds/dt`.
        """
        return self.step(params, state, x) - state

    def hidden(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return what the read-out sees, shape ``(num_hidden,)``; pure. The state by default."""
        return state

    def output(self, params: Params, state: Array) -> Array:
        """Return what the loss sees, shape ``(num_out,)``; pure."""
        h = self.hidden(params, state)
        if "w_out" not in self.readout_names:
            return h
        z = params["w_out"] @ h
        return z + params["b_out"] if "b_out" in self.readout_names else z

    def views(self, params: Params, state: Array) -> dict[str, Array]:  # noqa: ARG002
        """Return the quantities of a state that have a name of their own; pure."""
        return {}

    def rollout(self, params: Params, state: Array, xs: Any) -> tuple[Array, Array]:
        """Return the last state ``(S,)`` and all states ``(T, S)`` of one sample; pure."""
        return trajectory.rollout(self.step, params, state, xs)

    def state_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the largest value of each entry of the state, two arrays ``(S,)``.

        A run that starts within them stays within them, whatever the parameters and the input are;
        infinite where no such limit is known.
        """
        return np.full(self.size, -np.inf), np.full(self.size, np.inf)

    def initial_state(self, params: Params) -> Array:
        """Return the state of one sample at a reset, shape ``(S,)``; pure."""
        return params["s0"] if self.trains_start else self._start

    def frozen(self, t: float | None = None) -> "Cell":  # noqa: ARG002
        """Return the cell as it is analysed: what maps its memory to that after one step.

        Parameters
        ----------
        t : float, optional
            Time of the step; asked for where :attr:`reads_time` is true, else without effect.

        Raises
        ------
        ValueError
            If the time is missing, or the cell has no memory that can be analysed.
        """
        return self

    def memory_of(self, states: Array) -> Array:
        """Return states as those of this cell, if they are whole states of one it is made of."""
        return states

    def inputs(
        self,
        xs: Array,
        key: Array | None = None,
        valid: Array | None = None,  # noqa: ARG002
    ) -> Any:
        """Return what ``step`` takes for inputs ``(..., num_in)``: with a key, their noise too."""
        if key is None or not self.is_noisy:
            return xs
        return Input(xs, jax.random.split(key, xs.shape[:-1]))

    def add_parameter(self, name: str, init: Initializer | None, shape: tuple[int, ...]) -> None:
        """Make a parameter of ``step``, the attribute ``name``.

        Parameters
        ----------
        name : str
            Of the attribute, and of its entry in ``params``.
        init : float, array, callable or None
            Initial value. A function is called with the shape, once for each gate where there
            are three axes (unit, gate, source). None is normal with deviation
            ``1 / sqrt(fan-in)``.
        shape : tuple of int
            The leading axis is the unit that a row drives.
        """
        if "z" not in vars(self):
            raise TypeError(
                f"add_parameter({name!r}) of {type(self).__name__} must come after "
                "super().__init__(num_in, num, ...), which makes the network"
            )
        setattr(self, name, self._parameter(name, init, shape))
        self.param_names = (*self.param_names, name)

    def key_of(self, name: str) -> Array:
        """Return the JAX key that belongs to ``name``: another one for each parameter."""
        return jax.random.fold_in(self._key, zlib.crc32(name.encode()))

    def add_view(self, name: str) -> None:
        """Make a Variable ``name`` that follows the entry of ``views``; after the parameters."""
        value = self._over_batch(functools.partial(self.views, self.params()))(self.state.value)
        variable = self._variable(value[name].shape[-1])
        variable.value = value[name]
        setattr(self, name, variable)
        self._view_names = (*self._view_names, name)

    def params(self) -> Params:
        """Return the current value of every parameter, those of the read-out included."""
        return {k: v.value for k, v in self.train_params().items()}

    def train_params(self) -> dict[str, bm.TrainVar]:
        """Return the Variable of every parameter."""
        return {k: getattr(self, k) for k in self.param_names + self.readout_names}

    @functools.cached_property
    def influence(self) -> Influence:
        """How the parameters act on the state in one step: its structure, found once."""
        state = jnp.zeros(self.size, self.state.dtype)
        x = jnp.zeros(self.num_in, self.state.dtype)
        num = self.num if self.rowwise else None
        return Influence(self.step, self.param_names, self.params(), state, x, num)

    @property
    def boxes(self) -> dict[str, Box]:
        """Where :func:`bp_rnn.constrain` lets parameters be; it is kept beside each Variable."""
        found = {k: getattr(v, "box", None) for k, v in self.train_params().items()}
        return {k: box for k, box in found.items() if box is not None}

    @property
    def is_batched(self) -> bool:
        """Whether the Variables carry a leading batch axis."""
        return isinstance(self.mode, bm.BatchingMode)

    def set_state(self, value: Array) -> None:
        """Write a new state, and the output and the views that belong to it."""
        self.state.value = value
        params = self.params()
        if self.z is not self.state:
            self.z.value = self._over_batch(functools.partial(self.output, params))(value)
        if self._view_names:
            views = self._over_batch(functools.partial(self.views, params))(value)
            for name in self._view_names:
                getattr(self, name).value = views[name]

    def as_input(self, x: Array) -> Array:
        """Return ``x`` of one time step as ``(num_in,)`` or ``(batch, num_in)``.

        Raises
        ------
        ValueError
            If the shape is another one. A single feature may come without its axis.
        """
        self.check_precision()
        value = jnp.asarray(bm.as_jax(x), self.state.dtype)
        if self.num_in == 1 and value.ndim == int(self.is_batched):
            value = value[..., None]
        shape = (*self.state.shape[:-1], self.num_in)
        if value.shape != shape:
            raise ValueError(f"x must have shape {shape} at each step, got {value.shape}")
        return value

    def take_input(self, x: Array) -> Any:
        """Return what ``step`` takes for the input of one time step, its noise drawn."""
        return self.inputs(self.as_input(x), self._noise_key())

    def check_run(self) -> None:
        """Refuse a run that would disagree with how the cell was built; nothing by default."""

    def observe(self, x: Array) -> None:
        """Write what depends on the state and the input of the step to it; nothing by default."""

    def update(self, x: Array) -> Array:
        """Advance the state by one time step and return the output."""
        self.check_run()
        step = self._over_batch(functools.partial(self.step, self.params()))
        self.set_state(step(self.state.value, self.take_input(x)))
        self.observe(x)
        return self.z.value

    def reset_state(self, batch_size: int | None = None) -> None:
        """Return to the initial state; in a batching mode ``batch_size`` sets a new batch."""
        self.check_precision()
        value = self.initial_state(self.params())
        if self.is_batched:
            batch = self.state.shape[0] if batch_size is None else batch_size
            value = jnp.broadcast_to(value, (batch, self.size))
        self.set_state(value)

    def _parameter(
        self, name: str, init: Initializer | None, shape: tuple[int, ...]
    ) -> bm.TrainVar:
        if init is None:
            init = fan_in_normal(shape[-1], self.key_of(name))
        return parameter(name, init, shape)

    def _variable(self, num: int) -> bm.Variable:
        return bp.init.variable_(bm.zeros, (num,), self.mode)

    def _noise_key(self) -> Array | None:
        return bm.as_jax(self.rng.split_key()) if self.is_noisy else None

    def _draw_noise(self) -> None:
        self.is_noisy = True
        self.rng = bm.random.RandomState(jax.random.key_data(self.key_of("noise")))

    def _over_batch(self, function: Any) -> Any:
        """Return ``function`` of one sample as one of what the Variables hold."""
        return jax.vmap(function) if self.is_batched else function
