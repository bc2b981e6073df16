"""What a cell is: pure functions for one sample, and the Variables they are applied to."""

import abc

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.typing import Array, Params


class Cell(bp.DynamicalSystem, abc.ABC):
    r"""A recurrent network :math:`s_{t} = \mathrm{step}(\theta, s_{t-1}, x_t)`.

    A subclass sets its parameters as ``bm.TrainVar`` attributes, names them in ``param_names``,
    and gives the pure ``step``. Batches (BrainPy's ``BatchingMode``) are made here, by ``vmap``.

    Parameters
    ----------
    num_in : int
        Features of the input.
    num : int
        Units.
    num_out : int
        Features of the output.
    size : int, optional
        Length S of the state of one sample, ``num`` by default.
    reads_out : bool
        Whether the output is another quantity than the state.
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
    state : bm.Variable
        Shape ``(S,)``, or ``(batch, S)`` in a batching mode.
    z : bm.Variable
        The output after the last step, ``(num_out,)`` or ``(batch, num_out)``; the same Variable
        as ``state`` where the state is the output.
    """

    param_names: tuple[str, ...] = ()
    readout_names: tuple[str, ...] = ()
    rowwise: bool = True
    state: bm.Variable
    z: bm.Variable

    def __init__(
        self,
        num_in: int,
        num: int,
        num_out: int,
        *,
        size: int | None = None,
        reads_out: bool = False,
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(mode=mode, name=name)
        self.num_in = _check.integer("num_in", num_in, 1)
        self.num = _check.integer("num", num, 1)
        self.num_out = _check.integer("num_out", num_out, 1)
        self.size = self.num if size is None else _check.integer("size", size, 1)
        self.state = bp.init.variable_(bm.zeros, (self.size,), self.mode)
        # set once: brainpy turns a second assignment into a write to the first Variable
        shape = (self.num_out,)
        self.z = bp.init.variable_(bm.zeros, shape, self.mode) if reads_out else self.state

    @abc.abstractmethod
    def step(self, params: Params, state: Array, x: Array) -> Array:
        """Return the next state of one sample; pure, reads no Variable.

        Parameters
        ----------
        params : Params
            Every parameter by name.
        state, x : Array
            Shapes ``(S,)`` and ``(num_in,)``.
        """

    def output(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return what the loss sees, shape ``(num_out,)``; pure. The state by default."""
        return state

    def initial_state(self) -> Array:
        """Return the state of one sample at a reset, shape ``(S,)``. Zeros by default."""
        return jnp.zeros(self.size, self.state.dtype)

    def params(self) -> Params:
        """Return the current value of every parameter, those of the read-out included."""
        return {k: v.value for k, v in self.train_params().items()}

    def train_params(self) -> dict[str, bm.TrainVar]:
        """Return the Variable of every parameter."""
        return {k: getattr(self, k) for k in self.param_names + self.readout_names}

    @property
    def is_batched(self) -> bool:
        """Whether the Variables carry a leading batch axis."""
        return isinstance(self.mode, bm.BatchingMode)

    def set_state(self, value: Array) -> None:
        """Write a new state, and the output that belongs to it."""
        self.state.value = value
        if self.z is not self.state:
            output = jax.vmap(self.output, (None, 0)) if self.is_batched else self.output
            self.z.value = output(self.params(), value)

    def as_input(self, x: Array) -> Array:
        """Return ``x`` of one time step as ``(num_in,)`` or ``(batch, num_in)``.

        Raises
        ------
        ValueError
            If the shape is another one. A single feature may come without its axis.
        """
        value = jnp.asarray(bm.as_jax(x), self.state.dtype)
        if self.num_in == 1 and value.ndim == int(self.is_batched):
            value = value[..., None]
        shape = (*self.state.shape[:-1], self.num_in)
        if value.shape != shape:
            raise ValueError(f"x must have shape {shape} at each step, got {value.shape}")
        return value

    def check_run(self) -> None:
        """Refuse a run that would disagree with how the cell was built; nothing by default."""

    def update(self, x: Array) -> Array:
        """Advance the state by one time step and return the output."""
        self.check_run()
        step = jax.vmap(self.step, (None, 0, 0)) if self.is_batched else self.step
        self.set_state(step(self.params(), self.state.value, self.as_input(x)))
        return self.z.value

    def reset_state(self, batch_size: int | None = None) -> None:
        """Return to the initial state; in a batching mode ``batch_size`` sets a new batch."""
        value = self.initial_state()
        if self.is_batched:
            batch = self.state.shape[0] if batch_size is None else batch_size
            value = jnp.broadcast_to(value, (batch, self.size))
        self.set_state(value)
