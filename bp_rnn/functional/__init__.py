"""The mathematics: pure JAX functions of explicit arrays, for one sample."""

from bp_rnn.functional import (
    nonlinearity as nonlinearity,
    sensitivity as sensitivity,
    trajectory as trajectory,
)

__all__ = ["nonlinearity", "sensitivity", "trajectory"]
