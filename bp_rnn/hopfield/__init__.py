"""Associative memory: networks whose fixed points are stored patterns."""

from bp_rnn.hopfield import mean_field as mean_field
from bp_rnn.hopfield._base import AssociativeMemory as AssociativeMemory
from bp_rnn.hopfield._settle import Retrieval as Retrieval
from bp_rnn.hopfield.basin import Basin as Basin, basin_of_attraction as basin_of_attraction
from bp_rnn.hopfield.capacity import (
    RetrievalCurve as RetrievalCurve,
    retrieval_curve as retrieval_curve,
)
from bp_rnn.hopfield.continuous import ContinuousHopfield as ContinuousHopfield
from bp_rnn.hopfield.dense import DenseHopfield as DenseHopfield
from bp_rnn.hopfield.discrete import DiscreteHopfield as DiscreteHopfield
from bp_rnn.hopfield.landscape import EnergySlice as EnergySlice, energy_slice as energy_slice
from bp_rnn.hopfield.patterns import corrupt as corrupt, random_patterns as random_patterns
from bp_rnn.hopfield.rules import (
    covariance as covariance,
    outer_product as outer_product,
    pseudo_inverse as pseudo_inverse,
    storkey as storkey,
)
from bp_rnn.hopfield.softmax import SoftmaxHopfield as SoftmaxHopfield
from bp_rnn.hopfield.spurious import FixedPoints as FixedPoints, fixed_points as fixed_points

__all__ = [
    "AssociativeMemory",
    "Basin",
    "ContinuousHopfield",
    "DenseHopfield",
    "DiscreteHopfield",
    "EnergySlice",
    "FixedPoints",
    "Retrieval",
    "RetrievalCurve",
    "SoftmaxHopfield",
    "basin_of_attraction",
    "corrupt",
    "covariance",
    "energy_slice",
    "fixed_points",
    "mean_field",
    "outer_product",
    "pseudo_inverse",
    "random_patterns",
    "retrieval_curve",
    "storkey",
]
