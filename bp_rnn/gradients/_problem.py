"""Data and a loss, as they are given to look at a gradient."""

from typing import Any, NamedTuple

from bp_rnn import _data, _loss
from bp_rnn.cells import Cell
from bp_rnn.functional import trajectory
from bp_rnn.typing import Array, Input, Loss, Target


class Problem(NamedTuple):
    """What a gradient is of; every leaf has a batch axis.

    Attributes
    ----------
    state : Array
        Initial states, ``(B, S)``.
    xs : Array or Input
        ``(B, T, ...)``.
    targets : Target
        ``(B, T, ...)``, weighted so that the loss is the mean over what counts.
    loss : Loss
        Of one sample at one step.
    """

    state: Array
    xs: Any
    targets: Target
    loss: Loss


def problem(
    cell: Cell, state: Any, xs: Any, ys: Any, loss: Any, mask: Any, lengths: Any
) -> Problem:
    """Return the problem that is posed in the words of a trainer's ``fit``, checked."""
    resolved = _loss.resolve(loss)
    x, key = (xs.x, xs.key) if isinstance(xs, Input) else (xs, None)
    data = (x, ys) if mask is None else (x, ys, mask)
    values, targets, weights, valid = _data.batch(cell, data, lengths, resolved)
    start = _data.initial_state(cell, state, None, len(values))
    keys = None
    if key is not None:
        if key.size != weights.size:
            raise ValueError(f"xs.key must hold a key for each of {weights.shape}, got {key.shape}")
        keys = key.reshape(weights.shape)
    ended = None if cell.causal or bool(valid.all()) else valid
    driven = values if keys is None and ended is None else Input(values, keys, ended)
    return Problem(start, driven, trajectory.mean_targets(targets, weights, valid), resolved)
