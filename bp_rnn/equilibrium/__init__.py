"""Gradients at a fixed point."""

from bp_rnn.equilibrium._base import (
    EquilibriumAlgorithm as EquilibriumAlgorithm,
    EquilibriumGradient as EquilibriumGradient,
)
from bp_rnn.equilibrium._report import Report as Report
from bp_rnn.equilibrium.equilibrium_propagation import (
    EquilibriumPropagation as EquilibriumPropagation,
)
from bp_rnn.equilibrium.implicit import Implicit as Implicit
from bp_rnn.equilibrium.recurrent_backprop import RecurrentBackprop as RecurrentBackprop

__all__ = [
    "EquilibriumAlgorithm",
    "EquilibriumGradient",
    "EquilibriumPropagation",
    "Implicit",
    "RecurrentBackprop",
    "Report",
]
