"""The continuous Hopfield network."""

from typing import Any, Unpack

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.hopfield._coupled import CoupledMemory, CoupledOptions
from bp_rnn.hopfield._settle import Moved
from bp_rnn.hopfield.patterns import BIPOLAR
from bp_rnn.typing import Array, Params


class ContinuousHopfield(CoupledMemory):
    r"""Hopfield network of graded units: capacitors, resistors and amplifiers.

    .. math::

        C_j \frac{dv_j}{dt} = -\frac{v_j}{R_j} + \sum_i w_{ji} x_i + b_j, \qquad
        x_j = \tanh_a(v_j) = \frac{1 - e^{-a v_j}}{1 + e^{-a v_j}}

    Its energy never rises along a trajectory,

    .. math::

        E = -\tfrac{1}{2} \sum_{ij} w_{ji} x_i x_j
        + \sum_j \frac{1}{R_j} \int_0^{x_j} \tanh_a^{-1}(x) \, dx - \sum_j b_j x_j, \qquad
        \int_0^{x} \tanh_a^{-1} = v x - \frac{2}{a} \ln \cosh \frac{a v}{2}

    and for a to infinity the integral vanishes and x is the discrete network's state.

    Parameters
    ----------
    num : int
        Units, N.
    gain : float
        The amplifiers' a, above zero. Memories exist where ``a R / 2 > 1``, with W's of order 1.
    resistance, capacitance : float or array
        R and C, above zero; a number or ``(num,)``. ``R C`` is the time constant, in the unit of
        ``dt``.
    dt : float, optional
        Time step, ``bm.get_dt()`` at construction by default.
    integrator : str
        A method of ``bp.odeint``, such as ``'euler'`` or ``'rk4'``.
    rest : float
        ``retrieve`` takes a network for converged once no potential changes by more than this
        within its time constant R C, relative to the largest potential, or to 2/a where all are
        smaller.
    rule, activity, w, b, mask
        As for :class:`CoupledMemory`; patterns are of -1 and 1, and b is the current I.
    key, mode, name
        As for :class:`AssociativeMemory`.

    Attributes
    ----------
    v : bm.Variable
        Potentials, ``(num,)`` or ``(batch, num)``; the same Variable as ``state``. Probes are
        potentials too.
    x : bm.Variable
        Outputs, of the same shape; overlaps are those of x.
    w, b : bm.TrainVar
        Couplings ``(num, num)`` and bias currents ``(num,)``.
    patterns, overlap, energy, flips, converged, cycle : bm.Variable
        As for :class:`AssociativeMemory`; a flip is a change of sign.

    Raises
    ------
    TypeError, ValueError
        For a matrix that is not symmetric, a gain, resistance, capacitance or time step that is
        not positive, an unknown name, a run with another dt.

    Notes
    -----
    Sources: Hopfield 1984, eqs. 5 and 7; lecture "Continuous Hopfield Networks", eqs. 2.25 and
    2.26.
    """

    v: bm.Variable
    x: bm.Variable

    def __init__(
        self,
        num: int,
        *,
        gain: float = 10.0,
        resistance: Any = 1.0,
        capacitance: Any = 1.0,
        dt: float | None = None,
        integrator: str = "euler",
        rest: float = 1e-4,
        **options: Unpack[CoupledOptions],
    ) -> None:
        super().__init__(num, levels=BIPOLAR, probe_levels=None, **options)
        self.gain = _check.positive("gain", _check.number("gain", gain))
        self.resistance = self._per_unit("resistance", resistance)
        self.capacitance = self._per_unit("capacitance", capacitance)
        self.dt = _check.positive("dt", _check.number("dt", bm.get_dt() if dt is None else dt))
        self.rest = _check.positive("rest", _check.number("rest", rest))
        name = _check.choice("integrator", integrator, bp.ode.get_supported_methods())
        self.v = self.state
        self.x = bp.init.variable_(bm.zeros, (self.num,), self.mode)

        # without annotations: brainpy 2.8.2 pastes the signature into code that it compiles
        def derivative(v, t, params):  # type: ignore[no-untyped-def]  # noqa: ARG001
            return self.derivative(params, v)

        self._integrate = bp.odeint(derivative, method=name, dt=self.dt)
        self.reset_state()

    def output(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return ``tanh_a(v)``."""
        return jnp.tanh(self.gain * state / 2)

    def state_of(self, output: Array) -> Array:
        """Return the potentials of outputs from -1 to 1, those of 1 just below infinity."""
        most = 1 - jnp.finfo(output.dtype).eps
        return (2 / self.gain) * jnp.arctanh(jnp.clip(output, -most, most))

    def derivative(self, params: Params, v: Array) -> Array:
        """Return ``dv/dt`` of potentials ``(batch, num)``; pure."""
        return (self.fields(params, v) - v / self.resistance) / self.capacitance

    def fields(self, params: Params, state: Array) -> Array:
        """Return ``W x + b``."""
        return self.recurrent(params, self.output(params, state)) + params["b"]

    def advance(self, params: Params, state: Array, field: Any, key: Array) -> Moved:  # noqa: ARG002
        """Return the potentials one ``dt`` later."""
        new = self._integrate(state, 0.0, params)
        flips = ((new > 0) != (state > 0)).sum(-1)
        size = jnp.maximum(jnp.abs(new).max(-1), 2 / self.gain)
        change = jnp.abs(new - state) * self.resistance * self.capacitance / self.dt
        moving = change.max(-1) > self.rest * size
        return Moved(new, self.fields(params, new), flips.astype(jnp.int32), moving)

    def energy_of(self, params: Params, state: Array, field: Any) -> Array:
        """Return the Lyapunov function of potentials ``(batch, num)``."""
        x = self.output(params, state)
        integral = inverse_integral(state, self.gain) / self.resistance
        return (integral - x * (field + params["b"]) / 2).sum(-1)

    def update(self, x: Any = None) -> Array:
        """Advance by one ``dt``, with a current ``x`` to each unit, if any.

        Raises
        ------
        ValueError
            If ``bm.get_dt()``, which ``DSRunner(dt=...)`` sets, differs from ``dt``.
        """
        if bm.get_dt() != self.dt:
            raise ValueError(
                f"dt of the run is {bm.get_dt()}, but {self.name} was built with dt={self.dt}; "
                f"use DSRunner(..., dt={self.dt}) or bm.set_dt({self.dt})"
            )
        return super().update(x)

    def _observe(self, params: Params, state: Array, field: Any) -> None:
        super()._observe(params, state, field)
        self.x.value = self._unbatch(self.output(params, state))

    def _per_unit(self, name: str, value: Any) -> Array:
        array = np.asarray(_check.positive(name, value))
        if array.shape not in ((), (self.num,)):
            raise ValueError(
                f"{name} must be a number or of shape ({self.num},), got {array.shape}"
            )
        return jnp.asarray(array, bm.float_)


def inverse_integral(v: Array, gain: float) -> Array:
    r"""Return :math:`\int_0^{x} \tanh_a^{-1}(s) \, ds` at :math:`x = \tanh_a(v)`.

    It is the integral of :math:`u \, d\tanh_a(u)` from 0 to v, by parts; written for large v, where
    x is 1 to the last digit.
    """
    u = jnp.abs(gain * v / 2)
    log_cosh = u + jnp.log1p(jnp.exp(-2 * u)) - jnp.log(2.0)
    return (2 / gain) * (u * jnp.tanh(u) - log_cosh)
