"""Any BrainPy system as a cell."""

import math
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.cells._base import Cell
from bp_rnn.typing import Array, Params


class BrainPyCell(Cell):
    """A cell made of a ``bp.DynamicalSystem``; build it with :func:`from_brainpy`.

    The state of one sample is every Variable that is not trained, raveled and joined. What the
    system returns is the output; unless it is one of those Variables, it is appended to the
    state, which keeps gradients exact whatever the system computes after its state.

    Attributes
    ----------
    system : bp.DynamicalSystem
        The wrapped system. Its ``TrainVar`` are the parameters, so training changes it in place;
        its other Variables follow the state at every update.
    """

    rowwise = False

    def __init__(self, system: bp.DynamicalSystem, num_in: int) -> None:
        variables = system.vars(method="relative").unique()
        _require_float(variables)
        self._trained = {
            k.strip(".").replace(".", "_"): v
            for k, v in variables.items()
            if isinstance(v, bm.TrainVar)
        }
        self._parts = [v for v in variables.values() if not isinstance(v, bm.TrainVar)]
        if not self._parts:
            raise ValueError(f"system {system.name} has no state: all its Variables are TrainVar")
        self._shapes = [_sample_shape(v) for v in self._parts]
        self._takes_batch = isinstance(system.mode, bm.BatchingMode)
        self._raw_size = sum(math.prod(s) for s in self._shapes)
        num_out, self._output_start = self._find_output(system, num_in)
        self._appends_output = self._output_start == self._raw_size
        size = self._raw_size + num_out * self._appends_output
        super().__init__(
            num_in, size, num_hidden=None if num_out == size else num_out, mode=system.mode
        )
        self.system = system
        self.param_names = tuple(self._trained)
        start = self.initial_state({})
        super().set_state(jnp.broadcast_to(start, self.state.shape))

    def step(self, params: Params, state: Array, x: Array) -> Array:
        """Call the system once, with ``params`` and ``state`` in place of its own values."""
        new, out, _ = self._call(self.system, params, state, x)
        return jnp.concatenate([new, out]) if self._appends_output else new

    def hidden(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return what the system returned at the last call."""
        return state[self._output_start : self._output_start + self.num_out]

    def initial_state(self, params: Params) -> Array:  # noqa: ARG002
        """Return the state after the system's own ``reset``; an appended output starts at zero."""
        kept = [v.value for v in self._variables]
        try:
            self.system.reset(*((1,) if self._takes_batch else ()))
            state = self._read()
        finally:
            self._restore(kept)
        return jnp.pad(state, (0, self.size - self._raw_size))

    def train_params(self) -> dict[str, bm.TrainVar]:
        """Return the system's own ``TrainVar``; nested names are joined by an underscore."""
        return self._trained

    def set_state(self, value: Array) -> None:
        """Write the state here and into the Variables of the system."""
        super().set_state(value)
        self._write(value)

    @property
    def _variables(self) -> list[bm.Variable]:
        return [*self._trained.values(), *self._parts]

    def _call(
        self, system: bp.DynamicalSystem, params: Params, state: Array, x: Array
    ) -> tuple[Array, Array, int]:
        """Return the new state, the output and its place; every Variable is left as it was."""
        kept = [v.value for v in self._variables]
        try:
            for name, variable in self._trained.items():
                variable.value = params[name]
            self._write(state[None] if self._takes_batch else state)
            out = system(x[None] if self._takes_batch else x)
            place = self._place_of(out)
            out = bm.as_jax(out)
            return self._read(), out[0] if self._takes_batch else out, place
        finally:
            self._restore(kept)

    def _find_output(self, system: bp.DynamicalSystem, num_in: int) -> tuple[int, int]:
        """Return the size of the output, and where in the state it starts."""
        _check.integer("num_in", num_in, 1)
        place = self._raw_size

        def probe(params: Params, state: Array, x: Array) -> Array:
            nonlocal place
            _, out, place = self._call(system, params, state, x)
            return out

        params = {k: v.value for k, v in self._trained.items()}
        dtype = self._parts[0].dtype
        state = jax.ShapeDtypeStruct((self._raw_size,), dtype)
        out = jax.eval_shape(probe, params, state, jax.ShapeDtypeStruct((num_in,), dtype))
        if out.ndim != 1:
            raise ValueError(f"system must return one vector a sample, got shape {out.shape}")
        return out.shape[0], place

    def _place_of(self, out: Any) -> int:
        """Return where in the state the Variable starts whose value ``out`` is, else the end."""
        start = 0
        for variable, shape in zip(self._parts, self._shapes, strict=True):
            if out is variable or bm.as_jax(out) is variable.value:
                return start
            start += math.prod(shape)
        return start

    def _read(self) -> Array:
        return jnp.concatenate([v.value.reshape(-1) for v in self._parts])

    def _write(self, state: Array) -> None:
        start = 0
        for variable, shape in zip(self._parts, self._shapes, strict=True):
            stop = start + math.prod(shape)
            part = state[..., start:stop].reshape(*state.shape[:-1], *shape)
            variable.value = part.astype(variable.dtype)
            start = stop

    def _restore(self, values: list[Array]) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            variable.value = value


def from_brainpy(system: bp.DynamicalSystem, num_in: int | None = None) -> BrainPyCell:
    """Return a cell that runs and trains ``system``.

    Every algorithm and trainer then works on BrainPy's own cells and on any user's class: its
    ``bm.TrainVar`` are the parameters, its other Variables the state. RTRL takes the general path.

    Parameters
    ----------
    system : bp.DynamicalSystem
        Takes a vector of ``num_in`` features at each call and returns a vector. BrainPy's cells
        have parameters only in ``bm.TrainingMode``, e.g.
        ``bp.dyn.GRUCell(3, 20, mode=bm.TrainingMode(1))``.
    num_in : int, optional
        Features of the input; ``system.num_in`` by default.

    Raises
    ------
    TypeError
        If ``system`` is no ``DynamicalSystem``, or one of its Variables is not floating point
        (a counter, a random key): such a state cannot be differentiated.
    ValueError
        If ``num_in`` is not known, or the system has no state.
    """
    if not isinstance(system, bp.DynamicalSystem):
        raise TypeError(f"system must be a bp.DynamicalSystem, got {type(system).__name__}")
    known = getattr(system, "num_in", None) if num_in is None else num_in
    if known is None:
        raise ValueError(f"num_in must be given: {type(system).__name__} has no attribute num_in")
    return BrainPyCell(system, known)


def _require_float(variables: dict[str, bm.Variable]) -> None:
    for name, variable in variables.items():
        if not jnp.issubdtype(variable.dtype, jnp.floating):
            raise TypeError(
                f"system has a Variable {name!r} of dtype {variable.dtype}; only floating point "
                "ones can be part of a state that is differentiated"
            )


def _sample_shape(variable: bm.Variable) -> tuple[int, ...]:
    if variable.batch_axis not in (None, 0):
        raise ValueError(f"batch axis of every Variable must be 0, got {variable.batch_axis}")
    return tuple(variable.shape[1:] if variable.batch_axis == 0 else variable.shape)
