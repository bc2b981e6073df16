"""What an associative memory is: patterns, a state that moves towards one, and an energy."""

import abc
import functools
from collections.abc import Sequence
from typing import Any, TypedDict

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check, _programs
from bp_rnn._state import System
from bp_rnn.hopfield._settle import Moved, Retrieval, Settled, settle
from bp_rnn.hopfield.patterns import as_patterns, correlate
from bp_rnn.typing import Array, Params


class MemoryOptions(TypedDict, total=False):
    """The options of every memory; :class:`AssociativeMemory` says what they mean."""

    key: Array | int
    mode: bm.Mode | None
    name: str | None


class AssociativeMemory(System, abc.ABC):
    """Stores patterns and returns to the one that a probe resembles.

    A subclass gives the pure functions ``fields``, ``advance`` and ``energy_of`` of a batch.

    Parameters
    ----------
    num : int
        Units, N.
    levels, probe_levels : pair of float or None
        The two values of patterns, and of probes; None where they can have any.
    key : int or JAX key
        Seed of what a run draws at random; the same key gives the same run.
    mode : bm.Mode, optional
        BrainPy's computing mode; the current one by default.
    name : str, optional
        BrainPy's name of the object.

    Attributes
    ----------
    has_cycles : bool
        Whether steps may end in a cycle of two states.
    activity : float or None
        Mean of the patterns that it is made for; None for halfway between the levels.
    patterns : bm.Variable
        The fundamental memories, ``(M, num)``; M follows what is stored.
    state : bm.Variable
        ``(num,)``, or ``(batch, num)`` in a batching mode.
    overlap : bm.Variable
        Of the state with each pattern, ``(M,)`` or ``(batch, M)``.
    energy, flips, converged, cycle : bm.Variable
        Energy of the state; units that changed sides in the last step; whether nothing moved in
        it; whether it came back to where it was two steps ago. ``()`` or ``(batch,)``.
    """

    has_cycles: bool = False
    levels: tuple[float, float] | None
    activity: float | None = None
    patterns: bm.Variable
    state: bm.Variable
    overlap: bm.Variable
    energy: bm.Variable
    flips: bm.Variable
    converged: bm.Variable
    cycle: bm.Variable

    def __init__(
        self,
        num: int,
        *,
        levels: tuple[float, float] | None,
        probe_levels: tuple[float, float] | None,
        key: Array | int = 0,
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(mode=mode, name=name)
        self.num = _check.integer("num", num, 1)
        self.levels, self.probe_levels = levels, probe_levels
        self._key = _check.as_key(key)
        self.rng = bm.random.RandomState(jax.random.key_data(self._key))
        self.patterns = bm.Variable(jnp.zeros((0, self.num), bm.float_))
        self.state = bp.init.variable_(bm.zeros, (self.num,), self.mode)
        self._before = bp.init.variable_(bm.zeros, (self.num,), self.mode)
        batch = self.state.shape[:-1]
        axis = 0 if batch else None
        self.overlap = bm.Variable(jnp.zeros((*batch, 0), bm.float_), batch_axis=axis)
        self.energy = bm.Variable(jnp.zeros(batch, bm.float_), batch_axis=axis)
        self.flips = bm.Variable(jnp.zeros(batch, jnp.int32), batch_axis=axis)
        self.converged = bm.Variable(jnp.zeros(batch, bool), batch_axis=axis)
        self.cycle = bm.Variable(jnp.zeros(batch, bool), batch_axis=axis)

    @abc.abstractmethod
    def params(self) -> Params:
        """Return what the pure functions read, by name."""

    @abc.abstractmethod
    def fields(self, params: Params, state: Array) -> Any:
        """Return what a step needs of the states ``(batch, num)``; pure."""

    @abc.abstractmethod
    def advance(self, params: Params, state: Array, field: Any, key: Array) -> Moved:
        """Return the states one step later; pure."""

    @abc.abstractmethod
    def energy_of(self, params: Params, state: Array, field: Any) -> Array:
        """Return the energy ``(batch,)`` of states and their ``fields``; pure."""

    def output(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return what is compared with the patterns, ``(..., num)``; the state by default."""
        return state

    def state_of(self, output: Array) -> Array:
        """Return the state whose ``output`` this is, ``(..., num)``; pure."""
        return output

    def overlap_of(self, params: Params, patterns: Array, state: Array) -> Array:
        r"""Return :math:`m^\mu = \frac{1}{N} \sum_i x_i p_i^\mu`, shape ``(..., M)``; pure."""
        return correlate(self.output(params, state), patterns, self.num)

    def drive(self, params: Params, x: Array) -> Params:  # noqa: ARG002
        """Return the parameters under an input ``x`` to each unit."""
        raise ValueError(f"{type(self).__name__} takes no input, got one of shape {x.shape}")

    def store(self, patterns: Any) -> None:
        """Store one pattern ``(num,)``, or several ``(M, num)``, beside those that are there."""
        self.check_precision()
        new = as_patterns("patterns", patterns, self.num, self.levels)
        old = self.patterns.value
        self._learn(old, new)
        self._keep(np.concatenate([old, new]))

    def forget(self, index: int | Sequence[int]) -> None:
        """Forget patterns by their places in ``patterns``; those behind move up.

        Raises
        ------
        IndexError, TypeError
            If there is no such place, or ``index`` is neither an integer nor a list of them.
        """
        self.check_precision()
        num = self.patterns.shape[0]
        places = np.atleast_1d(np.asarray(index))
        if places.ndim != 1 or places.dtype.kind not in "iu":
            raise TypeError(f"index must be an integer or a list of them, got {index!r}")
        if not ((places >= -num) & (places < num)).all():
            raise IndexError(f"index must be below the {num} patterns stored, got {index}")
        gone = np.zeros(num, bool)
        gone[places] = True
        patterns = np.asarray(self.patterns.value)
        self._unlearn(jnp.asarray(patterns[~gone]), jnp.asarray(patterns[gone]))
        self._keep(patterns[~gone])

    def set_state(self, probe: Any) -> None:
        """Start from a probe ``(num,)`` or ``(batch, num)``.

        Raises
        ------
        TypeError, ValueError
            If it has another shape, is not finite, or holds other values than a unit can have.
        """
        self.check_precision()
        value = as_patterns("probe", probe, self.num, self.probe_levels)
        shape = np.shape(probe)
        if not self.is_batched and shape != (self.num,):
            raise ValueError(f"probe must have shape ({self.num},), got {shape}")
        self._write(value if self.is_batched else value[0])

    def reset_state(self, batch_size: int | None = None) -> None:
        """Turn every unit off (real ones to 0); ``batch_size`` sets a new batch, if batching."""
        self.check_precision()
        batch = self.state.shape[:-1] if batch_size is None else (batch_size,)
        shape = (*batch, self.num) if self.is_batched else (self.num,)
        low = 0.0 if self.probe_levels is None else self.probe_levels[0]
        self._write(jnp.full(shape, low, self.state.dtype))

    def update(self, x: Any = None) -> Array:
        """Advance by one step, with an input ``x`` to each unit, ``(num,)`` or a batch, if any."""
        self.check_precision()
        params = self.params()
        if x is not None:
            params = self.drive(params, jnp.asarray(bm.as_jax(x), self.state.dtype))
        state = jnp.atleast_2d(self.state.value)
        key = bm.as_jax(self.rng.split_key())
        moved = self.advance(params, state, self.fields(params, state), key)
        back = (moved.state == jnp.atleast_2d(self._before.value)).all(-1)
        cycle = self.has_cycles & moved.moving & back
        self._before.value = self.state.value
        self._observe(params, moved.state, moved.field)
        self._mark(moved.flips, ~moved.moving, cycle)
        return self.state.value

    def retrieve(self, probe: Any, *, num_step: int = 1000, key: Array | int = 0) -> Retrieval:
        """Return where a probe goes; changes nothing in the network.

        Parameters
        ----------
        probe : array
            ``(num,)``, or a batch ``(batch, num)`` whose members share the passes through W, and
            the order of updates.
        num_step : int
            Steps at most; it ends before at a fixed point or a two-cycle.
        key : int or JAX key
            Of the orders of updates, and of noise; the same key gives the same retrieval.

        Returns
        -------
        Retrieval

        Raises
        ------
        TypeError, ValueError
            As :meth:`set_state`.
        """
        self.check_precision()
        value = as_patterns("probe", probe, self.num, self.probe_levels)
        most = jnp.asarray(_check.integer("num_step", num_step, 1))
        params = self.params()
        settled, energy = self._retrieve(params, value, _check.as_key(key), most)
        overlap = self.overlap_of(params, self.patterns.value, settled.state)
        found = Retrieval(settled.state, overlap, energy, *settled[1:])
        return found if np.ndim(probe) == 2 else jax.tree.map(lambda v: v[0], found)

    def free_shapes(self, saved: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
        """Return the shapes that depend on how many patterns are saved."""
        patterns = saved.get("patterns", np.zeros(0))
        num = len(patterns) if patterns.ndim else 0
        return {"patterns": (num, self.num), "overlap": (*self.state.shape[:-1], num)}

    @property
    def is_batched(self) -> bool:
        """Whether the Variables carry a leading batch axis."""
        return isinstance(self.mode, bm.BatchingMode)

    def _learn(self, old: Array, new: Array) -> None:
        """Change the couplings, where there are some, for patterns that come."""

    def _unlearn(self, kept: Array, gone: Array) -> None:
        """Change the couplings, where there are some, for patterns that go."""

    def _keep(self, patterns: np.ndarray) -> None:
        # restore_value, because M changes and runners hold on to the Variables
        self.patterns.restore_value(jnp.asarray(patterns))
        shape = (*self.state.shape[:-1], len(patterns))
        self.overlap.restore_value(jnp.asarray(np.zeros(shape), bm.float_))
        self._write(self.state.value)

    def _write(self, state: Array) -> None:
        params, batch = self.params(), jnp.atleast_2d(state)
        self._before.value = jnp.full_like(state, jnp.nan)
        self.state.value = state
        self._observe(params, batch, self.fields(params, batch))
        never = jnp.zeros(len(batch), bool)
        self._mark(never, never, never)

    def _observe(self, params: Params, state: Array, field: Any) -> None:
        """Write states ``(batch, num)`` and what belongs to them."""
        overlap = self.overlap_of(params, self.patterns.value, state)
        energy = self.energy_of(params, state, field)
        self.state.value = self._unbatch(state)
        self.overlap.value = self._unbatch(overlap)
        self.energy.value = self._unbatch(energy)

    def _mark(self, flips: Array, converged: Array, cycle: Array) -> None:
        self.flips.value = self._unbatch(flips.astype(jnp.int32))
        self.converged.value = self._unbatch(converged)
        self.cycle.value = self._unbatch(cycle)

    def _unbatch(self, value: Array) -> Array:
        return value if self.is_batched else value.reshape(value.shape[1:])

    @property
    def _retrieve(self) -> _programs.Program:
        pure = _programs.shell(self)

        def run(params: Params, state: Array, key: Array, most: Array) -> tuple[Settled, Array]:
            advance = functools.partial(pure.advance, params)
            fields = functools.partial(pure.fields, params)
            settled, field = settle(advance, fields, state, key, most, pure.has_cycles)
            return settled, pure.energy_of(params, settled.state, field)

        return _programs.find(("retrieve", pure), lambda: _programs.Program(run))
