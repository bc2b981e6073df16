"""Unbiased online recurrent optimisation."""

from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn.gradients._random import RandomGradient, balance, next_key, signs
from bp_rnn.typing import Array, Params, Trace


class UORO(RandomGradient):
    r"""A product of two vectors in place of p, equal to it on average.

    .. math::

        \tilde s' = \rho_0 J \tilde s + \rho_1 \nu, \qquad
        \tilde\theta' = \frac{\tilde\theta}{\rho_0}
        + \frac{1}{\rho_1} \nu^T \frac{\partial s'}{\partial \theta}, \qquad
        E[\tilde s \, \tilde\theta] = p

    with random signs :math:`\nu`, and :math:`\rho` that make both norms alike.

    Parameters
    ----------
    cell : Cell
        The network.
    key : int or JAX key
        Seed of the signs; samples of a batch have their own.

    Attributes
    ----------
    s_tilde : bm.Variable
        ``(S,)``.
    theta_<name> : bm.Variable
        Of the parameter's shape.
    key : bm.Variable
        Raw data of the key of the next signs.

    Notes
    -----
    Time and memory as for the forward pass and its derivative; the noise grows with the number of
    units. Source: Tallec & Ollivier 2017, algorithm 1, without its finite differences.
    """

    def init_random(self, params: Params, state: Array, key: Array) -> dict[str, Array]:
        """Return zeros, or a rank-one estimate of the derivative of a learnt initial state."""
        names = self.cell.param_names
        if not self.cell.trains_start:
            zeros = {f"theta_{k}": jnp.zeros_like(params[k]) for k in names}
            return {"s_tilde": jnp.zeros_like(state), **zeros}
        nu = signs(key, state.shape, state.dtype)
        (theta,) = jax.vjp(self.cell.initial_state, params)[1](nu)
        return {"s_tilde": nu, **{f"theta_{k}": theta[k] for k in names}}

    def step_trace(self, params: Params, state: Array, x: Any, trace: Trace) -> tuple[Array, Trace]:
        """Step the cell; one derivative along ``s_tilde`` and one against the signs."""
        names = self.cell.param_names
        followed = {k: params[k] for k in names}
        new, s_tilde = jax.jvp(
            lambda s: self.cell.step(params, s, x), (state,), (trace["s_tilde"],)
        )
        now, key = next_key(trace)
        nu = signs(now, state.shape, state.dtype)
        pull = jax.vjp(lambda q: self.cell.step(params | q, state, x), followed)[1]
        (direct,) = pull(nu)
        theta = {k: trace[f"theta_{k}"] for k in names}
        rho_0 = balance(_flat(theta), s_tilde)
        rho_1 = balance(_flat(direct), nu)
        moved = {f"theta_{k}": theta[k] / rho_0 + direct[k] / rho_1 for k in names}
        return new, {"s_tilde": rho_0 * s_tilde + rho_1 * nu, **moved, "key": key}

    def contract(self, trace: Trace, dl_ds: Array) -> Params:
        """Return ``(dl_ds @ s_tilde) theta``."""
        scale = dl_ds @ trace["s_tilde"]
        return {k: scale * trace[f"theta_{k}"] for k in self.cell.param_names}


def _flat(tree: Params) -> Array:
    return jnp.concatenate([v.reshape(-1) for v in tree.values()])
