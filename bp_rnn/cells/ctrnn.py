"""The continuous-time network in its x-form."""

from collections.abc import Callable
from typing import Any, Unpack

import brainpy.math as bm

from bp_rnn.cells._continuous import ContinuousCell, ContinuousOptions
from bp_rnn.cells._parameter import Initializer, resolve_phi
from bp_rnn.typing import Array, Params


class CTRNN(ContinuousCell):
    r"""Continuous-time RNN in its x-form: the nonlinearity acts on each unit's own state.

    .. math::

        \tau \frac{dx}{dt} = -x + W \phi(x) + W_{in} u + b, \qquad r = \phi(x), \qquad
        z = W_{out} r + b_{out}

    Here ``x`` is the state, as in the lecture, and ``u`` what ``update`` is given.

    Parameters
    ----------
    num_in : int or None
        Features of the input u; None for an input to each unit.
    num : int
        Units, n.
    phi : str or callable
        As for :class:`RateRNN`.
    tau : float or array
        Time constant(s), in the unit of ``dt``; a number or shape ``(num,)``.
    w, w_in, b : float, array or callable, optional
        Initialisers as BrainPy takes them. By default weights are normal with standard deviation
        ``1 / sqrt(fan-in)`` and biases zero.
    **options
        Those of :class:`ContinuousCell` and :class:`Cell`.

    Attributes
    ----------
    x : bm.Variable
        Activations, ``(num,)`` or ``(batch, num)``; the same Variable as ``state``.
    r : bm.Variable
        Rates phi(x), of the same shape.
    w, w_in, b : bm.TrainVar
        ``(num, num)``, ``(num, num_in)``, ``(num,)``.

    Raises
    ------
    ValueError, TypeError
        As for :class:`RateRNN`.

    Notes
    -----
    Source: lecture 2, "The continuous time RNN".
    """

    x: bm.Variable
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
        super().__init__(num_in, num, tau=tau, num_hidden=num, **options)
        self.phi = resolve_phi(phi)
        self.x = self.state
        self.add_parameter("w", w, (num, num))
        if num_in is not None:
            self.add_parameter("w_in", w_in, (num, num_in))
        self.add_parameter("b", b, (num,))
        self.add_view("r")

    def derivative(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``(-x + W phi(x) + W_in u + b) / tau``."""
        drive = self.drive(params, x) + params["b"]
        return (-state + params["w"] @ self.phi(state) + drive) / self.tau

    def hidden(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return the rates ``phi(x)``."""
        return self.phi(state)

    def views(self, params: Params, state: Array) -> dict[str, Array]:  # noqa: ARG002
        """Return the rates ``r``."""
        return {"r": self.phi(state)}
