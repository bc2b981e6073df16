"""Long short-term memory."""

from typing import Unpack

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.cells._base import Cell, CellOptions
from bp_rnn.cells._parameter import Initializer
from bp_rnn.typing import Array, Params


class LSTM(Cell):
    r"""Long short-term memory.

    .. math::

        f_t &= \sigma(W_f h_{t-1} + U_f x_t + b_f), \qquad
        i_t = \sigma(W_i h_{t-1} + U_i x_t + b_i) \\
        v_t &= \tanh(W_v h_{t-1} + U_v x_t + b_v), \qquad
        o_t = \sigma(W_o h_{t-1} + U_o x_t + b_o) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot v_t, \qquad
        h_t = o_t \odot \tanh(c_t), \qquad z_t = W_{out} h_t + b_{out}

    Parameters
    ----------
    num_in : int
        Features of the input.
    num : int
        Units, n.
    w, w_in : float, array or callable, optional
        Initialisers; a function is called once for each gate. By default normal with standard
        deviation ``1 / sqrt(fan-in)``.
    b : float, array or callable, optional
        By default zero, but one for the forget gate, so that memory is kept at first.
    **options
        Those of :class:`Cell`.

    Attributes
    ----------
    h, c : bm.Variable
        Hidden and cell state, ``(num,)`` or ``(batch, num)``; ``state`` is ``[h, c]``.
    w, w_in, b : bm.TrainVar
        ``(num, 4, num)``, ``(num, 4, num_in)``, ``(num, 4)``: W, U and b, with the gates f, i, v,
        o on axis 1.

    Notes
    -----
    ``bp.dyn.LSTMCell`` orders the gates i, g (v here), f, o, multiplies rows (``x @ Wi + h @ Wh``)
    and adds one to ``f`` inside the sigmoid, which is ``b[:, 0]`` here; torch orders them i, f, g,
    o and has two biases, whose sum is ``b``. Sources: Hochreiter & Schmidhuber 1997; Gers et al.
    2000; lecture 2, "Long short-term memory"; lecture 4, eq. 3.17.
    """

    h: bm.Variable
    c: bm.Variable
    w: bm.TrainVar
    w_in: bm.TrainVar
    b: bm.TrainVar

    def __init__(
        self,
        num_in: int,
        num: int,
        *,
        w: Initializer | None = None,
        w_in: Initializer | None = None,
        b: Initializer | None = None,
        **options: Unpack[CellOptions],
    ) -> None:
        _check.integer("num_in", num_in, 1)
        size = 2 * _check.integer("num", num, 1)
        super().__init__(num_in, num, size=size, num_hidden=num, **options)
        self.add_parameter("w", w, (num, 4, num))
        self.add_parameter("w_in", w_in, (num, 4, num_in))
        keep = jnp.zeros((num, 4)).at[:, 0].set(1.0)
        self.add_parameter("b", keep if b is None else b, (num, 4))
        self.add_view("h")
        self.add_view("c")

    def step(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``[h, c]`` after one step."""
        h, c = jnp.split(state, 2)
        gates = params["w"] @ h + params["w_in"] @ x + params["b"]
        f, i, v, o = jnp.split(gates.T.reshape(-1), 4)  # its derivative is one concatenation
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(v)
        return jnp.concatenate([jax.nn.sigmoid(o) * jnp.tanh(c), c])

    def hidden(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return ``h``."""
        return state[: self.num]

    def views(self, params: Params, state: Array) -> dict[str, Array]:  # noqa: ARG002
        """Return ``h`` and ``c``."""
        return {"h": state[: self.num], "c": state[self.num :]}

    def state_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Return -1 and 1 for h, no limits for c."""
        high = np.repeat([1.0, np.inf], self.num)
        return -high, high
