"""Decay of the weights, beside a rule."""

import dataclasses

from bp_rnn import _check
from bp_rnn.plasticity._base import HebbianRule, Memory
from bp_rnn.plasticity._wrapped import Wrapped, check_rule
from bp_rnn.typing import Array


@dataclasses.dataclass(frozen=True)
class Decay(HebbianRule, Wrapped):
    r"""All weights decay beside what the rule does.

    .. math::

        \tau_w \frac{dW}{dt} = G(v, u, W) - \lambda W

    Parameters
    ----------
    rule : HebbianRule
        The rule inside, which gives G.
    rate : float
        Lambda; positive, in the unit of the squared rates.

    Raises
    ------
    TypeError, ValueError
        If ``rule`` is not a :class:`HebbianRule` (bounds go around a decay, not into it), or
        ``rate`` is not positive.
    """

    rule: HebbianRule
    rate: float

    def __post_init__(self) -> None:
        check_rule("rule", self.rule, HebbianRule)
        _check.positive("rate", _check.number("rate", self.rate))

    @property
    def blockwise(self) -> bool:  # type: ignore[override]
        """As the rule inside."""
        return self.rule.blockwise

    def postsynaptic(self, v: Array, memory: Memory) -> Array:
        """Return that of the rule inside."""
        return self.rule.postsynaptic(v, memory)

    def presynaptic(self, u: Array, memory: Memory) -> Array:
        """Return that of the rule inside."""
        return self.rule.presynaptic(u, memory)

    def shrink(self, w: Array, v: Array) -> Array:
        r"""Return that of the rule inside and :math:`\lambda W`."""
        return self.rule.shrink(w, v) + self.rate * w
