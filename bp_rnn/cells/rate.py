"""The rate network in its r-form."""

from collections.abc import Callable
from typing import Any

import brainpy.math as bm
import jax

from bp_rnn.cells._continuous import ContinuousCell
from bp_rnn.cells._parameter import Initializer, as_key, fan_in_normal, parameter
from bp_rnn.functional import nonlinearity
from bp_rnn.typing import Array, Params


class RateRNN(ContinuousCell):
    r"""Rate network with an optional linear read-out.

    .. math::

        \tau \frac{dr}{dt} = -r + \phi(W r + W_{in} x + b), \qquad z = W_{out} r + b_{out}

    Without ``num_in`` the input is added directly, :math:`\phi(W r + b + x)`, as in the lecture;
    without ``num_out`` the rates are the output, :math:`z = r`.

    Parameters
    ----------
    num_in : int or None
        Features of the input; None for an input to each unit.
    num : int
        Units, n.
    num_out : int, optional
        Features of the linear read-out.
    phi : str or callable
        ``'identity'``, ``'tanh'``, ``'relu'``, ``'sigmoid'``, ``'softplus'``, ``'elu'``,
        ``'silu'``, or a function that acts elementwise.
    tau : float or array
        Time constant(s), in the unit of ``dt``; a number or shape ``(num,)``.
    dt : float, optional
        Time step; ``bm.get_dt()`` at construction by default.
    integrator : str
        A method of ``bp.odeint``.
    w, w_in, b, w_out, b_out : float, array or callable, optional
        Initialisers as BrainPy takes them. By default weights are normal with standard deviation
        ``1 / sqrt(fan-in)`` and biases zero.
    key : int or JAX key
        Seed of the default initialisers; the same key gives the same network.
    mode, name
        As in BrainPy.

    Attributes
    ----------
    r : bm.Variable
        Rates, ``(num,)`` or ``(batch, num)``; the same Variable as ``state``.
    z : bm.Variable
        Output, ``(num_out,)`` or ``(batch, num_out)``.
    w, w_in, b, w_out, b_out : bm.TrainVar
        ``(num, num)``, ``(num, num_in)``, ``(num,)``, ``(num_out, num)``, ``(num_out,)``;
        ``w[i, j]`` is the weight from unit ``j`` to unit ``i``.

    Raises
    ------
    ValueError, TypeError
        For a size below one, ``tau`` or ``dt`` not positive, an unknown ``phi`` or
        ``integrator``, or an initial value of the wrong shape.

    Notes
    -----
    Sources: Dayan & Abbott 2001, eq. 7.11; lecture 1, "From rate-based model to general dynamic
    system" and "Example" (``phi='identity'``, ``num_in=None``).
    """

    r: bm.Variable
    w: bm.TrainVar
    w_in: bm.TrainVar
    b: bm.TrainVar
    w_out: bm.TrainVar
    b_out: bm.TrainVar

    def __init__(
        self,
        num_in: int | None,
        num: int,
        *,
        num_out: int | None = None,
        phi: str | Callable[[Array], Any] = "tanh",
        tau: Any = 1.0,
        dt: float | None = None,
        integrator: str = "euler",
        w: Initializer | None = None,
        w_in: Initializer | None = None,
        b: Initializer = 0.0,
        w_out: Initializer | None = None,
        b_out: Initializer = 0.0,
        key: Array | int = 0,
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            num if num_in is None else num_in,
            num,
            num if num_out is None else num_out,
            tau=tau,
            dt=dt,
            integrator=integrator,
            reads_out=num_out is not None,
            mode=mode,
            name=name,
        )
        # bm.tanh and its like return BrainPy arrays, which JAX transformations refuse
        self.phi = nonlinearity.resolve((lambda v: bm.as_jax(phi(v))) if callable(phi) else phi)
        self.r = self.state
        key_w, key_in, key_out = jax.random.split(as_key(key), 3)
        self.w = parameter("w", fan_in_normal(num, key_w) if w is None else w, (num, num))
        self.b = parameter("b", b, (num,))
        self.param_names = ("w", "b")
        if num_in is not None:
            w_in = fan_in_normal(num_in, key_in) if w_in is None else w_in
            self.w_in = parameter("w_in", w_in, (num, num_in))
            self.param_names = ("w", "w_in", "b")
        if num_out is not None:
            w_out = fan_in_normal(num, key_out) if w_out is None else w_out
            self.w_out = parameter("w_out", w_out, (num_out, num))
            self.b_out = parameter("b_out", b_out, (num_out,))
            self.readout_names = ("w_out", "b_out")

    def derivative(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``(-r + phi(W r + W_in x + b)) / tau``."""
        drive = params["w_in"] @ x if "w_in" in self.param_names else x
        return (-state + self.phi(params["w"] @ state + params["b"] + drive)) / self.tau

    def output(self, params: Params, state: Array) -> Array:
        """Return ``W_out r + b_out``, or the rates."""
        if not self.readout_names:
            return state
        return params["w_out"] @ state + params["b_out"]
