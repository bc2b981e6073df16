"""Kronecker-factored real-time recurrent learning."""

from typing import Any

import jax.numpy as jnp

from bp_rnn.gradients._base import initial_influence
from bp_rnn.gradients._random import RandomGradient, balance, next_key, signs
from bp_rnn.typing import Array, Params, Trace


class KFRTRL(RandomGradient):
    r"""A matrix times a vector in place of p, equal to it on average.

    For every group of parameters that enter the step as one product :math:`W z`, with
    :math:`E = \partial s' / \partial (W z)`,

    .. math::

        A' = \frac{c_1}{p_1} J A + \frac{c_2}{p_2} E, \qquad u' = c_1 p_1 u + c_2 p_2 z, \qquad
        E[A_{su} \, u_f] = p_{s,uf}

    with random signs c, and p that make both terms' factors alike. Its noise is smaller than that
    of :class:`UORO`, and does not grow with the number of steps.

    Parameters
    ----------
    cell : Cell
        The network.
    key : int or JAX key
        Seed of the signs; samples of a batch have their own.

    Attributes
    ----------
    a_<i>, u_<i> : bm.Variable
        Of group i: ``(S, U)`` for a product of U rows with F columns, and ``(F,)``.
    key : bm.Variable
        Raw data of the key of the next signs.

    Notes
    -----
    Time O(S^2 U) a step, memory O(S U). What is not part of a product, as the weights of
    :class:`IndRNN`, is followed exactly, and so is a step that uses its products twice (a
    Runge-Kutta method). Source: Mujika et al. 2018, algorithm 1.
    """

    def init_random(self, params: Params, state: Array, key: Array) -> dict[str, Array]:  # noqa: ARG002
        """Return zeros, or the derivative of a learnt initial state."""
        trace = {}
        for i, group in enumerate(self._influence.taps.groups):
            a = jnp.zeros((state.shape[0], group.units), state.dtype)
            trace[f"a_{i}"] = a if self._is_factored[i] else jnp.repeat(a[..., None], group.fan, 2)
            if self._is_factored[i]:
                trace[f"u_{i}"] = jnp.zeros(group.fan, state.dtype)
        if self.cell.trains_start:  # its group is no product, and the only one that is not zero
            p = initial_influence(self.cell, params, state)
            trace |= {f"a_{i}": v for i, v in enumerate(p) if not self._is_factored[i]}
        return trace

    def step_trace(self, params: Params, state: Array, x: Any, trace: Trace) -> tuple[Array, Trace]:
        """Push both factors through the step."""
        new, linear = self._influence.linearize(params, state, x)
        now, key = next_key(trace)
        drawn = signs(now, (len(self._is_factored), 2), state.dtype)
        after = {"key": key}
        full = self._influence.full_taps(linear)
        for i, factored in enumerate(self._is_factored):
            a, e, z = trace[f"a_{i}"], full[i], linear.factors[i]
            moved = jnp.tensordot(linear.jac, a, 1)
            if not factored:
                after[f"a_{i}"] = moved + jnp.einsum("rsu,rf->suf", e, z)
                continue
            e, z, u = e[0], z[0], trace[f"u_{i}"]
            p_1, p_2 = balance(moved, u), balance(e, z)
            after[f"a_{i}"] = drawn[i, 0] / p_1 * moved + drawn[i, 1] / p_2 * e
            after[f"u_{i}"] = drawn[i, 0] * p_1 * u + drawn[i, 1] * p_2 * z
        return new, after

    def contract(self, trace: Trace, dl_ds: Array) -> Params:
        """Return ``(dl_ds @ A) u`` of every group."""
        found = []
        for i, factored in enumerate(self._is_factored):
            rows = jnp.tensordot(dl_ds, trace[f"a_{i}"], 1)
            found.append(rows[:, None] * trace[f"u_{i}"] if factored else rows)
        return self._influence.taps.assemble(found)

    def _prepare(self) -> None:
        self._influence = self.cell.influence
        groups = self._influence.taps.groups
        self._is_factored = [g.fan > 1 and g.uses == 1 for g in groups]
