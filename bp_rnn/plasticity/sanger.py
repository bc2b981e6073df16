"""Sanger's rule: principal components in their order."""

import dataclasses

from bp_rnn import _check
from bp_rnn.functional.correlation import mean_lower_outer_times
from bp_rnn.plasticity._base import HebbianRule, Memory
from bp_rnn.typing import Array


@dataclasses.dataclass(frozen=True)
class Sanger(HebbianRule):
    r"""Each unit learns by Oja's rule what the units before it leave of the input.

    .. math::

        \tau_w \frac{dw_i}{dt} = \Big\langle v_i \Big( u - \alpha \sum_{k \le i} v_k w_k \Big)
        \Big\rangle

    The weights of linear unit i go to principal component i, of squared length
    :math:`1 / \alpha`.

    Parameters
    ----------
    alpha : float
        Inverse of the squared length; positive.

    Raises
    ------
    TypeError, ValueError
        If ``alpha`` is not a positive number.

    Notes
    -----
    Source: Sanger 1989 (the generalised Hebbian algorithm).
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        _check.positive("alpha", _check.number("alpha", self.alpha))

    def postsynaptic(self, v: Array, memory: Memory) -> Array:  # noqa: ARG002
        """Return v."""
        return v

    def shrink(self, w: Array, v: Array) -> Array:
        r"""Return :math:`\alpha \, \mathrm{LT} \langle v v^T \rangle W`."""
        return self.alpha * mean_lower_outer_times(v, w)
