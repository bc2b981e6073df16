"""The rate network with a synaptic and a membrane time constant."""

from collections.abc import Callable
from typing import Any, Unpack

import brainpy.math as bm
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.cells._continuous import ContinuousCell, ContinuousOptions
from bp_rnn.cells._parameter import Initializer, resolve_phi
from bp_rnn.typing import Array, Params


class TwoTimescaleRNN(ContinuousCell):
    r"""Rate network whose synaptic current and firing rate each have a time constant.

    .. math::

        \tau_s \frac{dI}{dt} = -I + W v + W_{in} x + b, \qquad
        \tau_r \frac{dv}{dt} = -v + F(I), \qquad z = W_{out} v + b_{out}

    Its limits are the two rate models with one time constant: :math:`\tau_s \ll \tau_r` gives
    the r-form, :class:`RateRNN` with ``tau=tau_r``; :math:`\tau_r \ll \tau_s` gives
    :math:`v = F(I)`, the x-form, :class:`CTRNN` with ``tau=tau_s``.

    Parameters
    ----------
    num_in : int or None
        Features of the input; None for an input to each unit.
    num : int
        Units, n.
    tau_s, tau_r : float or array
        Synaptic and rate time constant(s), in the unit of ``dt``; numbers or shape ``(num,)``.
        Euler's method is stable for ``dt`` below both.
    phi : str or callable
        The nonlinearity F, as for :class:`RateRNN`.
    w, w_in, b : float, array or callable, optional
        As for :class:`RateRNN`.
    **options
        Those of :class:`ContinuousCell` and :class:`Cell`. Private noise enters the current.

    Attributes
    ----------
    v, current : bm.Variable
        Rates v and currents I, ``(num,)`` or ``(batch, num)``; ``state`` is ``[v, current]``.
    w, w_in, b : bm.TrainVar
        ``(num, num)``, ``(num, num_in)``, ``(num,)``.

    Raises
    ------
    ValueError, TypeError
        As for :class:`RateRNN`.

    Notes
    -----
    Sources: Dayan & Abbott 2001, eqs. 7.4-7.6; lecture 1, "From rate-based model to general
    dynamic system"; lecture 4, eqs. 2.7-2.9.
    """

    v: bm.Variable
    current: bm.Variable
    w: bm.TrainVar
    w_in: bm.TrainVar
    b: bm.TrainVar

    def __init__(
        self,
        num_in: int | None,
        num: int,
        *,
        tau_s: Any = 1.0,
        tau_r: Any = 1.0,
        phi: str | Callable[[Array], Any] = "tanh",
        w: Initializer | None = None,
        w_in: Initializer | None = None,
        b: Initializer = 0.0,
        **options: Unpack[ContinuousOptions],
    ) -> None:
        _check.positive("tau_s", tau_s)
        _check.positive("tau_r", tau_r)
        size = 2 * _check.integer("num", num, 1)
        super().__init__(num_in, num, tau=tau_s, size=size, num_hidden=num, **options)
        self.phi = resolve_phi(phi)
        self.tau_s, self.tau_r = self.tau, self._per_unit("tau_r", tau_r)
        self.add_parameter("w", w, (num, num))
        if num_in is not None:
            self.add_parameter("w_in", w_in, (num, num_in))
        self.add_parameter("b", b, (num,))
        self.add_view("v")
        self.add_view("current")

    def derivative(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``[(-v + F(I)) / tau_r, (-I + W v + W_in x + b) / tau_s]``."""
        v, current = jnp.split(state, 2)
        drive = self.drive(params, x) + params["b"]
        dv = (-v + self.phi(current)) / self.tau_r
        return jnp.concatenate([dv, (-current + params["w"] @ v + drive) / self.tau_s])

    def noise_step(self, normal: Array) -> Array:
        """Return the noise of the currents."""
        return jnp.concatenate([jnp.zeros_like(normal), super().noise_step(normal)])

    def hidden(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return the rates ``v``."""
        return state[: self.num]

    def views(self, params: Params, state: Array) -> dict[str, Array]:  # noqa: ARG002
        """Return the rates ``v`` and the currents ``current``."""
        return {"v": state[: self.num], "current": state[self.num :]}
