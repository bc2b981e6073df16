"""What a network does: fixed and slow points, stability, chaos."""

from bp_rnn.analysis._points import FixedPoints as FixedPoints, Search as Search
from bp_rnn.analysis.branches import (
    Branches as Branches,
    fixed_points_along as fixed_points_along,
)
from bp_rnn.analysis.contraction import Contraction as Contraction, perturb as perturb
from bp_rnn.analysis.fixed_points import find_fixed_points as find_fixed_points
from bp_rnn.analysis.linear import Linearisation as Linearisation, linearise as linearise
from bp_rnn.analysis.lyapunov import (
    LyapunovSpectrum as LyapunovSpectrum,
    lyapunov_spectrum as lyapunov_spectrum,
)
from bp_rnn.analysis.stability import classify as classify, growth_rates as growth_rates
from bp_rnn.analysis.systems import Flow as Flow, Map as Map

__all__ = [
    "Branches",
    "Contraction",
    "FixedPoints",
    "Flow",
    "Linearisation",
    "LyapunovSpectrum",
    "Map",
    "Search",
    "classify",
    "find_fixed_points",
    "fixed_points_along",
    "growth_rates",
    "linearise",
    "lyapunov_spectrum",
    "perturb",
]
