"""Backpropagation through time."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn.functional import trajectory
from bp_rnn.gradients._base import GradientAlgorithm
from bp_rnn.typing import Array, Params, StepLoss, Trace, Window


class BPTT(GradientAlgorithm):
    r"""Exact gradient of a window, by reverse-mode autodiff through it.

    .. math::

        \frac{dl}{d\theta} = \sum_t \sum_{\tau \le t} \frac{\partial l_t}{\partial s_t}
        \frac{\partial s_t}{\partial s_\tau} \frac{\partial s_\tau}{\partial \theta}

    Parameters
    ----------
    cell : Cell
        The network.

    Attributes
    ----------
    at_start : bm.Variable
        One until the first step and zero after it, a number a sample: whether the state is the
        initial one. Only where the cell learns its initial state.

    Notes
    -----
    It carries no trace from one window to the next, so that a trainer which updates within the
    sequence gets truncated BPTT. Time O(T m), memory O(T S). Sources: Werbos 1990; lecture 1,
    "Trajectory representation".
    """

    kind = "exact"
    takes_any_cell = True

    def window(
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

    def init_trace(self, params: Params, state: Array) -> Trace:  # noqa: ARG002
        """Return ``at_start = 1`` where the initial state is learnt; else nothing."""
        return {"at_start": jnp.ones((1,), state.dtype)} if self.cell.trains_start else {}

    def step_trace(self, params: Params, state: Array, x: Any, trace: Trace) -> tuple[Array, Trace]:
        """Step the cell; the state is no longer the initial one."""
        return self.cell.step(params, state, x), jax.tree.map(jnp.zeros_like, trace)

    def _tied(self, params: Params, state: Array, trace: Trace) -> Array:
        """Return ``state``, whose derivative is that of the initial state where it is one."""
        if not trace:
            return state
        start = self.cell.initial_state(params)
        return state + trace["at_start"] * (start - jax.lax.stop_gradient(start))
