"""Real-time recurrent learning."""

from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn.functional import sensitivity
from bp_rnn.gradients._base import ForwardGradient
from bp_rnn.typing import Array, Params, Step, Trace


class RTRL(ForwardGradient):
    r"""Exact gradient at every step, from sensitivities carried forward with the state.

    .. math::

        p_t = \frac{\partial s_t}{\partial s_{t-1}} p_{t-1} + \frac{\partial s_t}{\partial \theta},
        \qquad \frac{dl_t}{d\theta} = \frac{\partial l_t}{\partial s_t} p_t

    Parameters
    ----------
    cell : Cell
        The network.

    Attributes
    ----------
    p_<name> : bm.Variable
        :math:`ds/d\theta`, one for each of the cell's ``param_names``: ``p_w``, ``p_w_in``,
        ``p_b``; shape ``(S, *parameter.shape)``, with a leading batch axis in a batching mode;
        ``(1, *parameter.shape)``, of the unit's own state, where units are independent.

    Notes
    -----
    Time O(S^2 m) a step and memory O(S m) for m parameters, independent of the number of steps;
    O(m) both where units are independent, as in :class:`IndRNN`.
    Under weight updates within a sequence ``p`` mixes the weights of different times, as in all
    online RTRL. Sources: Williams & Zipser 1989, eqs. 9-11; lecture 1, "Trajectory
    representation".
    """

    kind = "exact"

    def init_trace(self, params: Params, state: Array) -> Trace:
        """Return p = 0, or the derivative of a learnt initial state; packed ``(S, rows, M)``."""
        if self.cell.trains_start:
            start = jax.jacrev(self.cell.initial_state)(params)
            p = sensitivity.pack({k: start[k] for k in self.cell.param_names}, self._rows)
            return jnp.einsum("iij->ij", p)[None] if self.cell.independent else p
        width = sum(params[k].size for k in self.cell.param_names) // self._rows
        kept = 1 if self.cell.independent else state.shape[0]
        return jnp.zeros((kept, self._rows, width), state.dtype)

    def step_trace(self, params: Params, state: Array, x: Any, trace: Trace) -> tuple[Array, Trace]:
        """Push the sensitivities through the step: one matrix product and a diagonal add."""
        step, followed = self._followed(params)
        return sensitivity.push(step, followed, state, x, trace)

    def step_and_contract(
        self, params: Params, state: Array, x: Any, trace: Trace, dl_ds: Array
    ) -> tuple[Trace, Params]:
        """Push and contract in one matrix product."""
        step, followed = self._followed(params)
        _, trace, grads = sensitivity.push_and_contract(
            step, followed, state, x, trace, dl_ds[None]
        )
        return trace, sensitivity.unpack(grads[0], self._shapes)

    def contract(self, trace: Trace, dl_ds: Array) -> Params:
        """Return ``dl_ds @ p``."""
        return sensitivity.unpack(sensitivity.contract(dl_ds, trace), self._shapes)

    def named(self, trace: Trace) -> dict[str, Array]:
        """Return ``p_w``, ``p_b``, ..., each ``(S, *parameter.shape)``."""
        return {f"p_{k}": v for k, v in sensitivity.unpack(trace, self._shapes).items()}

    def unnamed(self, entries: dict[str, Array]) -> Trace:
        """Join the named sensitivities into the packed array."""
        return sensitivity.pack(entries, self._rows)

    def _followed(self, params: Params) -> tuple[Step, Params]:
        """Return the step as a function of the parameters that have sensitivities, and these."""

        def step(followed: Params, state: Array, x: Any) -> Array:
            return self.cell.step({**params, **followed}, state, x)

        return step, {k: params[k] for k in self.cell.param_names}

    @property
    def _rows(self) -> int:
        return self.cell.num if self.cell.rowwise else 1

    @property
    def _shapes(self) -> sensitivity.Shapes:
        variables = self.cell.train_params()
        return {k: tuple(variables[k].shape) for k in self.cell.param_names}
