"""What a wrapped system carries from step to step, and where it stands in the state."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.cells._parts import Part
from bp_rnn.cells._system import Called, Generator, System
from bp_rnn.functional.dependence import dependence
from bp_rnn.typing import Array

#: The number of the next step.
COUNT = Part("i", (), jnp.dtype("int32"))


@dataclass(frozen=True)
class Layout:
    """The places of everything in a state.

    First come the Variables of floating point, in the system's order; then what is returned,
    where it is no Variable; then the other Variables and the generators; then the time at the
    start and the number of the next step, where they are read.

    Attributes
    ----------
    parts : dict
        The Variables that are carried, by name.
    starts : dict
        Where each of them begins.
    num_out, out_start : int
        Length and place of the output.
    appends : bool
        Whether the output is no Variable.
    time_start : int or None
        Where the time is.
    size : int
        Length of the state.
    idle : dict
        Values of the Variables that are the same before every step: inputs that are cleared.
    memory : tuple of int
        Entries of floating point that are changed and that a later step depends on.
    switches : tuple of str
        Variables of another type that are changed and that the memory depends on.
    counts : bool
        Whether the number of the step is read, and not the time alone.
    is_noisy : bool
        Whether a call draws random numbers.
    reads_dt : bool
        Whether the time step makes a difference.
    """

    parts: dict[str, Part]
    starts: dict[str, int]
    num_out: int
    out_start: int
    appends: bool
    time_start: int | None
    size: int
    idle: dict[str, Array]
    memory: tuple[int, ...]
    switches: tuple[str, ...]
    counts: bool
    is_noisy: bool
    reads_dt: bool

    def slice(self, name: str) -> slice:
        """Return the entries of a Variable."""
        return slice(self.starts[name], self.starts[name] + self.parts[name].size)


class _Probe:
    """A call of a system, traced: what it returns, and what each value depends on."""

    def __init__(self, system: System) -> None:
        self.names = list(system.held)
        trained = [v.value for v in system.trained.values()]
        held = system.one(system.values())
        x = _input(system)
        num, time = len(trained), (jnp.zeros((), system.dtype), jnp.zeros((), int))
        last: list[Called] = []

        def call(*args: Array) -> list[Array]:
            found = system.call(args[:num], args[num:-3], args[-1], (args[-3], args[-2]))
            last.append(found)
            return [*found.values, *found.output]

        held_args = [*trained, *held]
        found = dependence(call, *held_args, *time, x)
        self.output = [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in last[0].output]
        self.name = last[0].name
        self.reads_time = any(num + len(held) in r for r in found.reads)
        self.counts = any(num + len(held) + 1 in r for r in found.reads)
        places = range(num, num + len(held))
        self.changed = {k: s != p for k, p, s in zip(self.names, places, found.same, strict=False)}
        self.reads = {
            k: {j for j, place in zip(self.names, places, strict=True) if place in r}
            for k, r in zip(self.names, found.reads, strict=False)
            if self.changed[k]
        }

    def followed(self, names: Iterable[str]) -> set[str]:
        """Return all that the next values of these depend on, and on what those depend, ..."""
        found, new = set(), set(names)
        while new:
            found |= new
            new = set().union(*(self.reads.get(k, set()) for k in new)) - found
        return found


def layout(system: System) -> Layout:
    """Find what a system carries; it is traced, and only its ``reset`` is run.

    Raises
    ------
    TypeError, ValueError
        If a Variable is of a type that can't be carried, or there is nothing to return.
    """
    probe = _Probe(system)
    idle = _idle(system) if system.held else {}
    drawn = {k for k in probe.names if isinstance(system.held[k], Generator) and probe.changed[k]}
    kept = [
        k
        for k, holder in system.held.items()
        if k in drawn or (k not in idle and not isinstance(holder, Generator))
    ]
    parts = {k: _part(system, k) for k in kept}
    floats = [k for k in parts if parts[k].is_float]
    num_float = sum(parts[k].size for k in floats)
    # whole numbers in pieces are no output
    name = probe.name if probe.name in parts and parts[probe.name].is_whole else None
    appended = 0
    if name is None and probe.output:
        appended = sum(math.prod(_sample(system, v.shape)) for v in probe.output)
    starts, place = {}, 0
    for k in floats:
        starts[k], place = place, place + parts[k].size
    place += appended
    for k in [k for k in parts if k not in floats]:
        starts[k], place = place, place + parts[k].size
    timed = probe.reads_time or probe.counts
    read = set().union(*probe.reads.values())
    remembered = [k for k in floats if probe.changed[k] and k in read]
    memory = [np.arange(starts[k], starts[k] + parts[k].size) for k in remembered]
    moving = [k for k in probe.followed(remembered) if k in parts and probe.changed[k]]
    num_out = parts[name].size if name else appended or num_float
    if not num_out:
        raise ValueError(
            f"system {type(system.target).__name__} returns nothing and has no Variable of "
            "floating point that could be its output"
        )
    return Layout(
        parts=parts,
        starts=starts,
        num_out=num_out,
        out_start=starts[name] if name else num_float if appended else 0,
        appends=bool(appended),
        time_start=place if timed else None,
        size=place + (1 + COUNT.size) * timed,
        idle=idle,
        memory=tuple(int(i) for i in np.concatenate([np.zeros(0, int), *memory])),
        switches=tuple(k for k in moving if k not in floats and k not in drawn),
        counts=probe.counts,
        is_noisy=bool(drawn),
        reads_dt=timed or _reads_dt(system),
    )


def _reads_dt(system: System) -> bool:
    """Return whether a call depends on ``dt``; a system that can't take a traced one does."""
    trained = [v.value for v in system.trained.values()]
    held, x = system.one(system.values()), _input(system)

    def call(dt: Array) -> list[Array]:
        found = system.call(trained, held, x, (jnp.zeros((), system.dtype), 0), dt)
        return [*found.values, *found.output]

    try:
        return any(dependence(call, jnp.asarray(system.dt, system.dtype)).reads)
    except Exception:  # whatever BrainPy raises
        return True


def _input(system: System) -> Array:
    return jnp.zeros((*(1,) * system.takes_batch, *system.shape), system.dtype)


def _idle(system: System) -> dict[str, Array]:
    """Return what is cleared to the value that it has now and after a reset."""
    now = system.one(system.values())
    constant = [not r for r in dependence(system.cleared, *now).reads]
    cleared = system.cleared(*now)
    batch = 1 if system.takes_batch else None
    reset = system.one(system.after(lambda: system.reset(batch)))
    return {
        name: new
        for name, idle, new, *others in zip(system.held, constant, cleared, now, reset, strict=True)
        if idle and all(np.array_equal(new, v) for v in others)
    }


def _part(system: System, name: str) -> Part:
    (value,) = [v for k, v in zip(system.held, system.values(), strict=True) if k == name]
    if not any(jnp.issubdtype(value.dtype, k) for k in (jnp.inexact, jnp.bool_, jnp.integer)):
        raise TypeError(f"system has a Variable {name!r} of dtype {value.dtype}, no number")
    shape = value.shape[1:] if system.is_batched(name) else value.shape
    return Part(name, tuple(shape), value.dtype)


def _sample(system: System, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that what is returned has for one sample."""
    return shape[1:] if system.takes_batch and shape[:1] == (1,) else shape
