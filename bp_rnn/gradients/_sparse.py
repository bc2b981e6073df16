"""Gradients from a part of the influence matrix."""

import abc
from typing import Any

import jax.numpy as jnp

from bp_rnn.functional import pattern
from bp_rnn.functional.influence import Linear
from bp_rnn.gradients._base import ForwardGradient, initial_influence
from bp_rnn.typing import Array, Params, Trace


class SparseGradient(ForwardGradient, abc.ABC):
    """A gradient whose trace is p at the states that a parameter reaches, ``(K, U, F)`` by columns.

    A leaf says how the step is linearised; K and the states follow from ``num_step``.
    """

    kind = "approximate"
    num_step: int = 1

    @abc.abstractmethod
    def linearize(self, params: Params, state: Array, x: Any) -> tuple[Array, Linear]:
        """Return the new state and the step as p is pushed through it; pure."""

    def init_trace(self, params: Params, state: Array) -> Trace:
        """Return p = 0, or the derivative of a learnt initial state."""
        if not self.cell.trains_start:  # never make the whole of p, which may not fit
            return [
                [jnp.zeros((which.num_state, *c.places.shape), state.dtype) for c in g.columns]
                for which, g in zip(self._pattern, self._influence.taps.groups, strict=True)
            ]
        full = initial_influence(self.cell, params, state)
        kept = [
            v[which.states, jnp.arange(v.shape[1])] * which.there[..., None]
            for v, which in zip(full, self._pattern, strict=True)
        ]
        return self._influence.taps.cut(kept)

    def step_trace(self, params: Params, state: Array, x: Any, trace: Trace) -> tuple[Array, Trace]:
        """Push what is kept of p through the step."""
        new, linear = self.linearize(params, state, x)
        return new, pattern.push(self._influence, self._pattern, trace, linear)

    def contract(self, trace: Trace, dl_ds: Array) -> Params:
        """Return ``dl_ds @ p``."""
        found = pattern.contract(self._influence, self._pattern, trace, dl_ds)
        return self._influence.taps.assemble_columns(found)

    def named(self, trace: Trace) -> dict[str, Array]:
        """Return ``p_w``, ``p_b``, ..., each ``(K, *parameter.shape)``."""
        num = max(which.num_state for which in self._pattern)

        def filled(v: Array) -> Array:
            return jnp.pad(v, ((0, num - v.shape[0]), (0, 0), (0, 0)))

        entries = self._influence.taps.assemble_columns([[filled(v) for v in q] for q in trace])
        return {f"p_{k}": v for k, v in entries.items()}

    def unnamed(self, entries: dict[str, Array]) -> Trace:
        """Return p by columns of groups of taps."""
        columns = self._influence.taps.cut(self._influence.unnamed(entries))
        return [
            [v[: which.num_state] for v in q]
            for q, which in zip(columns, self._pattern, strict=True)
        ]

    def _prepare(self) -> None:
        cell = self.cell
        self._influence = cell.influence
        if cell.rowwise and self.num_step == 1:
            self._pattern = pattern.own_states(self._influence)
            return
        boxes, params = cell.boxes, cell.params()
        free = {k: jnp.ones(v.shape, bool) for k, v in params.items()}
        free |= {k: box.free for k, box in boxes.items()}
        x = jnp.zeros(cell.num_in, cell.state.dtype)
        state = jnp.zeros(cell.size, cell.state.dtype)
        start = initial_influence(cell, params, state) if cell.trains_start else None
        self._pattern = pattern.reached(
            self._influence, params, free, state, x, self.num_step, start
        )
