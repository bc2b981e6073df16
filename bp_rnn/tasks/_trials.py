"""What a task returns, and what all tasks check."""

from typing import NamedTuple

from bp_rnn import _check
from bp_rnn.typing import Array


class Trials(NamedTuple):
    """Data of a task, as ``fit`` takes them.

    Attributes
    ----------
    x : Array
        Input ``(num_trial, T, features)``.
    y : Array
        Target ``(num_trial, T, features)``, or class labels ``(num_trial, T)``.
    mask : Array
        ``(num_trial, T)``, one where the task asks for the target.
    """

    x: Array
    y: Array
    mask: Array


def counts(**given: int) -> list[int]:
    """Return the numbers if all of them are integers of at least one."""
    return [_check.integer(name, value, 1) for name, value in given.items()]
