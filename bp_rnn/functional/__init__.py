"""The mathematics: pure JAX functions of explicit arrays, for one sample."""

from bp_rnn.functional import (
    constraint as constraint,
    fixed_point as fixed_point,
    flow as flow,
    linear_solve as linear_solve,
    nonlinearity as nonlinearity,
    sensitivity as sensitivity,
    trajectory as trajectory,
)

__all__ = [
    "constraint",
    "fixed_point",
    "flow",
    "linear_solve",
    "nonlinearity",
    "sensitivity",
    "trajectory",
]
