"""The discrete-time network, with or without leak."""

from collections.abc import Callable
from typing import Any, Unpack

import brainpy.math as bm

from bp_rnn import _check
from bp_rnn.cells._base import Cell, CellOptions
from bp_rnn.cells._parameter import Initializer, resolve_phi
from bp_rnn.typing import Array, Params


class VanillaRNN(Cell):
    r"""Discrete-time (Elman) network and its leaky form.

    .. math::

        s_t = \phi(W h_{t-1} + W_{in} x_t + b), \qquad
        h_t = \alpha h_{t-1} + (1 - \alpha) s_t, \qquad z_t = W_{out} h_t + b_{out}

    with :math:`1 - \alpha` the ``leak``; a leak of one, the default, is the vanilla RNN.

    Parameters
    ----------
    num_in : int
        Features of the input.
    num : int
        Units, n.
    phi : str or callable
        As for :class:`RateRNN`.
    leak : float
        :math:`1 - \alpha`, above 0 and at most 1.
    w, w_in, b : float, array or callable, optional
        Initialisers as BrainPy takes them. By default weights are normal with standard deviation
        ``1 / sqrt(fan-in)`` and biases zero.
    **options
        Those of :class:`Cell`.

    Attributes
    ----------
    h : bm.Variable
        Hidden state, ``(num,)`` or ``(batch, num)``; the same Variable as ``state``.
    w, w_in, b : bm.TrainVar
        ``(num, num)``, ``(num, num_in)``, ``(num,)``.

    Raises
    ------
    ValueError, TypeError
        For a size below one, a ``leak`` outside (0, 1], an unknown ``phi``, or an initial value of
        the wrong shape.

    Notes
    -----
    :class:`RateRNN` stepped by Euler's method is this network with ``leak = dt / tau``.
    Source: lecture 4, eq. 3.8 and section 3.6.2.
    """

    h: bm.Variable
    w: bm.TrainVar
    w_in: bm.TrainVar
    b: bm.TrainVar

    def __init__(
        self,
        num_in: int,
        num: int,
        *,
        phi: str | Callable[[Array], Any] = "tanh",
        leak: float = 1.0,
        w: Initializer | None = None,
        w_in: Initializer | None = None,
        b: Initializer = 0.0,
        **options: Unpack[CellOptions],
    ) -> None:
        super().__init__(_check.integer("num_in", num_in, 1), num, **options)
        self.leak = _check.positive("leak", _check.number("leak", leak))
        if self.leak > 1:
            raise ValueError(f"leak must be at most 1, got {leak}")
        self.phi = resolve_phi(phi)
        self.h = self.state
        self.add_parameter("w", w, (num, num))
        self.add_parameter("w_in", w_in, (num, num_in))
        self.add_parameter("b", b, (num,))

    def step(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``(1 - leak) h + leak phi(W h + W_in x + b)``."""
        s = self.phi(params["w"] @ state + params["w_in"] @ x + params["b"])
        return s if self.leak == 1 else (1 - self.leak) * state + self.leak * s
