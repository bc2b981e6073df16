"""Reservoirs: random networks whose read-out alone is fitted."""

from bp_rnn._spectrum import (
    spectral_norm as spectral_norm,
    spectral_radius as spectral_radius,
)
from bp_rnn.reservoir._base import Reservoir as Reservoir
from bp_rnn.reservoir.bidirectional_esn import BidirectionalESN as BidirectionalESN
from bp_rnn.reservoir.deep_esn import DeepESN as DeepESN
from bp_rnn.reservoir.echo_state import (
    EchoState as EchoState,
    echo_state_property as echo_state_property,
)
from bp_rnn.reservoir.esn import ESN as ESN
from bp_rnn.reservoir.force import FORCE as FORCE
from bp_rnn.reservoir.intrinsic import intrinsic_plasticity as intrinsic_plasticity
from bp_rnn.reservoir.liquid import LSM as LSM
from bp_rnn.reservoir.memory_capacity import (
    MemoryCapacity as MemoryCapacity,
    memory_capacity as memory_capacity,
)
from bp_rnn.reservoir.rank import (
    generalisation_rank as generalisation_rank,
    kernel_rank as kernel_rank,
)
from bp_rnn.reservoir.separation import (
    FadingMemory as FadingMemory,
    fading_memory as fading_memory,
    separation as separation,
)

__all__ = [
    "ESN",
    "FORCE",
    "LSM",
    "BidirectionalESN",
    "DeepESN",
    "EchoState",
    "FadingMemory",
    "MemoryCapacity",
    "Reservoir",
    "echo_state_property",
    "fading_memory",
    "generalisation_rank",
    "intrinsic_plasticity",
    "kernel_rank",
    "memory_capacity",
    "separation",
    "spectral_norm",
    "spectral_radius",
]
