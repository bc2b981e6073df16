"""Any BrainPy system as a cell."""

import math
from collections.abc import Sequence
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.cells._base import Cell
from bp_rnn.cells._continuous import require_dt
from bp_rnn.cells._frozen import Frozen
from bp_rnn.cells._layout import COUNT, layout
from bp_rnn.cells._system import Generator, System, runner_time, takes_input
from bp_rnn.typing import Array, Input, Params

#: Letters of BrainPy's message that are passed on.
LONGEST = 160


class BrainPyCell(Cell):
    """A cell made of a ``bp.DynamicalSystem``; build it with :func:`from_brainpy`.

    A step is what ``bp.DSRunner`` does: ``bp.share`` holds ``t``, ``i`` and ``dt``, the system is
    called, and ``clear_input`` after it. The state of one sample is one vector, which holds

    - every Variable of floating point that is not trained and not cleared, raveled and joined;
    - what the system returns, unless that is one of the Variables. This keeps gradients exact
      whatever the system computes after its state;
    - Variables of another type: booleans as 0 and 1, whole numbers and the keys of random
      generators in pieces of 16 bits, which single precision takes exactly. Gradients through
      them are zero;
    - where the system reads them, the time at the start and the number of the next step.

    Random numbers that are drawn inside ``update``: a run on ``Input`` with a key
    (:meth:`inputs`) draws them from that key, as trainers do; a run on plain inputs from the
    generator's key in the state, so that it draws what BrainPy would; and :meth:`update` from
    BrainPy's own generator, so that ``bp.DSRunner`` gives the same numbers with the cell as with
    the system.

    Attributes
    ----------
    system : bp.DynamicalSystem
        The wrapped system. Its ``TrainVar`` are the parameters, so training changes it in place;
        its other Variables follow the state at every update.
    reads_time : bool
        Whether the system reads the time or the number of the step.
    dt : float
        BrainPy's at construction, where the system reads it, else one: then it is a map.
    """

    rowwise = False

    def __init__(
        self, system: bp.DynamicalSystem, shape: tuple[int, ...], output: str | None = None
    ) -> None:
        dt = bm.get_dt()
        self._called = System(system, shape, dt, output)
        self._layout = layout(self._called)
        size, num_out = self._layout.size, self._layout.num_out
        super().__init__(
            max(1, math.prod(shape)),
            size,
            num_hidden=None if num_out == size else num_out,
            mode=system.mode,
        )
        self.num_in, self.system = math.prod(shape), system
        self.dt = dt if self._layout.reads_dt else 1.0
        self.is_noisy = self._layout.is_noisy
        self._trained = _flat_names(self._called.trained, set(dir(self)))
        self.param_names = tuple(self._trained)
        self._views: dict[Any, Cell] = {}
        self.reads_time = self._layout.time_start is not None
        self._adopt()
        for variable in {id(v): v for v in (self.state, self.z)}.values():
            variable.restore_value(variable.value.astype(self._called.dtype))
        if self.is_batched and self._called.batch() is None:
            self.reset_state()
        else:
            self._show(self._read())

    def step(self, params: Params, state: Array, x: Any) -> Array:
        """Call the system once, with ``params`` and ``state`` in place of its own values."""
        x, key, time = (x.x, x.key, x.time) if isinstance(x, Input) else (x, None, None)
        called, batch = self._called, (1,) * self._called.takes_batch
        held = self._held(state)
        if key is not None:
            for n, name in enumerate(self._generators):
                held[name] = jax.random.key_data(jax.random.fold_in(key, n))
        time = self._time(state) if time is None else time
        found = called.call(
            [params[k] for k in self._trained],
            [held[k] for k in called.held],
            x.reshape(*batch, *called.shape),
            (jnp.asarray(time[0], state.dtype), jnp.asarray(time[1], int)),
        )
        return self._pack(called.sample(found.values), found.output, time, state.dtype)

    def hidden(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return what the system returned at the last call."""
        return state[self._layout.out_start : self._layout.out_start + self.num_out]

    def initial_state(self, params: Params) -> Array:
        """Return the state after the system's own ``reset``; an appended output starts at zero."""
        called = self._called
        trained = [params[k] for k in self._trained] if params else None
        batch = 1 if called.takes_batch else None
        values = called.one(called.after(lambda: called.reset(batch), trained))
        one = [
            v[0] if called.is_batched(k) else v for k, v in zip(called.held, values, strict=True)
        ]
        return self._pack(one, [], None, self.state.dtype)

    def frozen(self, t: float | None = None) -> Cell:
        """Return the map of one step at time ``t`` as a cell.

        Its state is what is floating point, changed by a step and read by a later one; all else,
        such as a spike, is as after a reset.

        Raises
        ------
        ValueError
            If the system reads the time and ``t`` is None, or if one step is no map of its own:
            the system draws random numbers, counts its steps, or has no such memory.
        """
        name, plan = type(self.system).__name__, self._layout
        if self.is_noisy:
            raise ValueError(f"system {name} draws random numbers: it can't be analysed with noise")
        if plan.counts:
            raise ValueError(
                f"system {name} reads the number of the step (bp.share['i']), as delays do: one "
                "step is no map of its state"
            )
        if self.reads_time and t is None:
            raise ValueError(f"t must be given: system {name} reads the time (bp.share['t'])")
        if not plan.memory:
            raise ValueError(f"system {name} has no state that a later step depends on")
        if len(plan.memory) == self.size:
            return self
        held = self.initial_state({})
        if plan.time_start is not None:
            t = _check.number("t", t)
            held = held.at[plan.time_start :].set(0).at[plan.time_start].set(t)
        key = (t if self.reads_time else None, np.asarray(held).tobytes())
        if key not in self._views:
            self._check_switches(held)
            self._views = dict([*self._views.items(), (key, Frozen(self, plan.memory, held))][-8:])
        return self._views[key]

    @property
    def carried(self) -> tuple[str, ...]:
        """Names of the Variables that a state holds, dotted, and of random generators."""
        return tuple(self._layout.parts)

    def value_of(self, state: Array, name: str) -> Array:
        """Return the value ``(..., *shape)`` of a Variable in states ``(..., S)``.

        Raises
        ------
        ValueError
            If it is not one of :attr:`carried`.
        """
        _check.choice("name", name, self.carried)
        return self._layout.parts[name].unpack(state[..., self._layout.slice(name)])

    def train_params(self) -> dict[str, bm.TrainVar]:
        """Return the system's own ``TrainVar``.

        Nested names are joined by an underscore, and by more where two would be the same.
        """
        return self._trained

    def set_state(self, value: Array) -> None:
        """Write the state here and into the Variables of the system."""
        self._show(value)
        self._write(value)

    def take_input(self, x: Array) -> Any:
        """Return what ``step`` takes for the input of one time step, with a runner's time."""
        value, time = self.as_input(x), runner_time() if self.reads_time else None
        if time is None:
            return value
        t, i = (jnp.broadcast_to(v, value.shape[:-1]) for v in time)
        return Input(value, time=(t, i))

    def check_run(self) -> None:
        """Refuse a run with another time step than BrainPy's was at construction, if it is read.

        Raises
        ------
        ValueError
            If ``bm.get_dt()``, which ``DSRunner(dt=...)`` sets, differs from ``dt``.
        """
        if self._layout.reads_dt:
            require_dt(self)

    def update(self, x: Array | None = None) -> Array:
        """Call the system on its own Variables, as ``bp.DSRunner`` does; return the output.

        Within a ``DSRunner`` its time counts, else that of the state. Inputs that a ``DSRunner``
        adds to Variables which are cleared at each step reach the system.
        """
        self.check_run()
        state = self.state.value
        x = self.as_input(jnp.zeros((*state.shape[:-1], 0)) if x is None else x)
        self._write(state)
        time = runner_time() if self.reads_time else None
        if time is None:
            time = self._time(state[0] if self.is_batched else state)
        output, _ = self._called.run(x.reshape(*x.shape[:-1], *self._called.shape), time)
        self._show(self._read(output, time))
        return self.z.value

    def reset_state(self, batch_size: int | None = None) -> None:
        """Reset the system, with the size of a new batch where it takes batches."""
        self.check_precision()
        if self.is_batched and batch_size is None:
            batch_size = self.state.shape[0]
        self._called.reset(batch_size if self.is_batched else None)
        self._show(self._read())

    @property
    def _generators(self) -> list[str]:
        return [k for k in self._layout.parts if isinstance(self._called.held[k], Generator)]

    def _check_switches(self, held: Array) -> None:
        """Refuse an analysis of a system in which more than numbers goes on at rest."""
        if not self._layout.switches:
            return
        new = self.step(self.params(), held, jnp.zeros(self.num_in, held.dtype))
        for name in self._layout.switches:
            place = self._layout.slice(name)
            if not np.array_equal(new[place], held[place]):
                raise ValueError(
                    f"Variable {name!r} of system {type(self.system).__name__} is another one "
                    "after each step and no floating point number: one step is no map of its state"
                )

    def _adopt(self) -> None:
        """Make Variables attributes of the cell, where the names are free: monitors find them."""
        for name, holder in {**self._trained, **self._called.held}.items():
            if "." not in name and isinstance(holder, bm.Variable) and not hasattr(self, name):
                setattr(self, name, holder)

    def _time(self, state: Array) -> tuple[Array, Array]:
        """Return time and number of the next step, as a ``DSRunner`` counts them."""
        start = self._layout.time_start
        if start is None:
            return jnp.zeros((), state.dtype), jnp.zeros((), int)
        count = COUNT.unpack(state[start + 1 :])
        return (state[start] + count * self._called.dt).astype(state.dtype), count

    def _held(self, state: Array) -> dict[str, Array]:
        """Return the values of all Variables that are not trained, of one sample."""
        found, exact = {}, state.dtype == self._called.dtype
        for name, holder in self._called.held.items():
            if name in self._layout.parts:
                value = self._layout.parts[name].unpack(state[self._layout.slice(name)], exact)
                found[name] = value[None] if self._called.is_batched(name) else value
            elif name in self._layout.idle:
                value = self._layout.idle[name]
                is_float = jnp.issubdtype(value.dtype, jnp.floating)
                found[name] = value if exact or not is_float else value.astype(state.dtype)
            else:  # a generator that is never drawn from
                found[name] = jax.random.key_data(holder.value)
        return found

    def _pack(
        self, values: Sequence[Array], output: Sequence[Array], time: Any, dtype: Any
    ) -> Array:
        """Return the state of one sample."""
        held, plan = dict(zip(self._called.held, values, strict=True)), self._layout
        floats = [k for k, p in plan.parts.items() if p.is_float]
        entries = [plan.parts[k].pack(held[k], dtype) for k in floats]
        if plan.appends:
            entries += [v.reshape(-1).astype(dtype) for v in output] or [
                jnp.zeros(plan.num_out, dtype)
            ]
        entries += [p.pack(held[k], dtype) for k, p in plan.parts.items() if k not in floats]
        if plan.time_start is not None:
            t, count = (0.0, -1) if time is None else time
            start = t - count * self._called.dt if time is not None else 0.0
            entries.append(jnp.asarray(start, dtype).reshape(1))
            entries.append(COUNT.pack(jnp.asarray(count + 1, jnp.int32), dtype))
        return jnp.concatenate(entries)

    def _read(self, output: Sequence[Array] = (), time: Any = None) -> Array:
        """Return the state that the Variables of the system hold."""
        called, dtype = self._called, self._called.dtype
        values = called.values()

        def pack(values: Any, output: Any) -> Array:
            return self._pack(values, output, time, dtype)

        if not self.is_batched:
            return pack(values, output)
        axes = [0 if called.is_batched(k) else None for k in called.held]
        size = called.batch() or (len(output[0]) if output else self.state.shape[0])
        return jax.vmap(pack, (axes, 0), axis_size=size)(values, list(output))

    def _write(self, state: Array) -> None:
        """Write the Variables that are carried; generators go on by themselves."""
        for name, part in self._layout.parts.items():
            if name in self._generators:
                continue
            value = part.unpack(state[..., self._layout.slice(name)])
            shared = self.is_batched and not self._called.is_batched(name)
            self._called.write(name, value[0] if shared else value)

    def _show(self, state: Array) -> None:
        super().set_state(state)


def from_brainpy(
    system: bp.DynamicalSystem,
    num_in: int | Sequence[int] | None = None,
    *,
    output: str | None = None,
) -> BrainPyCell:
    """Return a cell that runs and trains ``system``.

    Every algorithm and trainer then works on BrainPy's own models and on any user's class: its
    ``bm.TrainVar`` are the parameters, its other Variables the state. A run of the cell is what
    ``bp.DSRunner`` makes of the system, also where the system reads ``bp.share``, clears inputs,
    counts steps or draws random numbers; :class:`BrainPyCell` says how. RTRL takes the general
    path.

    Parameters
    ----------
    system : bp.DynamicalSystem
        Takes one array at each call, or none. BrainPy's RNN cells have parameters only in
        ``bm.TrainingMode``, e.g. ``bp.dyn.GRUCell(3, 20, mode=bm.TrainingMode(1))``.
    num_in : int or sequence of int, optional
        Features of the input, or the shape that the system takes and ``x`` is brought to; 0 for
        a system that is called without input. By default ``system.num_in``, else one for each
        unit (``system.varshape``).
    output : str, optional
        Name of the Variable that is the output (``'V'``, ``'inner.h'``). By default it is what
        the system returns, raveled and joined where that is no vector, and, for a system that
        returns nothing, all its Variables of floating point.

    Raises
    ------
    TypeError
        If ``system`` is no ``DynamicalSystem``.
    ValueError
        If ``num_in`` is not known, ``output`` is no Variable, or the system can't be called with
        such an input; the message ends with BrainPy's.
    """
    if not isinstance(system, bp.DynamicalSystem):
        raise TypeError(f"system must be a bp.DynamicalSystem, got {type(system).__name__}")
    shape = _input_shape(system, num_in)
    try:
        return BrainPyCell(system, shape, output)
    except Exception as error:
        if isinstance(error, ValueError) and str(error).startswith(("output ", "system ")):
            raise
        raise ValueError(_reason(system, shape, error)) from error


def _input_shape(system: bp.DynamicalSystem, num_in: Any) -> tuple[int, ...]:
    if num_in is None:
        num_in = getattr(system, "num_in", None)
    if num_in is None:
        num_in = getattr(system, "varshape", None) if takes_input(system) else 0
    if num_in is None:
        raise ValueError(f"num_in must be given: {type(system).__name__} has no attribute num_in")
    if not isinstance(num_in, Sequence):
        return (_check.integer("num_in", num_in, 0),)
    return tuple(_check.integer("num_in", n, 1) for n in num_in)


def _reason(system: bp.DynamicalSystem, shape: tuple[int, ...], error: Exception) -> str:
    said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    said = said if len(said) <= LONGEST else said[:LONGEST] + " ..."
    what = "without input" if shape == (0,) else f"on one input of shape {shape}"
    return f"system {type(system).__name__} can't be called {what}: {said}"


def _flat_names(trained: dict[str, bm.TrainVar], taken: set[str]) -> dict[str, bm.TrainVar]:
    """Return Variables by names without a dot, all different and none of those taken."""
    names: dict[str, str] = {}
    for dotted in sorted(trained, key=lambda k: (k.count("."), k)):
        glue, flat = "_", dotted.replace(".", "_")
        while flat in taken or flat in names.values():
            glue += "_"
            flat = dotted.replace(".", glue) if "." in dotted else flat + "_"
        names[dotted] = flat
    return {names[k]: v for k, v in trained.items()}
