"""The mathematics: pure JAX functions of explicit arrays, for one sample."""

from bp_rnn.functional import (
    constraint as constraint,
    fixed_point as fixed_point,
    flow as flow,
    linear as linear,
    linear_solve as linear_solve,
    lyapunov as lyapunov,
    modes as modes,
    nonlinearity as nonlinearity,
    sensitivity as sensitivity,
    separatrix as separatrix,
    trajectory as trajectory,
    zeros as zeros,
)

__all__ = [
    "constraint",
    "fixed_point",
    "flow",
    "linear",
    "linear_solve",
    "lyapunov",
    "modes",
    "nonlinearity",
    "sensitivity",
    "separatrix",
    "trajectory",
    "zeros",
]
