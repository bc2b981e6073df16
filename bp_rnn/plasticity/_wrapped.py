"""What a rule around another rule is."""

import abc
from typing import Any

from bp_rnn.plasticity._base import Memory, PlasticityRule
from bp_rnn.typing import Array


class Wrapped(PlasticityRule, abc.ABC):
    """A rule around another one, whose memory and bounds it keeps."""

    rule: PlasticityRule

    @property
    def bounds(self) -> tuple[float, float]:
        """Those of the rule inside."""
        return self.rule.bounds

    def derivative(self, w: Array, u: Array, v: Array, memory: Memory) -> Array:
        """Return that of the rule inside."""
        return self.rule.derivative(w, u, v, memory)

    def start_memory(self, num_in: int, num: int) -> Memory:
        """Return that of the rule inside."""
        return self.rule.start_memory(num_in, num)

    def memory_derivative(self, u: Array, v: Array, memory: Memory) -> Memory:
        """Return that of the rule inside."""
        return self.rule.memory_derivative(u, v, memory)

    def project(self, w: Array, before: Array) -> Array:
        """Return that of the rule inside."""
        return self.rule.project(w, before)

    def check(self, w: Array) -> None:
        """Refuse what the rule inside refuses."""
        self.rule.check(w)


def check_rule(name: str, rule: Any, kind: Any = PlasticityRule) -> None:
    """Refuse what is no rule of that kind."""
    if not isinstance(rule, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, got {rule!r} ({type(rule).__name__})")
