"""Pictures: functions that take and return matplotlib axes."""

from bp_rnn.plot.fixed_points import (
    plot_bifurcation as plot_bifurcation,
    plot_state_space as plot_state_space,
)
from bp_rnn.plot.gradient import plot_gradient_norms as plot_gradient_norms
from bp_rnn.plot.hopfield import (
    plot_basin as plot_basin,
    plot_energy as plot_energy,
    plot_energy_slice as plot_energy_slice,
    plot_patterns as plot_patterns,
    plot_retrieval as plot_retrieval,
)
from bp_rnn.plot.modes import plot_eigenvalues as plot_eigenvalues, plot_modes as plot_modes
from bp_rnn.plot.phase_plane import plot_phase_plane as plot_phase_plane
from bp_rnn.plot.phases import plot_phases as plot_phases
from bp_rnn.plot.plasticity import (
    plot_dominance as plot_dominance,
    plot_norms as plot_norms,
    plot_responses as plot_responses,
    plot_weights as plot_weights,
    plot_window as plot_window,
)
from bp_rnn.plot.reservoir import (
    plot_echo_state as plot_echo_state,
    plot_fading_memory as plot_fading_memory,
    plot_memory_capacity as plot_memory_capacity,
    plot_separation as plot_separation,
)
from bp_rnn.plot.sequence import plot_losses as plot_losses, plot_sequence as plot_sequence

__all__ = [
    "plot_basin",
    "plot_bifurcation",
    "plot_dominance",
    "plot_echo_state",
    "plot_eigenvalues",
    "plot_energy",
    "plot_energy_slice",
    "plot_fading_memory",
    "plot_gradient_norms",
    "plot_losses",
    "plot_memory_capacity",
    "plot_modes",
    "plot_norms",
    "plot_patterns",
    "plot_phase_plane",
    "plot_phases",
    "plot_responses",
    "plot_retrieval",
    "plot_separation",
    "plot_sequence",
    "plot_state_space",
    "plot_weights",
    "plot_window",
]
