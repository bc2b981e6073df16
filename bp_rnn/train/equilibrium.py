"""Learning at a fixed point."""

from collections.abc import Callable, Sequence
from typing import Any

import brainpy as bp
import jax
import numpy as np

from bp_rnn import _check, _data, equilibrium
from bp_rnn.cells import Cell, from_brainpy
from bp_rnn.equilibrium import EquilibriumAlgorithm, Report
from bp_rnn.gradients import GradientAlgorithm
from bp_rnn.penalties import Omega
from bp_rnn.train._base import Trainer
from bp_rnn.typing import Array

METHODS: dict[str, type[EquilibriumAlgorithm]] = {
    "implicit": equilibrium.Implicit,
    "recurrent_backprop": equilibrium.RecurrentBackprop,
    "equilibrium_propagation": equilibrium.EquilibriumPropagation,
}


class EquilibriumTrainer(Trainer):
    r"""Train a network by where it settles: each input is held until the network rests.

    .. math:: \theta \leftarrow \theta - \eta \frac{d}{d\theta} \frac{1}{B} \sum_b l(z^*_b, y_b)

    It is the engine of :class:`OfflineTrainer`: all epochs run in one compiled program. The
    search starts from the initial state each time.

    Parameters
    ----------
    target : Cell, EquilibriumAlgorithm or bp.DynamicalSystem
        What learns. A cell (or any BrainPy system, through ``from_brainpy``) takes ``method`` and
        ``loss``; an algorithm such as ``EquilibriumPropagation(cell)`` is used as it is.
    method : {'implicit', 'recurrent_backprop', 'equilibrium_propagation'}
        How a cell's gradient is computed; ``'implicit'`` by default.
    loss : str or callable
        As for :class:`OfflineTrainer`, ``'mean_squared_error'`` by default; an algorithm has its
        own.
    penalties : sequence
        :class:`RateL2`, :class:`WeightL2`, or any function ``(params, hidden) -> scalar``, at the
        fixed point.
    optimizer, clip_value, clip_norm, progress_bar, key
        As for :class:`OfflineTrainer`.

    Attributes
    ----------
    net : EquilibriumAlgorithm
        The network with its algorithm.
    train_losses : numpy.ndarray
        Loss of every epoch so far, penalties included.
    report : Report
        What was found of each sample in the last epoch, or by the last :meth:`predict`.

    Raises
    ------
    ValueError, TypeError
        As for :class:`OfflineTrainer`.
    """

    method = "implicit"
    at_rest = True

    def __init__(
        self,
        target: bp.DynamicalSystem,
        *,
        method: str | None = None,
        loss: str | Callable[..., Any] | None = None,
        optimizer: Any = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        penalties: Sequence[Any] = (),
        progress_bar: bool = True,
        key: Array | int = 0,
    ) -> None:
        net = _algorithm(target, method, loss)
        super().__init__(
            net,
            loss=net.loss,
            optimizer=optimizer,
            clip_value=clip_value,
            clip_norm=clip_norm,
            penalties=penalties,
            progress_bar=progress_bar,
            key=key,
        )
        if any(isinstance(p, Omega) for p in penalties):
            raise ValueError("penalties must not hold Omega, which is one of a stretch of time")
        self.report: Report | None = None

    def fit(  # type: ignore[override]
        self, data: Sequence[Any], *, num_epoch: int = 100, batch_size: int | None = None
    ) -> np.ndarray:
        """Train on ``data`` and return the loss of every epoch of this call.

        Parameters
        ----------
        data : tuple
            Input ``x``, ``(samples, num_in)``, and target ``y``, ``(samples, num_out)`` or class
            labels ``(samples,)``. Samples that ``np.ma`` masks are left out, of ``report`` too.
        num_epoch, batch_size : int
            As for :meth:`OfflineTrainer.fit`.

        Raises
        ------
        ValueError, TypeError
            For data of the wrong shape or type or with NaN, before anything is changed.
        FloatingPointError
            If a sample has no stable fixed point or no gradient, or the loss becomes infinite: the
            message names samples and reasons, and the parameters of the last epoch before it are
            in place.
        """
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise TypeError(f"data must be a pair (x, y), got {type(data).__name__}")
        x, y = _data.pairs(self.cell, data[0], data[1], self.loss)
        try:
            return super().fit((x[:, None], y[:, None]), num_epoch=num_epoch, batch_size=batch_size)
        finally:
            if self._report is not None:
                self.report = jax.tree.map(lambda v: np.asarray(v)[:, 0], self._report)

    def predict(self, x: Any) -> Array:  # type: ignore[override]
        """Return the outputs at the fixed points, ``(samples, num_out)``; trains nothing.

        Parameters
        ----------
        x : array
            ``(samples, num_in)``.

        Notes
        -----
        The output of a sample without a stable fixed point is NaN, and ``report`` tells why.
        """
        _, zs, report = self.net.settle(x)
        self.report = jax.tree.map(np.asarray, report)
        return zs


def _algorithm(target: bp.DynamicalSystem, method: str | None, loss: Any) -> EquilibriumAlgorithm:
    if method is not None:
        _check.choice("method", method, METHODS)
    if isinstance(target, EquilibriumAlgorithm):
        for name, given in (("method", method), ("loss", loss)):
            if given is not None:
                own = f"{type(target).__name__} with its own"
                raise ValueError(f"{name} is {given!r}, but target is already {own}")
        return target
    if isinstance(target, GradientAlgorithm):
        raise TypeError(
            f"target must learn at fixed points, got {type(target).__name__}; use OfflineTrainer"
        )
    cell = target if isinstance(target, Cell) else from_brainpy(target)
    return METHODS[method or "implicit"](cell, loss="mean_squared_error" if loss is None else loss)
