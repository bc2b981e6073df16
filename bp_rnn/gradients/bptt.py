"""Backpropagation through time."""

import functools

import jax
import jax.numpy as jnp

from bp_rnn.functional import trajectory
from bp_rnn.gradients._base import GradientAlgorithm
from bp_rnn.typing import Array, Loss, Params, Trace, Window


class BPTT(GradientAlgorithm):
    r"""Exact gradient of a window, by reverse-mode autodiff through it.

    .. math::

        \frac{dl}{d\theta} = \sum_t \sum_{\tau \le t} \frac{\partial l_t}{\partial s_t}
        \frac{\partial s_t}{\partial s_\tau} \frac{\partial s_\tau}{\partial \theta}

    Parameters
    ----------
    cell : Cell
        The network.

    Notes
    -----
    It carries no trace from one window to the next, so that a trainer which updates within the
    sequence gets truncated BPTT. Time O(T m), memory O(T S). Sources: Werbos 1990; lecture 1,
    "Trajectory representation".
    """

    kind = "exact"

    def window(
        self,
        params: Params,
        state: Array,
        trace: Trace,
        xs: Array,
        ys: Array,
        loss: Loss,
        weights: Array,
    ) -> Window:
        """Differentiate the mean loss of the batch, so that no gradient exists per sample."""
        cell = self.cell
        sample = functools.partial(trajectory.sequence_loss, cell.step, cell.output, loss)

        def batch(params: Params) -> tuple[Array, tuple[Array, Array]]:
            total, rest = jax.vmap(functools.partial(sample, params))(state, xs, ys, weights)
            return jnp.mean(total), rest

        (total, (zs, last)), grads = jax.value_and_grad(batch, has_aux=True)(params)
        return Window(total, grads, zs, last, trace)
