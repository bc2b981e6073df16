"""What a gradient along a trajectory is."""

import abc
import functools
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn import _programs
from bp_rnn._state import System
from bp_rnn.cells import Cell
from bp_rnn.cells._probe import probe
from bp_rnn.functional.influence import Influences
from bp_rnn.gradients import _memory
from bp_rnn.typing import Array, Params, StepLoss, Trace, Window


class GradientAlgorithm(System, abc.ABC):
    r"""A cell plus what turns :math:`\partial l/\partial s` into a gradient of its parameters.

    Trainers call :meth:`window`, the gradient over a stretch of time. As a BrainPy system the
    object steps the cell and its own trace together, so that ``DSRunner`` can monitor both: every
    entry of :meth:`named` and every Variable of the cell is an attribute of the same name.

    Parameters
    ----------
    cell : Cell
        The network. The algorithm shares its Variables and runs in its mode.

    Raises
    ------
    TypeError, ValueError
        If ``cell`` is no Cell, one of its functions fails or returns another shape or type than it
        has to, or its state depends on the future and the algorithm goes forward.
    MemoryError
        If the trace does not fit.

    Attributes
    ----------
    kind : {'exact', 'unbiased', 'approximate'}
        How the gradient of a window compares with autodiff.
    takes_any_cell : bool
        Whether it works on a cell whose state depends on the future too.
    is_random : bool
        Whether the gradient depends on random numbers, drawn from the key that ``start`` gets.
    cell : Cell
        The network.
    trace_names : tuple of str
        The Variables of the trace.
    """

    kind: Literal["exact", "unbiased", "approximate"]
    takes_any_cell: ClassVar[bool] = False
    is_random: ClassVar[bool] = False

    def __init__(self, cell: Cell) -> None:
        if not isinstance(cell, Cell):
            raise TypeError(
                f"cell must be a bp_rnn Cell, got {type(cell).__name__}; "
                "bp_rnn.from_brainpy makes one of any bp.DynamicalSystem"
            )
        if not (cell.causal or self.takes_any_cell):
            raise ValueError(
                f"{type(self).__name__} follows a network forward in time, but the state of "
                f"{type(cell).__name__} depends on inputs after it; use BPTT, offline"
            )
        probe(cell)
        super().__init__(mode=cell.mode)
        self.cell = cell
        for name, value in list(vars(cell).items()):
            if isinstance(value, bm.Variable):
                setattr(self, name, value)
        self._prepare()
        self.check_memory(cell.state.shape[0] if cell.is_batched else 1)
        start = self._start()
        self.trace_names = tuple(start)
        for name, value in start.items():
            setattr(self, name, bm.Variable(value, batch_axis=0 if cell.is_batched else None))

    @abc.abstractmethod
    def window(
        self,
        params: Params,
        state: Array,
        trace: Trace,
        xs: Any,
        targets: Any,
        loss: StepLoss,
    ) -> Window:
        r"""Return the gradient of a stretch of time; pure.

        .. math:: l = \frac{1}{B} \sum_b \sum_t l(\theta, s_{bt}, y_{bt})

        Parameters
        ----------
        params : Params
            Every parameter of the cell.
        state : Array
            State before the first step, ``(B, S)``.
        trace : Trace
            Trace before the first step, every leaf with a leading batch axis.
        xs, targets
            Inputs and targets; every leaf is ``(B, T, ...)``.
        loss : StepLoss
            What a step adds to the loss, with the target's weight in it:
            :func:`bp_rnn.functional.trajectory.step_loss` makes one.
        """

    def init_trace(self, params: Params, state: Array) -> Trace:  # noqa: ARG002
        """Return the trace of one sample at the start; pure. Empty by default."""
        return {}

    def step_trace(self, params: Params, state: Array, x: Any, trace: Trace) -> tuple[Array, Trace]:
        """Advance state and trace of one sample by one step; pure."""
        return self.cell.step(params, state, x), trace

    def named(self, trace: Trace) -> dict[str, Array]:
        """Return the trace of one sample as what a reader of the theory expects, by name."""
        return trace

    def unnamed(self, entries: dict[str, Array]) -> Trace:
        """Return the trace that ``entries`` describe; inverse of :meth:`named`."""
        return entries

    def start(
        self,
        params: Params,
        state: Array,
        key: Array | None = None,  # noqa: ARG002
    ) -> Trace:
        """Return the trace at the start of a batch of states ``(B, S)``; pure.

        ``key`` is the JAX key of the random numbers of an algorithm that draws any.
        """
        return jax.vmap(self.init_trace, (None, 0))(params, state)

    def empty_report(self, shape: tuple[int, ...]) -> Any:  # noqa: ARG002
        """Return a report as :meth:`window` gives it for ``(B, T)`` samples; None by default."""
        return None

    def output(self, params: Params, state: Array) -> Array:
        """Return the cell's output; its derivative is the learning signal. Pure."""
        return self.cell.output(params, state)

    def check_memory(self, batch: int) -> None:
        """Refuse a batch whose trace would not fit into the free memory.

        Raises
        ------
        MemoryError
            With the bytes that are needed, and the algorithms that would fit.
        """
        state = jax.ShapeDtypeStruct((self.cell.size,), self.cell.state.dtype)
        trace = jax.eval_shape(self.init_trace, self.cell.params(), state)
        _memory.require(type(self).__name__, self.cell, trace, batch)

    def read_trace(self) -> Trace:
        """Return the trace that the Variables hold, in the layout of the mode."""
        entries = {k: getattr(self, k).value for k in self.trace_names}
        return self._to_trace(entries)

    def write_trace(self, trace: Trace) -> None:
        """Write a trace into the Variables, in the layout of the mode."""
        for name, value in self._to_variables(trace).items():
            getattr(self, name).value = value

    def update(self, x: Array) -> Array:
        """Advance cell and trace by one time step and return the cell's output."""
        cell = self.cell
        cell.check_run()
        step = jax.vmap(self.step_trace, (None, 0, 0, 0)) if cell.is_batched else self.step_trace
        state, trace = step(cell.params(), cell.state.value, cell.take_input(x), self.read_trace())
        cell.set_state(state)
        cell.observe(x)
        self.write_trace(trace)
        return cell.z.value

    def reset_state(self, batch_size: int | None = None) -> None:
        """Restart cell and trace."""
        self.cell.reset_state(batch_size)
        for name, value in self._start().items():
            getattr(self, name).value = value

    def _prepare(self) -> None:
        """Find out about the cell what the algorithm needs to know; nothing by default."""

    def _start(self) -> dict[str, Array]:
        def one(state: Array) -> dict[str, Array]:
            return self.named(self.init_trace(self.cell.params(), state))

        return self._over_batch(one)(self.cell.state.value)

    def _over_batch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``function`` of one sample as one of what the Variables hold."""
        return jax.vmap(function) if self.cell.is_batched else function

    @functools.cached_property
    def _to_variables(self) -> Callable[[Any], Any]:
        return self._compiled("named")

    @functools.cached_property
    def _to_trace(self) -> Callable[[Any], Any]:
        return self._compiled("unnamed")

    def _compiled(self, name: str) -> Callable[[Any], Any]:
        """Return what ``_over_batch`` does, compiled: a stream calls it after each window."""

        def run(tree: Any) -> Any:
            # vmap wants something to map over
            batched = self.cell.is_batched and jax.tree.leaves(tree)
            return jax.vmap(convert)(tree) if batched else convert(tree)

        convert: Callable[[Any], Any] = getattr(self, name)
        return _programs.find((name, self), lambda: _programs.Program(run))


class ForwardGradient(GradientAlgorithm, abc.ABC):
    """A gradient whose trace moves forward with the state, so that it is there at every step."""

    @abc.abstractmethod
    def contract(self, trace: Trace, dl_ds: Array) -> Params:
        """Return the gradient of one step's loss by what ``step`` reads; pure.

        Parameters
        ----------
        trace : Trace
            Of one sample, after the step.
        dl_ds : Array
            Derivative of the loss by the state after the step, ``(S,)``.
        """

    def step_and_contract(
        self, params: Params, state: Array, x: Any, trace: Trace, dl_ds: Array
    ) -> tuple[Trace, Params]:
        """Return the trace after the step and its contraction with ``dl_ds``; pure.

        It may be overridden where the two together cost less than one after the other.
        """
        _, trace = self.step_trace(params, state, x, trace)
        return trace, self.contract(trace, dl_ds)

    def window(
        self,
        params: Params,
        state: Array,
        trace: Trace,
        xs: Any,
        targets: Any,
        loss: StepLoss,
    ) -> Window:
        """Scan ``step_and_contract``; memory does not grow with time."""
        slope = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)

        def body(carry, now):  # type: ignore[no-untyped-def]
            state, trace, total, grads = carry
            x, target = now
            new = self.cell.step(params, state, x)
            (value, z), (direct, dl_ds) = slope(params, new, target)
            trace, through = self.step_and_contract(params, state, x, trace, dl_ds)
            grads = {k: grads[k] + g + through.get(k, 0) for k, g in direct.items()}
            return (new, trace, total + value, grads), z

        def one(state, trace, xs, targets):  # type: ignore[no-untyped-def]
            zero = jnp.zeros((), state.dtype)
            start = state, trace, zero, jax.tree.map(jnp.zeros_like, params)
            return jax.lax.scan(body, start, (xs, targets))

        (state, trace, total, grads), zs = over_samples(one)(state, trace, xs, targets)
        grads = jax.tree.map(lambda g: g.mean(0), grads)
        return Window(total.mean(), grads, zs, state, trace)


def over_samples(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` of one sample as one of a batch.

    A batch of one is not mapped over: XLA 0.10 multiplies matrices on the CPU more slowly where
    there is a batch axis, even of one.
    """

    def mapped(*args: Any) -> Any:
        if jax.tree.leaves(args)[0].shape[0] > 1:
            return jax.vmap(function)(*args)
        out = function(*jax.tree.map(lambda v: v.reshape(v.shape[1:]), args))
        return jax.tree.map(lambda v: v.reshape(1, *v.shape), out)

    return mapped


def initial_influence(cell: Cell, params: Params, state: Array) -> Influences:
    """Return p before the first step: zero, or the derivative of a learnt initial state."""
    if not cell.trains_start:
        return cell.influence.zeros(state.dtype)
    start = jax.jacrev(cell.initial_state)(params)
    return cell.influence.taps.gather({k: start[k] for k in cell.param_names})
