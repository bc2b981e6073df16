"""The lecture's class under the lecture's names."""

from collections.abc import Callable
from typing import Any

import brainpy as bp
import brainpy.math as bm

from bp_rnn.cells import RateRNN
from bp_rnn.gradients import RTRL
from bp_rnn.typing import Array


class RNN(RTRL):
    r"""The lecture's network with its sensitivities, for any number of units.

    .. math::

        \frac{dr}{dt} = -r + W r + b + x, \qquad
        \frac{dp_w}{dt} = (-I + W) p_w + r, \qquad \frac{dp_b}{dt} = (-I + W) p_b + 1

    It is ``RTRL(RateRNN(None, num, phi='identity'))`` started as in the homework, ``w = b = 1``.

    Parameters
    ----------
    num : int
        Units.
    w, b : float, array or callable
        Initialisers; the identity matrix and ones by default.
    tau : float or array
        Time constant(s), in the unit of ``dt``.
    phi : str or callable
        Nonlinearity; the lecture's network is linear.
    dt : float, optional
        Time step; ``bm.get_dt()`` at construction by default.
    mode
        As in BrainPy.

    Attributes
    ----------
    r, w, b : bm.Variable
        Rates ``(num,)``, weights ``(num, num)`` and biases ``(num,)``.
    p_w, p_b : bm.Variable
        :math:`dr/dw` ``(num, num, num)`` and :math:`dr/db` ``(num, num)``.

    Notes
    -----
    Source: lecture 1, "Example" and "Homework".
    """

    r: bm.Variable
    w: bm.TrainVar
    b: bm.TrainVar
    p_w: bm.Variable
    p_b: bm.Variable

    def __init__(
        self,
        num: int = 1,
        *,
        w: Any = None,
        b: Any = 1.0,
        tau: Any = 1.0,
        phi: str | Callable[[Array], Any] = "identity",
        dt: float | None = None,
        mode: bm.Mode | None = None,
    ) -> None:
        w = bp.init.Identity() if w is None else w
        super().__init__(RateRNN(None, num, w=w, b=b, tau=tau, phi=phi, dt=dt, mode=mode))
