"""Ready-made networks: cells with the weights that make them compute something."""

from bp_rnn.networks.attractor import (
    line_attractor as line_attractor,
    persistent_activity as persistent_activity,
    two_attractors as two_attractors,
    winner_take_all as winner_take_all,
)
from bp_rnn.networks.linear import (
    amplifier as amplifier,
    autapses as autapses,
    growth as growth,
    integrator as integrator,
    mutual_excitation as mutual_excitation,
    mutual_inhibition as mutual_inhibition,
    sequence_generator as sequence_generator,
)
from bp_rnn.networks.ring import (
    Bump as Bump,
    bump as bump,
    population_vector as population_vector,
    preferred_angles as preferred_angles,
    ring_attractor as ring_attractor,
)

__all__ = [
    "Bump",
    "amplifier",
    "autapses",
    "bump",
    "growth",
    "integrator",
    "line_attractor",
    "mutual_excitation",
    "mutual_inhibition",
    "persistent_activity",
    "population_vector",
    "preferred_angles",
    "ring_attractor",
    "sequence_generator",
    "two_attractors",
    "winner_take_all",
]
