"""Spike-timing-dependent plasticity."""

from typing import Any, NamedTuple

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn._state import System
from bp_rnn.cells._parameter import Initializer, fan_in_normal, parameter
from bp_rnn.functional.correlation import mean_outer
from bp_rnn.plasticity._clock import check_time_step, positive
from bp_rnn.plasticity.bounds import check_bounds, check_inside
from bp_rnn.typing import Array


class Synapses(NamedTuple):
    """What changes with the spikes.

    Attributes
    ----------
    w : Array
        Weights ``(num, num_pre)``.
    x, y : Array
        Traces of the pre- and of the postsynaptic spikes, ``(batch, num_pre)`` and
        ``(batch, num)``.
    """

    w: Array
    x: Array
    y: Array


class STDP(System):
    r"""Synapses that change with the times of the spikes on both sides.

    .. math::

        \frac{dw_{ij}}{dt} = a_0
        + \rho_j(t) \Big( a_1^{pre} + \int_0^\infty W(s) \, \rho_i(t - s) \, ds \Big)
        + \rho_i(t) \Big( a_1^{post} + \int_0^\infty W(-s) \, \rho_j(t - s) \, ds \Big)

    with spike trains :math:`\rho = \sum_f \delta(t - t^{(f)})` and the window of
    :math:`s = t_j - t_i`, the time from the postsynaptic spike to the presynaptic one:

    .. math::

        W(s) = \begin{cases} c_+ \, e^{-|s| / \tau_1} & s < 0 \\ c_- \, e^{-|s| / \tau_2} & s > 0
        \end{cases}

    The integrals are the traces :math:`x_j` and :math:`y_i`, which jump by one at a spike and decay
    with :math:`\tau_1` and :math:`\tau_2`. Spikes in the same time step do not pair.

    Parameters
    ----------
    num_pre, num : int
        Presynaptic and postsynaptic neurons.
    c_plus, c_minus : float
        Change by a pair of spikes at the least distance: positive where the presynaptic spike is
        first, negative where it is second; in the unit of the weights.
    tau_1, tau_2 : float
        Time constants of the two sides, in the unit of ``dt``.
    a_0 : float
        Change without spikes, per unit of time.
    a_1_pre, a_1_post : float
        Change by each pre- and each postsynaptic spike alone.
    pairing : str
        ``'all'``: each spike pairs with all earlier ones of the other side; ``'nearest'``: with
        the last one.
    low, high : float
        Bounds at which weights stop.
    w : float, array or callable, optional
        Initial weights ``(num, num_pre)``, as BrainPy takes them; by default normal with deviation
        ``1 / sqrt(num_pre)``.
    dt : float, optional
        Time step, ``bm.get_dt()`` at construction by default.
    key : int or JAX key
        Seed of the default weights.
    mode : bm.Mode, optional
        BrainPy's computing mode; in a batching one changes are averaged over the batch.
    name : str, optional
        BrainPy's name of the object.

    Attributes
    ----------
    w : bm.TrainVar
        ``(num, num_pre)``; ``w[i, j]`` is the weight from neuron j to neuron i.
    x, y : bm.Variable
        Traces ``(num_pre,)`` and ``(num,)``, or with a leading batch axis.

    Raises
    ------
    TypeError, ValueError
        For a size below one, a time constant that is not positive, ``c_plus`` or ``c_minus`` of
        the wrong sign, an unknown ``pairing``, or weights outside their bounds.

    Notes
    -----
    Sources: lecture "Spike-Time Dependent Plasticity", eq. 1.30 (which prints
    :math:`e^{-s/\tau_1}` for :math:`s < 0`; that would grow with the distance); Song, Miller &
    Abbott 2000; Morrison, Diesmann & Gerstner 2008 for the traces and the pairings.
    """

    w: bm.TrainVar
    x: bm.Variable
    y: bm.Variable

    def __init__(
        self,
        num_pre: int,
        num: int,
        *,
        c_plus: float = 0.01,
        c_minus: float = -0.01,
        tau_1: float = 20.0,
        tau_2: float = 20.0,
        a_0: float = 0.0,
        a_1_pre: float = 0.0,
        a_1_post: float = 0.0,
        pairing: str = "all",
        low: float = -float("inf"),
        high: float = float("inf"),
        w: Initializer | None = None,
        dt: float | None = None,
        key: Array | int = 0,
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(mode=mode, name=name)
        self.num_pre = _check.integer("num_pre", num_pre, 1)
        self.num = _check.integer("num", num, 1)
        self.c_plus = float(_check.not_negative("c_plus", _check.number("c_plus", c_plus)))
        self.c_minus = _check.number("c_minus", c_minus)
        if self.c_minus > 0:
            raise ValueError(f"c_minus must not be positive, got {c_minus}")
        self.tau_1, self.tau_2 = positive("tau_1", tau_1), positive("tau_2", tau_2)
        self.a_0 = _check.number("a_0", a_0)
        self.a_1_pre = _check.number("a_1_pre", a_1_pre)
        self.a_1_post = _check.number("a_1_post", a_1_post)
        self.is_nearest = _check.choice("pairing", pairing, ("all", "nearest")) == "nearest"
        check_bounds(low, high)
        self.low, self.high = float(low), float(high)
        self.dt = positive("dt", bm.get_dt() if dt is None else dt)
        if w is None:
            w = fan_in_normal(self.num_pre, _check.as_key(key))
        self.w = parameter("w", w, (self.num, self.num_pre))
        check_inside(self.w.value, self.low, self.high)
        self.x = bp.init.variable_(bm.zeros, (self.num_pre,), self.mode)
        self.y = bp.init.variable_(bm.zeros, (self.num,), self.mode)

    def window(self, s: Any) -> np.ndarray:
        """Return W(s), the change by one pair of spikes; zero at s = 0."""
        s = _check.real_array("s", s)
        before = self.c_plus * np.exp(-np.abs(s) / self.tau_1)
        behind = self.c_minus * np.exp(-np.abs(s) / self.tau_2)
        return np.where(s < 0, before, np.where(s > 0, behind, 0.0))

    def step(self, synapses: Synapses, pre: Array, post: Array) -> Synapses:
        """Return the synapses after spikes ``(batch, num_pre)`` and ``(batch, num)``; pure."""
        w, x, y = synapses
        x, y = x * np.exp(-self.dt / self.tau_1), y * np.exp(-self.dt / self.tau_2)
        # one product for each side, since a_1 adds to the trace of the other one
        potentiation = mean_outer(post, self.c_plus * x + self.a_1_post)
        depression = mean_outer(self.c_minus * y + self.a_1_pre, pre)
        w = jnp.clip(w + self.dt * self.a_0 + potentiation + depression, self.low, self.high)
        if self.is_nearest:
            return Synapses(w, jnp.where(pre > 0, pre, x), jnp.where(post > 0, post, y))
        return Synapses(w, x + pre, y + post)

    def update(self, pre: Any, post: Any) -> Array:
        r"""Change the weights by the spikes of one step, and return what the neurons receive.

        Parameters
        ----------
        pre, post : array
            Spikes, such as the ``spike`` of BrainPy's neurons: ``(num_pre,)`` and ``(num,)`` of
            True and False or 1 and 0, with a leading batch axis in a batching mode.

        Returns
        -------
        Array
            :math:`W \rho_{pre}` by the new weights, ``(num,)`` or ``(batch, num)``.

        Raises
        ------
        ValueError
            For another shape, or if the ``dt`` of the run is another one.
        """
        self.check_precision()
        check_time_step(self.dt, self.name)
        pre, post = self._spikes("pre", pre, self.x), self._spikes("post", post, self.y)
        held = Synapses(self.w.value, jnp.atleast_2d(self.x.value), jnp.atleast_2d(self.y.value))
        new = self.step(held, jnp.atleast_2d(pre), jnp.atleast_2d(post))
        self.w.value = new.w
        self.x.value, self.y.value = new.x.reshape(self.x.shape), new.y.reshape(self.y.shape)
        return self.current(pre)

    def current(self, pre: Any) -> Array:
        r"""Return :math:`W \rho_{pre}`, ``(num,)`` or ``(batch, num)``."""
        return self._spikes("pre", pre, self.x) @ self.w.value.T

    def reset_state(self, batch_size: int | None = None) -> None:
        """Forget the spikes; the weights stay as they are learnt."""
        is_batched = isinstance(self.mode, bm.BatchingMode)
        for trace in (self.x, self.y):
            batch = trace.shape[:-1] if batch_size is None or not is_batched else (batch_size,)
            trace.value = jnp.zeros((*batch, trace.shape[-1]), trace.dtype)

    def _spikes(self, name: str, value: Any, trace: bm.Variable) -> Array:
        spikes = jnp.asarray(bm.as_jax(value), self.w.dtype)
        if spikes.shape != trace.shape:
            raise ValueError(
                f"{name} must have shape {trace.shape} at each step, got {spikes.shape}"
            )
        return spikes
