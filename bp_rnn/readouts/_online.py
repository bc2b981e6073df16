"""Read-outs that learn at every step."""

import abc
import functools
from typing import Any

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn.readouts._base import Readout
from bp_rnn.typing import Array

#: Arrays by name: what a rule carries from sample to sample.
Memory = dict[str, Array]
#: Samples in one turn of the loop: four need no copies of the memory between them.
UNROLL = 4


class OnlineReadout(Readout, abc.ABC):
    """A read-out whose rule takes one sample at a time; all of its memory is in Variables."""

    memory_names: tuple[str, ...] = ("w", "b")

    @abc.abstractmethod
    def init(self) -> Memory:
        """Return the memory before the first sample; pure. ``w`` and ``b`` are part of it."""

    @abc.abstractmethod
    def learn(self, memory: Memory, h: Array, y: Array) -> Memory:
        """Return the memory after one more sample ``h (num_in,)`` and ``y (num_out,)``; pure."""

    def update(self, h: Array, y: Array | None = None) -> Array:
        """Return the output for one time step; learn from ``y`` after it, where it is given.

        The members of a batch are learnt one after the other.
        """
        z = super().update(h)
        if y is not None:
            h = jnp.asarray(bm.as_jax(h), self.w.dtype).reshape(-1, self.num_in)
            y = jnp.asarray(bm.as_jax(y), self.w.dtype).reshape(-1, self.num_out)
            self.store(self._learn_all(self.memory(), h, y))
        return z

    def restart(self) -> None:
        """Forget what was learnt."""
        self.store(self.init())

    def add(self, h: Any, y: Any, *, fold: int | None = None) -> None:  # noqa: ARG002
        """Learn from more samples, one after the other, in one compiled program."""
        h, y = (jnp.asarray(v, self.w.dtype) for v in self.samples(h, y))
        self.store(self._compiled(self.memory(), h, y))

    def solve(self) -> None:
        """Do nothing: ``w`` and ``b`` are up to date after every sample."""

    def memory(self) -> Memory:
        """Return what the Variables hold."""
        return {k: getattr(self, k).value for k in self.memory_names}

    def store(self, memory: Memory) -> None:
        """Write a memory into the Variables."""
        for name, value in memory.items():
            getattr(self, name).value = value

    def _learn_all(self, memory: Memory, h: Array, y: Array) -> Memory:
        def body(memory: Memory, sample: tuple[Array, Array]) -> tuple[Memory, None]:
            return self.learn(memory, *sample), None

        return jax.lax.scan(body, memory, (h, y), unroll=UNROLL)[0]

    @functools.cached_property
    def _compiled(self) -> Any:
        return jax.jit(self._learn_all)

    def _remember(self) -> None:
        """Make the Variables of the memory, once the constants are set."""
        for name, value in self.init().items():
            if name not in self.memory_names:
                setattr(self, name, bm.Variable(value))
                self.memory_names = (*self.memory_names, name)
