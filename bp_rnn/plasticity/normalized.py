"""Multiplicative normalisation, around a rule."""

import dataclasses

import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.plasticity._base import PlasticityRule
from bp_rnn.plasticity._wrapped import Wrapped, check_rule
from bp_rnn.typing import Array


@dataclasses.dataclass(frozen=True)
class Normalized(Wrapped):
    r"""Weights of each unit are scaled, after every step, to a length.

    .. math::

        w_i \leftarrow \ell \, w_i / |w_i|

    Parameters
    ----------
    rule : PlasticityRule
        The rule inside.
    length : float
        Of the weights of a unit; positive.

    Raises
    ------
    TypeError, ValueError
        If ``rule`` is none or ``length`` is not positive; from the network that learns, if it
        starts from weights of zero.

    Notes
    -----
    Source: Miller & MacKay 1994, multiplicative normalisation; Oja's rule is its limit for small
    steps of Hebb's.
    """

    rule: PlasticityRule
    length: float = 1.0

    def __post_init__(self) -> None:
        check_rule("rule", self.rule)
        _check.positive("length", _check.number("length", self.length))

    def project(self, w: Array, before: Array) -> Array:
        """Return each row with its length."""
        w = self.rule.project(w, before)
        return self.length * w / jnp.linalg.norm(w, axis=1, keepdims=True)

    def check(self, w: Array) -> None:
        """Refuse weights without a direction."""
        self.rule.check(w)
        if not bool((jnp.abs(w).max(1) > 0).all()):
            raise ValueError("w must not be zero for all inputs of a unit")
