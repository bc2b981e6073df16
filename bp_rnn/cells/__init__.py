"""Recurrent networks as BrainPy systems."""

from bp_rnn.cells._base import Cell as Cell
from bp_rnn.cells._continuous import ContinuousCell as ContinuousCell
from bp_rnn.cells.brainpy import from_brainpy as from_brainpy
from bp_rnn.cells.rate import RateRNN as RateRNN

__all__ = ["Cell", "ContinuousCell", "RateRNN", "from_brainpy"]
