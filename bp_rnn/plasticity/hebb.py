"""The basic Hebbian rule."""

import dataclasses
from typing import Any

import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.plasticity._base import HebbianRule, Memory, PlasticityRule
from bp_rnn.typing import Array


@dataclasses.dataclass(frozen=True)
class Hebb(HebbianRule):
    r"""Synapses between units that are active together grow.

    .. math::

        \tau_w \frac{dw}{dt} = \langle v u \rangle

    Without bounds it explodes: :math:`d|w|^2/dt = 2 v^2 / \tau_w`.

    Notes
    -----
    Source: lecture "Basic Hebbian Rule", eq. 2.10; over a batch, eq. 2.11.
    """

    def postsynaptic(self, v: Array, memory: Memory) -> Array:  # noqa: ARG002
        """Return v."""
        return v


@dataclasses.dataclass(frozen=True, eq=False)
class AveragedHebb(PlasticityRule):
    r"""Hebb's rule, averaged over all inputs to a linear unit.

    .. math::

        \tau_w \frac{dw}{dt} = Q w, \qquad w(t) = e^{Q t / \tau_w} w(0)

    The input of a step is not looked at. With the covariance matrix for Q it is the averaged
    covariance rule.

    Parameters
    ----------
    q : array
        Correlations :math:`Q = \langle u u^T \rangle`, ``(num_in, num_in)``, symmetric.

    Raises
    ------
    TypeError, ValueError
        If Q is not a finite symmetric matrix.

    Notes
    -----
    Source: lecture "Basic Hebbian Rule", eq. 2.12, and its solution, eq. 2.20.
    """

    q: Any

    def __post_init__(self) -> None:
        q = _check.real_array("q", self.q)
        if q.ndim != 2 or q.shape[0] != q.shape[1] or not q.size:
            raise ValueError(f"q must have shape (num_in, num_in), got {q.shape}")
        if not np.allclose(q, q.T, rtol=1e-5, atol=1e-6 * np.abs(q).max()):
            raise ValueError("q must be symmetric")
        object.__setattr__(self, "q", jnp.asarray(q, bm.float_))

    def derivative(self, w: Array, u: Array, v: Array, memory: Memory) -> Array:  # noqa: ARG002
        """Return W Q."""
        return w @ self.q

    def check(self, w: Array) -> None:
        """Refuse weights from another number of inputs than Q has."""
        if w.shape[1] != len(self.q):
            raise ValueError(f"q must have shape {(w.shape[1],) * 2}, got {self.q.shape}")
