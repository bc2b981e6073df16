"""Backpropagation through time."""

import functools
from typing import Any, Literal

import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.cells import Cell
from bp_rnn.functional import backward, trajectory
from bp_rnn.gradients._base import GradientAlgorithm
from bp_rnn.typing import Array, Input, Params, StepLoss, Trace, Window


class BPTT(GradientAlgorithm):
    r"""Gradient of a window, by going back through it.

    .. math::

        \frac{dl}{d\theta} = \sum_t \sum_{\tau \le t} \frac{\partial l_t}{\partial s_t}
        \frac{\partial s_t}{\partial s_\tau} \frac{\partial s_\tau}{\partial \theta}

    With ``truncation=k`` the inner sum has the last k terms, whatever the windows are: what came
    before, up to k - 1 steps into earlier windows, is remembered, and gone through again with the
    present parameters. Without it the gradient of a window is exact and ends where the window
    begins, so that a trainer which updates within the sequence goes back to its last update.

    Parameters
    ----------
    cell : Cell
        The network.
    truncation : int, optional
        How many steps each error goes back; all by default.

    Attributes
    ----------
    at_start : bm.Variable
        Only where the cell learns its initial state: one until the first step and zero after it.
    past_state, past_x, past_key, past_count : bm.Variable
        Only with a truncation: states before the last k - 1 steps, their inputs, the keys of their
        noise, and how many of them there are.

    Raises
    ------
    ValueError, TypeError
        If ``truncation`` is not a positive integer, or the state of the cell depends on the future
        and there is one.

    Notes
    -----
    Time O(T m), memory O(T S); with a truncation O(k T (m + S^2)) at most. The derivative by a
    matrix is one product over all times and samples: no step has a gradient of its own. Sources:
    Werbos 1990; Williams & Peng 1990 (truncated, h = k); lecture 1, "Trajectory representation".
    """

    kind: Literal["exact", "approximate"] = "exact"
    takes_any_cell = True

    def __init__(self, cell: Cell, *, truncation: int | None = None) -> None:
        self.truncation = truncation
        if truncation is not None:
            _check.integer("truncation", truncation, 1)
            self.kind = "approximate"
        super().__init__(cell)

    def window(
        self,
        params: Params,
        state: Array,
        trace: Trace,
        xs: Any,
        targets: Any,
        loss: StepLoss,
    ) -> Window:
        """Go back through the window, and with a truncation through what was before it."""
        if not self.cell.causal:
            return self._autodiff(params, state, trace, xs, targets, loss)
        if self.truncation is None:
            return self._whole(params, state, trace, xs, targets, loss)
        return self._truncated(params, state, trace, xs, targets, loss)

    def init_trace(self, params: Params, state: Array) -> Trace:  # noqa: ARG002
        """Return ``at_start = 1`` where the initial state is learnt, and an empty past."""
        start = {"at_start": jnp.ones((1,), state.dtype)} if self.cell.trains_start else {}
        return start if self.truncation is None else start | self._no_past(state.dtype)

    def step_trace(self, params: Params, state: Array, x: Any, trace: Trace) -> tuple[Array, Trace]:
        """Step the cell; nothing of it is remembered."""
        return self.cell.step(params, state, x), jax.tree.map(jnp.zeros_like, trace)

    def _prepare(self) -> None:
        self._num_past = (self.truncation or 1) - 1
        if not self.cell.causal and self.truncation is not None:
            raise ValueError(
                f"truncation must be None: the state of {type(self.cell).__name__} depends on "
                "inputs after it"
            )
        if self.cell.causal:
            self._taps = self.cell.influence.taps

    def _autodiff(
        self,
        params: Params,
        state: Array,
        trace: Trace,
        xs: Any,
        targets: Any,
        loss: StepLoss,
    ) -> Window:
        """Differentiate the mean loss of the batch, so that no gradient exists per sample."""
        sample = functools.partial(trajectory.sequence_loss, self.cell.rollout, loss)

        def batch(params: Params) -> tuple[Array, tuple[Array, Array]]:
            start = self._tied(params, state, trace)
            total, rest = jax.vmap(functools.partial(sample, params))(start, xs, targets)
            return jnp.mean(total), rest

        (total, (zs, last)), grads = jax.value_and_grad(batch, has_aux=True)(params)
        return Window(total, grads, zs, last, jax.tree.map(jnp.zeros_like, trace))

    def _whole(
        self,
        params: Params,
        state: Array,
        trace: Trace,
        xs: Any,
        targets: Any,
        loss: StepLoss,
    ) -> Window:
        def start(params: Params) -> Array:
            return self._tied(params, state, trace)

        total, grads, zs, last = backward.through_time(self._taps, loss, params, start, xs, targets)
        return Window(total, grads, zs, last, jax.tree.map(jnp.zeros_like, trace))

    def _truncated(
        self,
        params: Params,
        state: Array,
        trace: Trace,
        xs: Any,
        targets: Any,
        loss: StepLoss,
    ) -> Window:
        past = backward.Past(
            trace["past_state"], _with_keys(trace, xs), trace["past_count"][:, 0].astype(int)
        )
        total, grads, zs, last, after, by_input = backward.truncated(
            self._taps, loss, params, state, past, xs, targets
        )
        new = {"past_state": after.states, "past_x": after.xs, "past_count": after.length}
        if isinstance(xs, Input):
            new |= {"past_x": after.xs.x, "past_key": jax.random.key_data(after.xs.key)}
        new["past_count"] = after.length[:, None].astype(state.dtype)
        if "at_start" in trace:
            grads, new["at_start"] = self._at_start(params, grads, trace, past.length, by_input, xs)
        return Window(total, grads, zs, last, trace | new)

    def _at_start(
        self, params: Params, grads: Params, trace: Trace, count: Array, by_input: Array, xs: Any
    ) -> tuple[Params, Array]:
        """Add the derivative by a learnt initial state, as long as it is remembered."""
        num_past, num_step = self._num_past, jax.tree.leaves(xs)[0].shape[1]
        first = jnp.arange(by_input.shape[1]) == num_past - count[:, None]
        row = jnp.einsum("bts,bt->bs", by_input, first * trace["at_start"])
        (more,) = jax.vjp(self.cell.initial_state, params)[1](row.sum(0))
        still = trace["at_start"] * (count + num_step <= num_past)[:, None]
        return jax.tree.map(jnp.add, grads, more), still.astype(row.dtype)

    def _no_past(self, dtype: Any) -> dict[str, Array]:
        cell, num = self.cell, self._num_past
        past = {
            "past_state": jnp.zeros((num, cell.size), dtype),
            "past_x": jnp.zeros((num, cell.num_in), dtype),
            "past_count": jnp.zeros((1,), dtype),
        }
        if cell.is_noisy:
            past["past_key"] = jax.random.key_data(jax.random.split(jax.random.key(0), num))
        return past

    def _tied(self, params: Params, state: Array, trace: Trace) -> Array:
        """Return ``state``, whose derivative is that of the initial state where it is one."""
        if not trace:
            return state
        start = self.cell.initial_state(params)
        return state + trace["at_start"] * (start - jax.lax.stop_gradient(start))


def _with_keys(trace: Trace, xs: Any) -> Any:
    """Return the inputs of the past in the form of those of the window."""
    if not isinstance(xs, Input):
        return trace["past_x"]
    return Input(trace["past_x"], jax.random.wrap_key_data(trace["past_key"]))
