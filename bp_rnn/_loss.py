"""Losses by name: BrainPy's, taken at one sample and one time step."""

from collections.abc import Callable
from typing import Any

import brainpy as bp
import brainpy.math as bm

from bp_rnn import _check
from bp_rnn.typing import Array, Loss

#: Those of ``bp.losses`` that take (prediction, target).
NAMES = (
    "l2_loss",
    "mean_squared_error",
    "mean_absolute_error",
    "mean_squared_log_error",
    "huber_loss",
    "log_cosh_loss",
    "cross_entropy_loss",
    "sigmoid_binary_cross_entropy",
)


def resolve(loss: str | Callable[..., Any]) -> Loss:
    """Return the loss of one sample at one step that ``loss`` names or is."""
    function = loss if callable(loss) else getattr(bp.losses, _check.choice("loss", loss, NAMES))

    def at_one_step(z: Array, y: Array) -> Array:
        return bm.as_jax(function(z, y))

    return at_one_step
