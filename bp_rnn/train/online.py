"""Updates while the sequence runs."""

from typing import Any

import brainpy as bp

from bp_rnn import _check
from bp_rnn.train._base import Trainer


class OnlineTrainer(Trainer):
    """Train with an update after every ``update_every`` steps, while the sequence runs.

    The trace is carried from one window to the next. With ``'rtrl'`` (and ``update_every=1``)
    this is real-time recurrent learning as Williams and Zipser (1989) have it; with ``'bptt'``,
    which carries no trace, it is truncated BPTT.

    Parameters
    ----------
    target : Cell, GradientAlgorithm or bp.DynamicalSystem
        As for :class:`OfflineTrainer`; the default ``method`` is ``'rtrl'``.
    update_every : int
        Steps between two updates; the gradient is that of their mean loss.
    **options
        Those of :class:`OfflineTrainer`.
    """

    method = "rtrl"

    def __init__(
        self, target: bp.DynamicalSystem, *, update_every: int = 1, **options: Any
    ) -> None:
        self.update_every = _check.integer("update_every", update_every, 1)
        super().__init__(target, **options)
