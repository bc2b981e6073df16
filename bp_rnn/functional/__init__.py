"""The mathematics: pure JAX functions of explicit arrays, for one sample."""

from bp_rnn.functional import (
    constraint as constraint,
    flow as flow,
    nonlinearity as nonlinearity,
    sensitivity as sensitivity,
    trajectory as trajectory,
)

__all__ = ["constraint", "flow", "nonlinearity", "sensitivity", "trajectory"]
