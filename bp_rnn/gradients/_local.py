"""Eligibility traces: what a unit's own state carries on."""

import abc
from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.cells import Cell
from bp_rnn.functional.influence import Linear
from bp_rnn.functional.products import Part
from bp_rnn.gradients._sparse import SparseGradient
from bp_rnn.typing import Array, Params


class LocalGradient(SparseGradient, abc.ABC):
    r"""A trace that is not passed on through connections, and a learning signal.

    .. math::

        p_t = \left. \frac{\partial s_t}{\partial s_{t-1}} \right|_{W z} p_{t-1}
        + \frac{\partial s_t}{\partial \theta}

    where the products with weights are held constant: what is left are leaks and gates.
    """

    def __init__(self, cell: Cell, feedback: Any, key: Array | int) -> None:
        self.feedback: Array | None = None
        super().__init__(cell)
        self.feedback = _feedback(cell, feedback, _check.as_key(key))

    def drawn(self) -> dict[str, Any]:
        """Return the feedback weights, where there are some."""
        return {} if self.feedback is None else {"feedback": self.feedback}

    def linearize(self, params: Params, state: Array, x: Any) -> tuple[Array, Linear]:
        """Return the step linearised without what passes through products with weights."""
        return self._influence.linearize_within(params, state, x, _nothing)

    def output(self, params: Params, state: Array) -> Array:
        """Return the output, whose derivative by the state comes through the feedback weights."""
        if self.feedback is None:
            return self.cell.output(params, state)
        held = jax.lax.stop_gradient(state)
        hidden = self.cell.hidden(params, state)
        signal = self.feedback @ (hidden - jax.lax.stop_gradient(hidden))
        return self.cell.output(params, held) + signal


def _nothing(part: Part, other: Array) -> Array:
    return jnp.zeros(len(part.value), other.dtype)


def _feedback(cell: Cell, feedback: Any, key: Array) -> Array | None:
    """Return the feedback weights ``(num_out, num_hidden)``, or None for the read-out's own."""
    if isinstance(feedback, str):
        _check.choice("feedback", feedback, ("exact", "random"))
        if feedback == "exact":
            return None
    if "w_out" not in cell.params():
        raise ValueError(
            "feedback must be 'exact' for a cell without read-out: its errors are at the units"
        )
    like = cell.w_out.value
    if isinstance(feedback, str):
        return jax.random.normal(key, like.shape, like.dtype) / like.shape[1] ** 0.5
    value = _check.real_array("feedback", feedback)
    if value.shape != like.shape:
        raise ValueError(f"feedback must have the shape of w_out, {like.shape}, got {value.shape}")
    return jnp.asarray(value, like.dtype)
