"""A network with symmetric weights, which follows the slope of an energy."""

from collections.abc import Callable
from typing import Any, Unpack

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn.cells._continuous import ContinuousCell, ContinuousOptions
from bp_rnn.cells._parameter import Initializer, resolve_phi
from bp_rnn.typing import Array, Params


class EnergyRNN(ContinuousCell):
    r"""Network with symmetric weights: its dynamics go down an energy and end at a fixed point.

    .. math::

        E(r, x) = \tfrac12 r^T r - \tfrac12 \phi(r)^T W \phi(r) - \phi(r)^T (W_{in} x + b),
        \qquad
        \tau \frac{dr}{dt} = -\frac{\partial E}{\partial r}
        = -r + \phi'(r) \odot (W \phi(r) + W_{in} x + b)

    The weight between units i and j is :math:`(w_{ij} + w_{ji})/2`, whatever ``w`` is.

    Parameters
    ----------
    num_in : int or None
        Features of the input; None for an input to each unit.
    num : int
        Units, n.
    phi : str or callable
        As for :class:`RateRNN`; a bounded one keeps the energy bounded from below.
    tau : float or array
        As for :class:`RateRNN`. Units with different time constants still go downhill, but the
        Jacobian of the dynamics is then not symmetric.
    w, w_in, b : float, array or callable, optional
        As for :class:`RateRNN`; the start of ``w`` is made symmetric.
    **options
        Those of :class:`ContinuousCell` and :class:`Cell`.

    Attributes
    ----------
    r : bm.Variable
        State, ``(num,)`` or ``(batch, num)``; the same Variable as ``state``.
    energy : bm.Variable
        E after the last step, with the input of that step; ``()`` or ``(batch,)``. Without noise
        and with a ``dt`` well below ``tau`` it never rises while the input rests.
    w, w_in, b : bm.TrainVar
        ``(num, num)``, ``(num, num_in)``, ``(num,)``.

    Raises
    ------
    ValueError, TypeError
        As for :class:`RateRNN`.

    Notes
    -----
    Lecture 1, "Fixed point representation", has :math:`F = \partial E / \partial r`, with the
    opposite sign of E. Sources: Hopfield 1984; Scellier & Bengio 2017, eqs. 1 and 4.
    """

    r: bm.Variable
    energy: bm.Variable
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
        self.rowwise = False  # w[i, j] drives units i and j
        self.phi = resolve_phi(phi)
        self.r = self.state
        self.add_parameter("w", w, (num, num))
        if num_in is not None:
            self.add_parameter("w_in", w_in, (num, num_in))
        self.add_parameter("b", b, (num,))
        self.energy = bm.Variable(
            jnp.zeros(self.state.shape[:-1], self.state.dtype),
            batch_axis=0 if self.is_batched else None,
        )
        self._rest()

    def potential(self, params: Params, state: Array, x: Array) -> Array:
        """Return the energy E of one sample, a scalar; pure."""
        rate = self.phi(state)
        recurrent = 0.5 * rate @ (params["w"] @ rate)
        return 0.5 * state @ state - recurrent - rate @ (self.drive(params, x) + params["b"])

    def derivative(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``(-r + phi'(r) (W phi(r) + W_in x + b)) / tau``, the slope of the energy."""
        rate, slope = jax.vjp(self.phi, state)
        pull = _symmetric(params["w"]) @ rate + self.drive(params, x) + params["b"]
        return (-state + slope(pull)[0]) / self.tau

    def observe(self, x: Array) -> None:
        """Write the energy of the state under the input ``x``."""
        params = self.params()
        energy = self._over_batch(lambda state, x: self.potential(params, state, x))
        self.energy.value = energy(self.state.value, self.as_input(x))

    def reset_state(self, batch_size: int | None = None) -> None:
        """Return to the initial state, with its energy without input."""
        super().reset_state(batch_size)
        self._rest()

    def _initial(self, name: str, init: Initializer | None, shape: tuple[int, ...]) -> Array:
        value = super()._initial(name, init, shape)
        return _symmetric(value) if name == "w" else value

    def _rest(self) -> None:
        self.observe(jnp.zeros((*self.state.shape[:-1], self.num_in), self.state.dtype))


def _symmetric(w: Array) -> Array:
    return 0.5 * (w + w.T)
