"""Gated recurrent unit."""

from typing import Unpack

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.cells._base import Cell, CellOptions
from bp_rnn.cells._parameter import Initializer
from bp_rnn.typing import Array, Params


class GRU(Cell):
    r"""Gated recurrent unit.

    .. math::

        z_t &= \sigma(W_z h_{t-1} + U_z x_t + b_z), \qquad
        r_t = \sigma(W_r h_{t-1} + U_r x_t + b_r) \\
        g_t &= \tanh(W_g (r_t \odot h_{t-1}) + U_g x_t + b_g) \\
        h_t &= z_t \odot h_{t-1} + (1 - z_t) \odot g_t

    With ``reset_after`` the reset gate acts behind the matrix,
    :math:`g_t = \tanh(r_t \odot (W_g h_{t-1}) + U_g x_t + b_g)`: then row i of every parameter
    drives unit i alone, which makes RTRL fast.

    Parameters
    ----------
    num_in : int
        Features of the input.
    num : int
        Units, n.
    reset_after : bool
        Where the reset gate acts; False is the lecture's.
    w, w_g, w_in : float, array or callable, optional
        Initialisers; a function is called once for each gate. By default normal with standard
        deviation ``1 / sqrt(fan-in)``.
    b : float, array or callable
        Zero by default.
    **options
        Those of :class:`Cell`.

    Attributes
    ----------
    h : bm.Variable
        Hidden state, ``(num,)`` or ``(batch, num)``; the same Variable as ``state``.
    w, w_g : bm.TrainVar
        ``(num, 2, num)``, W of the gates z and r on axis 1, and ``(num, num)``.
    w_in, b : bm.TrainVar
        ``(num, 3, num_in)`` and ``(num, 3)``: U and b, with z, r and g on axis 1.

    Notes
    -----
    ``bp.dyn.GRUCell`` has the same gates in the same order, but its z is ``1 - z`` here (the sign
    of row z is opposite) and it multiplies rows (``x @ Wi + h @ Wh``). torch's is the one with
    ``reset_after``, in the order r, z, g, with a second bias inside the product with r, which is
    not here. Sources: Cho et al. 2014, eqs. 5-8; lecture 4, section 3.6.2.
    """

    h: bm.Variable
    w: bm.TrainVar
    w_g: bm.TrainVar
    w_in: bm.TrainVar
    b: bm.TrainVar

    def __init__(
        self,
        num_in: int,
        num: int,
        *,
        reset_after: bool = False,
        w: Initializer | None = None,
        w_g: Initializer | None = None,
        w_in: Initializer | None = None,
        b: Initializer = 0.0,
        **options: Unpack[CellOptions],
    ) -> None:
        super().__init__(_check.integer("num_in", num_in, 1), num, **options)
        self.reset_after = self.rowwise = bool(reset_after)
        self.h = self.state
        self.add_parameter("w", w, (num, 2, num))
        self.add_parameter("w_g", w_g, (num, num))
        self.add_parameter("w_in", w_in, (num, 3, num_in))
        self.add_parameter("b", b, (num, 3))

    def step(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``h`` after one step."""
        # few splits: the derivative of one is a concatenation
        drive = (params["w_in"] @ x + params["b"]).T.reshape(-1)
        drive, drive_g = jnp.split(drive, [2 * self.num])
        z, r = jnp.split(jax.nn.sigmoid((params["w"] @ state).T.reshape(-1) + drive), 2)
        inner = r * (params["w_g"] @ state) if self.reset_after else params["w_g"] @ (r * state)
        return z * state + (1 - z) * jnp.tanh(inner + drive_g)

    def state_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Return -1 and 1: h is a mean of h and of a hyperbolic tangent."""
        return np.full(self.size, -1.0), np.full(self.size, 1.0)
