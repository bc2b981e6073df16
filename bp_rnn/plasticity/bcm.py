"""The rule of Bienenstock, Cooper and Munro."""

import dataclasses

import brainpy.math as bm
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.plasticity._base import HebbianRule, Memory
from bp_rnn.typing import Array


@dataclasses.dataclass(frozen=True)
class BCM(HebbianRule):
    r"""A threshold that slides with the square of the output makes synapses compete.

    .. math::

        \tau_w \frac{dw}{dt} = \langle v (v - \theta_v) u \rangle, \qquad
        \tau_\theta \frac{d\theta_v}{dt} = \langle v^2 \rangle - \theta_v

    It is stable if the threshold follows faster than the output grows. With K orthogonal patterns
    of unit length, each shown a K-th of the time, the stable fixed points answer to one pattern,
    with :math:`v = K`, as long as :math:`\tau_\theta < \tau_w`.

    Parameters
    ----------
    tau_theta : float
        Time constant of the threshold, in the unit of time of the network: samples where it learns
        per sample. There it has to be long enough to average over the patterns.

    Attributes
    ----------
    theta_post : Array
        Threshold ``(num,)``, zero at first, in the unit of the squared rate; a Variable of the
        network that learns.

    Raises
    ------
    TypeError, ValueError
        If ``tau_theta`` is not a positive number.

    Notes
    -----
    Sources: Bienenstock, Cooper & Munro 1982; Intrator & Cooper 1992 for this threshold; lecture
    "BCM Rule", eqs. 2.16 and 2.17.
    """

    tau_theta: float

    def __post_init__(self) -> None:
        _check.positive("tau_theta", _check.number("tau_theta", self.tau_theta))

    def start_memory(self, num_in: int, num: int) -> Memory:  # noqa: ARG002
        """Return a threshold of zero."""
        return {"theta_post": jnp.zeros(num, bm.float_)}

    def memory_derivative(self, u: Array, v: Array, memory: Memory) -> Memory:  # noqa: ARG002
        r"""Return :math:`(\langle v^2 \rangle - \theta_v) / \tau_\theta`."""
        return {"theta_post": ((v**2).mean(0) - memory["theta_post"]) / self.tau_theta}

    def postsynaptic(self, v: Array, memory: Memory) -> Array:
        r"""Return :math:`v (v - \theta_v)`."""
        return v * (v - memory["theta_post"])
