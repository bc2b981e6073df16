"""Read-outs that learn at every step."""

import abc
from typing import Any

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _programs
from bp_rnn.functional.constraint import Box, project_all
from bp_rnn.readouts._base import Readout, require_finite
from bp_rnn.typing import Array

#: Arrays by name: what a rule carries from sample to sample.
Memory = dict[str, Array]
#: Samples in one turn of the loop: four need no copies of the memory between them.
UNROLL = 4
#: Samples are padded to a power of this, so that few programs learn any number of them.
GROWTH = 4


class OnlineReadout(Readout, abc.ABC):
    """A read-out whose rule takes one sample at a time; all of its memory is in Variables."""

    within_boxes = True
    memory_names: tuple[str, ...] = ("w", "b")

    @abc.abstractmethod
    def init(self) -> Memory:
        """Return the memory before the first sample; pure. ``w`` and ``b`` are part of it."""

    @abc.abstractmethod
    def learn(self, memory: Memory, h: Array, y: Array) -> Memory:
        """Return the memory after one more sample ``h (num_in,)`` and ``y (num_out,)``; pure."""

    def learn_within(self, memory: Memory, h: Array, y: Array, boxes: dict[str, Box]) -> Memory:
        """Return the memory after one more sample, weights where ``boxes`` allow; pure.

        By default they are moved to the nearest allowed value after each sample.
        """
        return project_all(boxes, self.learn(memory, h, y), memory)

    def settle(self, memory: Memory) -> Memory:
        """Return the memory after some samples in a form that bears more of them; pure."""
        return memory

    def update(self, h: Array, y: Array | None = None) -> Array:
        """Return the output for one time step; learn from ``y`` after it, where it is given.

        The members of a batch are learnt one after the other.

        Raises
        ------
        ValueError
            If a value is not finite and bad samples are refused; nothing is changed then.
        FloatingPointError
            If learning diverges; the weights are as before then.
        """
        if y is None:
            return super().update(h)
        h, target = self._step_array("h", h), self._step_array("y", y)
        target = target.reshape(-1, self.num_out)
        z = super().update(h)
        self._learn_step(h.reshape(-1, self.num_in), target)
        return z

    def restart(self) -> None:
        """Forget what was learnt."""
        memory = self.init()
        self.store(memory | self._started({k: memory[k] for k in self.train_params()}))

    def add(self, h: Any, y: Any, *, fold: int | None = None) -> None:  # noqa: ARG002
        """Learn from more samples, one after the other, in one compiled program."""
        h, y = self.samples(h, y)
        if len(h):
            self.check_boxes()
            padded = (_padded(np.asarray(v, self.w.dtype)) for v in (h, y))
            memory = self._compiled(self.memory(), *padded, len(h), self.boxes)
            require_finite(self, memory)
            self.store(memory)

    def solve(self) -> None:
        """Do nothing: ``w`` and ``b`` are up to date after every sample."""

    def memory(self) -> Memory:
        """Return what the Variables hold."""
        return {k: getattr(self, k).value for k in self.memory_names}

    def store(self, memory: Memory) -> None:
        """Write a memory into the Variables."""
        for name, value in memory.items():
            getattr(self, name).value = value

    def learn_good(self, memory: Memory, h: Array, y: Array, boxes: dict[str, Box]) -> Memory:
        """Return the memory after a sample, or as it was where the sample is bad; pure.

        A sample is bad if it is not finite, or leaves weights that are not.
        """
        new = self.learn_within(memory, h, y, boxes)
        good = jnp.isfinite(h).all() & jnp.isfinite(y).all()
        good &= jnp.isfinite(new["w"]).all() & jnp.isfinite(new["b"]).all()
        return {k: jnp.where(good, v, memory[k]) for k, v in new.items()}

    def _learn_step(self, h: Array, y: Array) -> None:
        """Learn from the samples of one time step."""
        self.check_boxes()
        memory, boxes = self.memory(), self.boxes
        known = not any(isinstance(v, jax.core.Tracer) for v in (h, y, *memory.values()))
        learn = self.learn_within if known and self.on_bad == "raise" else self.learn_good
        for sample in zip(h, y, strict=True):
            memory = self.settle(learn(memory, *sample, boxes))
        if known:
            require_finite(self, {k: memory[k] for k in ("w", "b")})
        self.store(memory)

    @property
    def _compiled(self) -> Any:
        pure = _programs.shell(self)

        def run(memory: Memory, h: Array, y: Array, count: Array, boxes: dict[str, Box]) -> Memory:
            def body(turn: Array, memory: Memory) -> Memory:
                for i in range(UNROLL):
                    at = turn * UNROLL + i
                    new = pure.learn_within(memory, h[at], y[at], boxes)
                    memory = {k: jnp.where(at < count, v, memory[k]) for k, v in new.items()}
                return pure.settle(memory)

            return jax.lax.fori_loop(0, -(-count // UNROLL), body, memory)

        return _programs.find(("learn", pure), lambda: _programs.Program(run))

    def _remember(self) -> None:
        """Make the Variables of the memory, once the constants are set."""
        for name, value in self.init().items():
            if name not in self.memory_names:
                setattr(self, name, bm.Variable(value))
                self.memory_names = (*self.memory_names, name)


def _padded(rows: np.ndarray) -> np.ndarray:
    """Return rows with zeros behind them, as many as a power of four."""
    size = UNROLL
    while size < len(rows):
        size *= GROWTH
    return np.pad(rows, ((0, size - len(rows)), (0, 0)))
