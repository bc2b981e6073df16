"""A BrainPy system as a function of the values of its Variables."""

import contextlib
import inspect
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
from brainstate import StateTraceStack

from bp_rnn.typing import Array

Generator = bm.random.RandomState
Holder = bm.Variable | Generator


class Called(NamedTuple):
    """What one call of a system gave.

    Attributes
    ----------
    values : list of Array
        Of every Variable that is not trained, after the call.
    output : list of Array
        What was returned, its leaves; empty for None.
    name : str or None
        The Variable whose value was returned, where it was one.
    """

    values: list[Array]
    output: list[Array]
    name: str | None


class System:
    """A system that is called on values that stand in for those of its Variables.

    It is called as ``bp.DSRunner`` does: ``bp.share`` holds the time, the number of the step and
    ``dt``, and afterwards ``clear_input`` is called on every part.

    Parameters
    ----------
    target : bp.DynamicalSystem
        The system. Nothing in it is changed by :meth:`call`.
    shape : tuple of int
        Shape of the input of one sample; ``(0,)`` for a system that takes none.
    dt : float
        Time of one step.
    output : str, optional
        The Variable that counts as returned.

    Attributes
    ----------
    trained : dict
        Its ``TrainVar`` by their dotted names.
    held : dict
        Its other Variables, and the generators of random numbers that it draws from.
    takes_batch : bool
        Whether it is in a batching mode.
    dtype : dtype
        The widest floating point type of its Variables, single precision at least.
    """

    def __init__(
        self,
        target: bp.DynamicalSystem,
        shape: tuple[int, ...],
        dt: float,
        output: str | None = None,
    ) -> None:
        self.target, self.shape, self.dt, self.output = target, shape, dt, output
        self.takes_batch = isinstance(target.mode, bm.BatchingMode)
        found = {k.strip("."): v for k, v in target.vars(method="relative").unique().items()}
        self.dtype = _widest([v.dtype for v in found.values()])
        self.trained = {k: v for k, v in found.items() if isinstance(v, bm.TrainVar)}
        self.held: dict[str, Holder] = {k: v for k, v in found.items() if k not in self.trained}
        if output is not None and output not in self.held:
            known = ", ".join(self.held) or "none"
            raise ValueError(f"output must be one of {known}, got {output!r}")
        self.held |= self._hidden()

    def call(
        self,
        trained: Sequence[Array],
        held: Sequence[Array],
        x: Array,
        time: Any,
        dt: Array | None = None,
    ) -> Called:
        """Call the system once; every Variable is left as it was.

        Parameters
        ----------
        trained, held : sequence of Array
            Values in the order of the attributes. Where the system takes batches they have a
            batch of one, and so has ``x``.
        x : Array
            Input of the shape ``shape``.
        time : tuple
            Time and number of the step.
        dt : Array, optional
            Stands in for ``dt``.
        """
        with self._kept():
            for variable, value in zip(self.trained.values(), trained, strict=True):
                variable.restore_value(value)
            for holder, value in zip(self.held.values(), held, strict=True):
                self._put(holder, value)
            output, name = self.run(x, time, dt)
            return Called(self.values(), output, name)

    def run(self, x: Array, time: Any, dt: Array | None = None) -> tuple[list[Array], str | None]:
        """Call the system once, on the Variables as they are, and change them."""
        bp.share.save(t=time[0], i=time[1], dt=self.dt if dt is None else dt)
        out = self.target(x) if self.shape != (0,) else self.target()
        if self.output is not None:
            out = self.held[self.output].value
        leaves = jax.tree.leaves(out, is_leaf=lambda v: isinstance(v, bm.Array))
        found = [jnp.asarray(bm.as_jax(v)) for v in leaves], self._name_of(out)
        bp.clear_input(self.target)
        return found

    def reset(self, batch: int | None = None) -> None:
        """Reset the system as ``bp.DSRunner`` does: with the size of the batch, or None."""
        nodes = self.target.nodes().subset(bp.DynamicalSystem).unique().values()
        takes = all(_takes_one(node.reset_state) for node in nodes)
        self.target.reset(*((batch,) if takes or self.takes_batch else ()))

    def after(self, action: Any, trained: Sequence[Array] | None = None) -> list[Array]:
        """Return what the Variables hold after ``action()``; they are left as they were."""
        with self._kept():
            for variable, value in zip(self.trained.values(), trained or (), strict=False):
                variable.restore_value(value)
            action()
            return self.values()

    def cleared(self, *held: Array) -> list[Array]:
        """Return the values after ``clear_input``."""
        with self._kept():
            for holder, value in zip(self.held.values(), held, strict=True):
                self._put(holder, value)
            bp.clear_input(self.target)
            return self.values()

    def values(self) -> list[Array]:
        """Return the values of ``held``, with batches in front and keys as whole numbers."""
        return [self._get(holder) for holder in self.held.values()]

    def write(self, name: str, value: Array) -> None:
        """Write a value of ``held``, in the form of :meth:`values`."""
        self.held[name].value = self._own_form(self.held[name], value)

    def is_batched(self, name: str) -> bool:
        """Whether a Variable of ``held`` has a value for each sample."""
        return self._batch_axis(self.held[name]) is not None

    def one(self, values: Sequence[Array]) -> list[Array]:
        """Return values of ``held`` as those of a batch of one, where there are batches."""
        return [v[:1] if self.is_batched(k) else v for k, v in zip(self.held, values, strict=True)]

    def sample(self, values: Sequence[Array]) -> list[Array]:
        """Return values of ``held`` as those of the first sample."""
        return [v[0] if self.is_batched(k) else v for k, v in zip(self.held, values, strict=True)]

    def batch(self) -> int | None:
        """Return the size of the batch in the Variables; None where they have none or disagree."""
        sizes = {
            len(v) for k, v in zip(self.held, self.values(), strict=True) if self.is_batched(k)
        }
        return sizes.pop() if len(sizes) == 1 else None

    def _batch_axis(self, holder: Holder) -> int | None:
        return getattr(holder, "batch_axis", None) if self.takes_batch else None

    def _get(self, holder: Holder) -> Array:
        value, axis = holder.value, self._batch_axis(holder)
        if _is_key(value):
            return jax.random.key_data(value)
        return jnp.moveaxis(value, axis, 0) if axis else value

    def _put(self, holder: Holder, value: Array) -> None:
        holder.restore_value(self._own_form(holder, value))

    def _own_form(self, holder: Holder, value: Array) -> Array:
        axis = self._batch_axis(holder)
        if _is_key(holder.value):
            return jax.random.wrap_key_data(value, impl=jax.random.key_impl(holder.value))
        return jnp.moveaxis(value, 0, axis) if axis else value

    def _name_of(self, out: Any) -> str | None:
        for name, holder in self.held.items():
            if out is holder or (
                isinstance(out, bm.Array | Array) and bm.as_jax(out) is holder.value
            ):
                return name
        return None

    def _hidden(self) -> dict[str, Holder]:
        """Find what a call reads or writes and ``vars()`` does not name, generators above all."""
        batch = (1,) if self.takes_batch else ()
        known = {id(v) for v in (*self.trained.values(), *self.held.values())}
        found: dict[str, Any] = {}

        def probe(x: Array, time: Any) -> None:
            with self._kept() as stack:
                for holder, value in zip(self.held.values(), self.one(self.values()), strict=True):
                    self._put(holder, value)
                self.run(x, time)
                for holder, value in zip(stack.states, stack.original_state_values, strict=True):
                    made_here = isinstance(value, jax.core.Tracer)
                    if id(holder) not in known and not made_here:
                        kind = "random" if isinstance(holder, Generator) else "hidden"
                        found[f"{kind}_{len(found)}"] = holder

        x = jax.ShapeDtypeStruct((*batch, *self.shape), self.dtype)
        jax.eval_shape(probe, x, (jnp.zeros((), self.dtype), 0))
        return found

    @contextlib.contextmanager
    def _kept(self) -> Iterator[Any]:
        """Put back everything that is changed meanwhile.

        A trace of BrainPy's own is open, without which a generator refuses a traced key.
        """
        mine = [*self.trained.values(), *getattr(self, "held", {}).values()]
        kept = [v.value for v in mine]
        shared = {k: bp.share.load(k) for k in ("t", "i", "dt")}
        with StateTraceStack() as stack:
            try:
                yield stack
            finally:
                for holder, value in zip(stack.states, stack.original_state_values, strict=True):
                    holder.restore_value(value)
                for holder, value in zip(mine, kept, strict=True):
                    holder.restore_value(value)
                bp.share.save(**shared)


def takes_input(target: bp.DynamicalSystem) -> bool:
    """Whether ``update`` can be called with one argument."""
    return _takes_one(type(target).update, target)


def runner_time() -> tuple[Array, Array] | None:
    """Return time and number of the step if a ``bp.DSRunner`` is at it right now, else None.

    After a run BrainPy leaves the last ones of its trace behind, which nobody may use.
    """
    t, i = bp.share.load("t"), bp.share.load("i")
    now = jnp.zeros(()) + 0
    if not (isinstance(i, jax.core.Tracer) and isinstance(now, jax.core.Tracer)):
        return None
    return (t, i) if getattr(i, "_trace", None) is getattr(now, "_trace", i) else None


def _widest(dtypes: Sequence[Any]) -> Any:
    floats = [d for d in dtypes if jnp.issubdtype(d, jnp.inexact)]
    return jnp.finfo(jnp.result_type(*(floats or [bm.float_]), jnp.float32)).dtype


def _is_key(value: Any) -> bool:
    return bool(jnp.issubdtype(value.dtype, jax.dtypes.prng_key))


def _takes_one(function: Any, *first: Any) -> bool:
    try:
        inspect.signature(function).bind(*first, None)
    except TypeError:
        return False
    return True
