"""Reservoirs: random networks whose read-out alone is fitted."""

from bp_rnn.reservoir._base import Reservoir as Reservoir
from bp_rnn.reservoir.esn import ESN as ESN
from bp_rnn.reservoir.spectrum import (
    spectral_norm as spectral_norm,
    spectral_radius as spectral_radius,
)

__all__ = ["ESN", "Reservoir", "spectral_norm", "spectral_radius"]
