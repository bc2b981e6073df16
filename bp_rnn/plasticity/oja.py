"""Oja's rules: one principal component, or the subspace of several."""

import dataclasses

from bp_rnn import _check
from bp_rnn.functional.correlation import mean_outer_times
from bp_rnn.plasticity._base import HebbianRule, Memory
from bp_rnn.typing import Array


@dataclasses.dataclass(frozen=True)
class Oja(HebbianRule):
    r"""Hebb's rule with a decay that holds the length of each unit's weights.

    .. math::

        \tau_w \frac{dw}{dt} = \langle v u - \alpha v^2 w \rangle, \qquad
        \frac{d|w|^2}{dt} = \frac{2 v^2}{\tau_w} (1 - \alpha |w|^2)

    The weights of a linear unit go to the first principal component of the inputs, with
    :math:`|w|^2 = 1 / \alpha`. Several units all go there.

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
    Sources: Oja 1982; lecture "Oja Rule", eq. 2.19 (whose derivative of the squared length lacks
    the factor 2).
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        _check.positive("alpha", _check.number("alpha", self.alpha))

    def postsynaptic(self, v: Array, memory: Memory) -> Array:  # noqa: ARG002
        """Return v."""
        return v

    def shrink(self, w: Array, v: Array) -> Array:
        r"""Return :math:`\alpha \langle v_i^2 \rangle w_i` in row i."""
        return self.alpha * (v**2).mean(0)[:, None] * w


@dataclasses.dataclass(frozen=True)
class OjaSubspace(HebbianRule):
    r"""Oja's rule for several units, which share out the principal subspace.

    .. math::

        \tau_w \frac{dW}{dt} = \langle v u^T - \alpha v v^T W \rangle

    The rows of W become orthogonal, of squared length :math:`1 / \alpha`, and span the same space
    as the first principal components; which of its bases they are is left open.

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
    Source: Oja 1989.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        _check.positive("alpha", _check.number("alpha", self.alpha))

    def postsynaptic(self, v: Array, memory: Memory) -> Array:  # noqa: ARG002
        """Return v."""
        return v

    def shrink(self, w: Array, v: Array) -> Array:
        r"""Return :math:`\alpha \langle v v^T \rangle W`."""
        return self.alpha * mean_outer_times(v, w)
