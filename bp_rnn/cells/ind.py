"""Independent recurrence: each unit hears itself alone."""

from collections.abc import Callable
from typing import Any, Unpack

import brainpy as bp
import brainpy.math as bm

from bp_rnn import _check
from bp_rnn.cells._base import Cell, CellOptions
from bp_rnn.cells._parameter import Initializer, resolve_phi
from bp_rnn.typing import Array, Params


class IndRNN(Cell):
    r"""Network with independent (diagonal) recurrence.

    .. math::

        h_t = \phi(w \odot h_{t-1} + W_{in} x_t + b), \qquad z_t = W_{out} h_t + b_{out}

    Parameters
    ----------
    num_in : int
        Features of the input.
    num : int
        Units, n.
    phi : str or callable
        As for :class:`RateRNN`; the paper's is ``'relu'``.
    w, w_in, b : float, array or callable, optional
        Initialisers as BrainPy takes them; ``w`` is uniform between 0 and 1 by default, the
        input weights normal with standard deviation ``1 / sqrt(fan-in)``, biases zero.
    **options
        Those of :class:`Cell`.

    Attributes
    ----------
    h : bm.Variable
        Hidden state, ``(num,)`` or ``(batch, num)``; the same Variable as ``state``.
    w, w_in, b : bm.TrainVar
        ``(num,)``, ``(num, num_in)``, ``(num,)``.

    Notes
    -----
    Its gradient over T steps is bounded by ``max |w| ** T``: ``constrain(net, w=Bounded(...))``
    keeps it alive. Stack it with :class:`Deep`, so that units meet. Source: Li et al. 2018, eq. 2.
    """

    independent = True
    h: bm.Variable
    w: bm.TrainVar
    w_in: bm.TrainVar
    b: bm.TrainVar

    def __init__(
        self,
        num_in: int,
        num: int,
        *,
        phi: str | Callable[[Array], Any] = "relu",
        w: Initializer | None = None,
        w_in: Initializer | None = None,
        b: Initializer = 0.0,
        **options: Unpack[CellOptions],
    ) -> None:
        super().__init__(_check.integer("num_in", num_in, 1), num, **options)
        self.phi = resolve_phi(phi)
        self.h = self.state
        uniform = bp.init.Uniform(0.0, 1.0)
        self.add_parameter("w", uniform if w is None else w, (num,))
        self.add_parameter("w_in", w_in, (num, num_in))
        self.add_parameter("b", b, (num,))

    def step(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``phi(w * h + W_in x + b)``."""
        return self.phi(params["w"] * state + params["w_in"] @ x + params["b"])
