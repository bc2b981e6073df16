"""The linear network."""

import functools
from typing import Any, Unpack

import brainpy.math as bm
import jax

from bp_rnn.cells._continuous import ContinuousCell, ContinuousOptions
from bp_rnn.cells._parameter import Initializer
from bp_rnn.functional import linear, modes
from bp_rnn.typing import Array, Params


class LinearRNN(ContinuousCell):
    r"""Linear rate network.

    .. math::

        \tau \frac{dv}{dt} = -v + M v + h, \qquad h = W_{in} u, \qquad z = W_{out} v + b_{out}

    Here u is what ``update`` is given; without ``num_in`` it is h itself. Without ``num_out`` the
    rates are the output, :math:`z = v`.

    Parameters
    ----------
    num_in : int or None
        Features of the input u; None for an input h to each unit.
    num : int
        Units.
    tau : float or array
        Time constant(s), in the unit of ``dt``; a number or shape ``(num,)``.
    w, w_in : float, array or callable, optional
        Initialisers as BrainPy takes them, of M and W_in. By default weights are normal with
        standard deviation ``1 / sqrt(fan-in)``.
    **options
        Those of :class:`ContinuousCell` and :class:`Cell`.

    Attributes
    ----------
    v : bm.Variable
        Rates, ``(num,)`` or ``(batch, num)``; the same Variable as ``state``. They may be
        negative.
    w, w_in : bm.TrainVar
        The lecture's M, ``(num, num)``, and its W, ``(num, num_in)``; ``w[i, j]`` is the weight
        from unit ``j`` to unit ``i``.

    Raises
    ------
    ValueError, TypeError
        As for :class:`RateRNN`.

    Notes
    -----
    Source: lecture 5, "We will start by analyzing the case with linear neurons".
    """

    v: bm.Variable
    w: bm.TrainVar
    w_in: bm.TrainVar

    def __init__(
        self,
        num_in: int | None,
        num: int,
        *,
        tau: Any = 1.0,
        w: Initializer | None = None,
        w_in: Initializer | None = None,
        **options: Unpack[ContinuousOptions],
    ) -> None:
        super().__init__(num_in, num, tau=tau, **options)
        self.v = self.state
        self.add_parameter("w", w, (num, num))
        if num_in is not None:
            self.add_parameter("w_in", w_in, (num, num_in))

    def derivative(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``(-v + M v + h) / tau``."""
        return (-state + params["w"] @ state + self.drive(params, x)) / self.tau

    def exact_rollout(self, params: Params, state: Array, xs: Array) -> tuple[Array, Array]:
        """Return what ``rollout`` approximates, by the matrix exponential; pure, without noise.

        Parameters
        ----------
        params, state
            Parameters and initial state ``(num,)``.
        xs : Array
            Inputs ``(T, num_in)``, each held over one ``dt``.

        Returns
        -------
        tuple of Array
            The last state ``(num,)`` and the states after each step ``(T, num)``.
        """
        hs = jax.vmap(functools.partial(self.drive, params))(xs)
        return linear.rollout(params["w"], self.tau, state, hs, self.dt)

    def modes(self) -> modes.Modes:
        """Return eigenvalues, eigenvectors, gains and time constants of the present weights.

        Raises
        ------
        TypeError
            If the units have time constants of their own.
        """
        return modes.modes(self.w.value, self.tau)
