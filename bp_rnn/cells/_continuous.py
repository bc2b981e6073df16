"""Cells given by a differential equation."""

import abc
from typing import Any, Unpack

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.cells._base import Cell, CellOptions
from bp_rnn.typing import Array, Input, Params


class ContinuousOptions(CellOptions, total=False):
    """The options of every continuous-time cell; :class:`ContinuousCell` says what they mean."""

    dt: float | None
    integrator: str
    noise: Any
    noise_in: float


class ContinuousCell(Cell, abc.ABC):
    r"""A cell :math:`ds/dt = F(\theta, s, x)`, advanced by one of BrainPy's integrators.

    With noise, a step of length :math:`\Delta t` is

    .. math::

        s \leftarrow s + \int F\Big(\theta, s, x + \sigma_{in} \sqrt{2 \bar\tau / \Delta t}\,
        \eta\Big) dt + \sigma \sqrt{2 \Delta t / \tau}\, \xi

    with independent standard normal :math:`\eta`, :math:`\xi`: a unit without connections
    fluctuates with standard deviation :math:`\sigma` (in the limit of small :math:`\Delta t`).

    Parameters
    ----------
    num_in, num, size, num_hidden
        As for :class:`Cell`.
    tau : float or array
        Time constant in the unit of ``dt``, one for all units or shape ``(num,)``.
    dt : float, optional
        Time step, ``bm.get_dt()`` at construction by default.
    integrator : str
        A method of ``bp.odeint``; ``'euler'`` is the lecture's. The row structure that makes
        RTRL fast holds for Euler's method; with another one the general path is taken.
    noise : float or array
        Private noise sigma of each unit, in the unit of the state; a number or ``(num,)``.
    noise_in : float
        Noise of each input, in the unit of ``x``; its time constant is the mean ``tau``.
    **options
        Those of :class:`Cell`.

    Raises
    ------
    ValueError
        If ``tau`` or ``dt`` is not positive, a noise negative, or the integrator unknown.

    Notes
    -----
    Noise: Song, Yang & Wang 2016, eqs. 6 and 7.
    """

    def __init__(
        self,
        num_in: int | None,
        num: int,
        *,
        tau: Any = 1.0,
        dt: float | None = None,
        integrator: str = "euler",
        noise: Any = 0.0,
        noise_in: float = 0.0,
        size: int | None = None,
        num_hidden: int | None = None,
        **options: Unpack[CellOptions],
    ) -> None:
        super().__init__(num_in, num, size=size, num_hidden=num_hidden, **options)
        self.dt = _check.positive("dt", _check.number("dt", bm.get_dt() if dt is None else dt))
        self.tau = self._per_unit("tau", _check.positive("tau", tau))
        self.integrator = _check.choice("integrator", integrator, bp.ode.get_supported_methods())
        self.rowwise = integrator == "euler"
        self.noise = self._per_unit("noise", _check.not_negative("noise", noise))
        self.noise_in = _check.not_negative("noise_in", _check.number("noise_in", noise_in))
        if self.noise_in > 0 or bool((self.noise > 0).any()):
            self._draw_noise()

        # without annotations: brainpy 2.8.2 pastes the signature into code that it compiles
        def derivative(state, t, params, x):  # type: ignore[no-untyped-def]  # noqa: ARG001
            return self.derivative(params, state, x)

        self._integrate = bp.odeint(derivative, method=integrator, dt=self.dt)

    @abc.abstractmethod
    def derivative(self, params: Params, state: Array, x: Array) -> Array:
        r"""Return :math:`F = ds/dt` of one sample, shape ``(S,)``; pure."""

    def step(self, params: Params, state: Array, x: Any) -> Array:
        """Integrate the derivative over one ``dt``; ``x`` is constant meanwhile."""
        x, key = (x.x, x.key) if isinstance(x, Input) else (x, None)
        if key is None:
            return self._integrate(state, 0.0, params, x)
        key_in, key = jax.random.split(key)
        normal = jax.random.normal(key_in, x.shape, x.dtype)
        scale = self.noise_in * (2 * self.tau.mean() / self.dt) ** 0.5
        new = self._integrate(state, 0.0, params, x + scale * normal)
        return new + self.noise_step(jax.random.normal(key, (self.num,), state.dtype))

    def noise_step(self, normal: Array) -> Array:
        """Return what ``num`` standard normal numbers add to the state in one step, ``(S,)``."""
        return self.noise * (2 * self.dt / self.tau) ** 0.5 * normal

    def drive(self, params: Params, x: Array) -> Array:
        """Return the input to each unit: ``W_in x``, or ``x`` where there is no input matrix."""
        return params["w_in"] @ x if "w_in" in self.param_names else x

    def check_run(self) -> None:
        """Refuse a run with another time step than the one of this cell.

        Raises
        ------
        ValueError
            If ``bm.get_dt()``, which ``DSRunner(dt=...)`` sets, differs from ``dt``.
        """
        require_dt(self)

    def _per_unit(self, name: str, value: Any) -> Array:
        value = np.asarray(value)
        if value.shape not in ((), (self.num,)):
            raise ValueError(
                f"{name} must be a number or of shape ({self.num},), got {value.shape}"
            )
        return jnp.asarray(value, self.state.dtype)


def require_dt(cell: Cell) -> None:
    """Raise a ``ValueError`` if BrainPy's time step is another one than the cell's."""
    if bm.get_dt() != cell.dt:
        raise ValueError(
            f"dt of the run is {bm.get_dt()}, but {cell.name} was built with dt={cell.dt}; "
            f"use DSRunner(..., dt={cell.dt}) or bm.set_dt({cell.dt}) "
            "(a DSRunner given another dt leaves it set for all that follows)"
        )
