"""The rate network in its r-form."""

from collections.abc import Callable
from typing import Any, Unpack

import brainpy.math as bm

from bp_rnn.cells._continuous import ContinuousCell, ContinuousOptions
from bp_rnn.cells._parameter import Initializer, resolve_phi
from bp_rnn.typing import Array, Params


class RateRNN(ContinuousCell):
    r"""Rate network in its r-form: the nonlinearity acts on the summed input.

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
    phi : str or callable
        ``'identity'``, ``'tanh'``, ``'relu'``, ``'sigmoid'``, ``'softplus'``, ``'elu'``,
        ``'silu'``, or a function that acts elementwise.
    tau : float or array
        Time constant(s), in the unit of ``dt``; a number or shape ``(num,)``.
    w, w_in, b : float, array or callable, optional
        Initialisers as BrainPy takes them. By default weights are normal with standard deviation
        ``1 / sqrt(fan-in)`` and biases zero.
    **options
        Those of :class:`ContinuousCell` (``dt``, ``integrator``, ``noise``, ``noise_in``) and of
        :class:`Cell` (``num_out``, ``w_out``, ``b_out``, ``init_state``, ``train_init_state``,
        ``key``, ``mode``, ``name``).

    Attributes
    ----------
    r : bm.Variable
        Rates, ``(num,)`` or ``(batch, num)``; the same Variable as ``state``.
    w, w_in, b : bm.TrainVar
        ``(num, num)``, ``(num, num_in)``, ``(num,)``; ``w[i, j]`` is the weight from unit ``j``
        to unit ``i``.

    Raises
    ------
    ValueError, TypeError
        For a size below one, ``tau`` or ``dt`` not positive, an unknown ``phi`` or
        ``integrator``, or an initial value of the wrong shape.

    Notes
    -----
    It gives the same output as :class:`CTRNN` where the two equations are one:
    :math:`x = W r + W_{in} u + b` obeys the x-form while the input rests (Miller & Fumarola 2012).
    Sources: Dayan & Abbott 2001, eq. 7.11; lecture 1, "From rate-based model to general dynamic
    system" and "Example" (``phi='identity'``, ``num_in=None``).
    """

    r: bm.Variable
    w: bm.TrainVar
    w_in: bm.TrainVar
    b: bm.TrainVar

    def __init__(
        self,
        num_in: int | None,
        num: int,
        *,
        phi: str | Callable[[Array], Any] = "tanh",
        tau: Any = 1.0,
        w: Initializer | None = None,
        w_in: Initializer | None = None,
        b: Initializer = 0.0,
        **options: Unpack[ContinuousOptions],
    ) -> None:
        super().__init__(num_in, num, tau=tau, **options)
        self.phi = resolve_phi(phi)
        self.r = self.state
        self.add_parameter("w", w, (num, num))
        if num_in is not None:
            self.add_parameter("w_in", w_in, (num, num_in))
        self.add_parameter("b", b, (num,))

    def derivative(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``(-r + phi(W r + W_in x + b)) / tau``."""
        drive = self.drive(params, x) + params["b"]
        return (-state + self.phi(params["w"] @ state + drive)) / self.tau
