"""The anti-Hebbian rule of lateral weights."""

import dataclasses

import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.functional.correlation import mean_outer
from bp_rnn.plasticity._base import Memory, PlasticityRule
from bp_rnn.typing import Array


@dataclasses.dataclass(frozen=True)
class AntiHebb(PlasticityRule):
    r"""Units that are active together inhibit each other, until they are uncorrelated.

    .. math::

        \tau_w \frac{dm_{ij}}{dt} = -\gamma \langle v_i v_j \rangle, \qquad m_{ii} = 0

    Parameters
    ----------
    gamma : float
        How fast lateral weights change against the others; positive.

    Raises
    ------
    TypeError, ValueError
        If ``gamma`` is not a positive number.

    Notes
    -----
    Source: Földiák 1989; with Oja's rule for W the outputs are uncorrelated and span the principal
    subspace.
    """

    gamma: float = 1.0

    def __post_init__(self) -> None:
        _check.positive("gamma", _check.number("gamma", self.gamma))

    def derivative(self, w: Array, u: Array, v: Array, memory: Memory) -> Array:  # noqa: ARG002
        r"""Return :math:`-\gamma \langle v u^T \rangle` off the diagonal, zero on it."""
        return jnp.where(jnp.eye(len(w), dtype=bool), 0.0, -self.gamma * mean_outer(v, u))

    def check(self, w: Array) -> None:
        """Refuse weights between different units."""
        if w.shape[0] != w.shape[1]:
            raise ValueError(f"AntiHebb needs weights within one layer, got shape {w.shape}")
