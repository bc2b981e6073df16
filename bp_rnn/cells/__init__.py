"""Recurrent networks as BrainPy systems."""

from bp_rnn.cells._base import Cell as Cell
from bp_rnn.cells._continuous import ContinuousCell as ContinuousCell
from bp_rnn.cells.bidirectional import Bidirectional as Bidirectional
from bp_rnn.cells.brainpy import from_brainpy as from_brainpy
from bp_rnn.cells.ctrnn import CTRNN as CTRNN
from bp_rnn.cells.deep import Deep as Deep
from bp_rnn.cells.energy import EnergyRNN as EnergyRNN
from bp_rnn.cells.gru import GRU as GRU
from bp_rnn.cells.ind import IndRNN as IndRNN
from bp_rnn.cells.layered import LayeredRNN as LayeredRNN
from bp_rnn.cells.linear import LinearRNN as LinearRNN
from bp_rnn.cells.lstm import LSTM as LSTM
from bp_rnn.cells.rate import RateRNN as RateRNN
from bp_rnn.cells.two_timescale import TwoTimescaleRNN as TwoTimescaleRNN
from bp_rnn.cells.vanilla import VanillaRNN as VanillaRNN

__all__ = [
    "CTRNN",
    "GRU",
    "LSTM",
    "Bidirectional",
    "Cell",
    "ContinuousCell",
    "Deep",
    "EnergyRNN",
    "IndRNN",
    "LayeredRNN",
    "LinearRNN",
    "RateRNN",
    "TwoTimescaleRNN",
    "VanillaRNN",
    "from_brainpy",
]
