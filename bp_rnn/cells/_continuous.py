"""Cells given by a differential equation."""

import abc
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.cells._base import Cell
from bp_rnn.typing import Array, Params


class ContinuousCell(Cell, abc.ABC):
    r"""A cell :math:`ds/dt = F(\theta, s, x)`, advanced by one of BrainPy's integrators.

    Parameters
    ----------
    tau : float or array
        Time constant in the unit of ``dt``, one for all units or shape ``(num,)``.
    dt : float, optional
        Time step, ``bm.get_dt()`` at construction by default.
    integrator : str
        A method of ``bp.odeint``; ``'euler'`` is the lecture's. The row structure that makes
        RTRL fast holds for Euler's method; with another one the general path is taken.

    Raises
    ------
    ValueError
        If ``tau`` or ``dt`` is not positive, or the integrator is unknown.
    """

    def __init__(
        self,
        num_in: int,
        num: int,
        num_out: int,
        *,
        tau: Any = 1.0,
        dt: float | None = None,
        integrator: str = "euler",
        size: int | None = None,
        reads_out: bool = False,
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(num_in, num, num_out, size=size, reads_out=reads_out, mode=mode, name=name)
        self.dt = float(_check.positive("dt", bm.get_dt() if dt is None else dt))
        self.tau = self._time_constant(tau)
        self.integrator = _check.choice("integrator", integrator, bp.ode.get_supported_methods())
        self.rowwise = integrator == "euler"

        # without annotations: brainpy 2.8.2 pastes the signature into code that it compiles
        def derivative(state, t, params, x):  # type: ignore[no-untyped-def]  # noqa: ARG001
            return self.derivative(params, state, x)

        self._integrate = bp.odeint(derivative, method=integrator, dt=self.dt)

    @abc.abstractmethod
    def derivative(self, params: Params, state: Array, x: Array) -> Array:
        r"""Return :math:`F = ds/dt` of one sample, shape ``(S,)``; pure."""

    def step(self, params: Params, state: Array, x: Array) -> Array:
        """Integrate the derivative over one ``dt``; ``x`` is constant meanwhile."""
        return self._integrate(state, 0.0, params, x)

    def check_run(self) -> None:
        """Refuse a run with another time step than the one of this cell.

        Raises
        ------
        ValueError
            If ``bm.get_dt()``, which ``DSRunner(dt=...)`` sets, differs from ``dt``.
        """
        if bm.get_dt() != self.dt:
            raise ValueError(
                f"dt of the run is {bm.get_dt()}, but {self.name} was built with dt={self.dt}; "
                f"use DSRunner(..., dt={self.dt}) or bm.set_dt({self.dt}) "
                "(a DSRunner given another dt leaves it set for all that follows)"
            )

    def _time_constant(self, tau: Any) -> Array:
        value = np.asarray(_check.positive("tau", tau))
        if value.shape not in ((), (self.num,)):
            raise ValueError(f"tau must be a number or of shape ({self.num},), got {value.shape}")
        return jnp.asarray(value, self.state.dtype)
