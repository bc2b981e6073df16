"""The covariance rule."""

import dataclasses
from typing import Any

import brainpy.math as bm
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.plasticity._base import HebbianRule, Memory
from bp_rnn.typing import Array

SIDES = ("post", "pre")


@dataclasses.dataclass(frozen=True, eq=False)
class Covariance(HebbianRule):
    r"""Hebb's rule with a threshold on one side, below which a synapse weakens.

    .. math::

        \tau_w \frac{dw}{dt} = \langle (v - \theta_v) u \rangle \qquad \text{or} \qquad
        \tau_w \frac{dw}{dt} = \langle v (u - \theta_u) \rangle

    Fixed thresholds at the averages make both, for a linear unit, the rule
    :math:`\tau_w \, dw/dt = C w` with the covariance matrix C. A threshold can be a running
    average, :math:`\tau_\theta \, d\theta_v/dt = v - \theta_v` or
    :math:`\tau_\theta \, d\theta_u/dt = u - \theta_u`.

    Parameters
    ----------
    side : str
        ``'post'`` for the threshold :math:`\theta_v`, ``'pre'`` for :math:`\theta_u`.
    theta : float or array, optional
        A fixed threshold: a number, or ``(num,)`` on the postsynaptic and ``(num_in,)`` on the
        presynaptic side, in the unit of the rates.
    tau_theta : float, optional
        Time constant of a running average, which starts at zero; in the unit of time of the
        network: samples where it learns per sample.

    Attributes
    ----------
    theta_post, theta_pre : Array
        The running average, where there is one: ``(num,)`` or ``(num_in,)``; a Variable of the
        network that learns.

    Raises
    ------
    TypeError, ValueError
        For an unknown side, a threshold that is not finite, a time constant that is not positive,
        or unless one of ``theta`` and ``tau_theta`` is given.

    Notes
    -----
    Source: lecture "Covariance Rule", eqs. 2.13 to 2.15. It is unstable too:
    :math:`d|w|^2/dt = 2 \mathrm{var}(v) / \tau_w`.
    """

    side: str = "post"
    theta: Any = None
    tau_theta: Any = None

    def __post_init__(self) -> None:
        _check.choice("side", self.side, SIDES)
        if (self.theta is None) == (self.tau_theta is None):
            raise ValueError("Covariance needs a threshold: either theta or tau_theta")
        if self.theta is None:
            _check.positive("tau_theta", _check.number("tau_theta", self.tau_theta))
        else:
            theta = _check.real_array("theta", self.theta)
            object.__setattr__(self, "theta", jnp.asarray(theta, bm.float_))

    @property
    def blockwise(self) -> bool:  # type: ignore[override]
        """Whether the presynaptic factor is known without what came before."""
        return self.side == "post" or self.theta is not None

    def start_memory(self, num_in: int, num: int) -> Memory:
        """Return a running average of zero, where there is one."""
        if self.theta is not None:
            return {}
        size = num if self.side == "post" else num_in
        return {f"theta_{self.side}": jnp.zeros(size, bm.float_)}

    def memory_derivative(self, u: Array, v: Array, memory: Memory) -> Memory:
        r"""Return :math:`(\langle v \rangle - \theta_v) / \tau_\theta`, or the same of u."""
        mean = (v if self.side == "post" else u).mean(0)
        return {name: (mean - theta) / self.tau_theta for name, theta in memory.items()}

    def postsynaptic(self, v: Array, memory: Memory) -> Array:
        r"""Return :math:`v - \theta_v`, or v."""
        return v - self._threshold(memory) if self.side == "post" else v

    def presynaptic(self, u: Array, memory: Memory) -> Array:
        r"""Return :math:`u - \theta_u`, or u."""
        return u - self._threshold(memory) if self.side == "pre" else u

    def check(self, w: Array) -> None:
        """Refuse a fixed threshold that is not one for each unit of its side."""
        size = w.shape[0 if self.side == "post" else 1]
        if self.theta is not None and self.theta.shape not in ((), (size,)):
            raise ValueError(
                f"theta must be a number or of shape ({size},), got {self.theta.shape}"
            )

    def _threshold(self, memory: Memory) -> Any:
        return memory[f"theta_{self.side}"] if self.theta is None else self.theta
