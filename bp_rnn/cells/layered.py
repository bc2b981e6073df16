"""A feedforward network as a dynamical system."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Unpack

import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.cells._continuous import ContinuousCell, ContinuousOptions
from bp_rnn.cells._parameter import Initializer, resolve_phi
from bp_rnn.typing import Array, Params


class LayeredRNN(ContinuousCell):
    r"""Layers that relax to the feedforward pass through them.

    .. math::

        \tau \frac{dx_k}{dt} = -x_k + f(w_k x_{k-1} + b_k), \qquad k = 1..K, \qquad
        z = W_{out} x_K + b_{out}

    with the input as :math:`x_0`. Its fixed point is :math:`x_k = f(w_k x_{k-1} + b_k)`, and the
    gradient at the fixed point is backpropagation.

    Parameters
    ----------
    num_in : int
        Features of the input.
    num : int or sequence of int
        Units of each layer, from the input up; a number for one layer.
    phi : str or callable
        The nonlinearity f, as for :class:`RateRNN`.
    tau : float or array
        Time constant(s), in the unit of ``dt``; a number or one for each unit of all layers. With
        ``tau`` equal to ``dt`` the network rests after as many steps as it has layers.
    w, b : float, array or callable, optional
        Initialisers of every layer, as for :class:`RateRNN`.
    **options
        Those of :class:`ContinuousCell` and :class:`Cell`.

    Attributes
    ----------
    x_<k> : bm.Variable
        Layer k, from 1: ``(units,)`` or ``(batch, units)``. ``state`` is all of them, joined.
    w_<k>, b_<k> : bm.TrainVar
        ``(units, units below)`` and ``(units,)``.

    Raises
    ------
    ValueError, TypeError
        As for :class:`RateRNN`.

    Notes
    -----
    Source: lecture 1, "back propagation" (there two layers, without b).
    """

    recurrent_names = ()

    def __init__(
        self,
        num_in: int,
        num: int | Sequence[int],
        *,
        phi: str | Callable[[Array], Any] = "tanh",
        tau: Any = 1.0,
        w: Initializer | None = None,
        b: Initializer = 0.0,
        **options: Unpack[ContinuousOptions],
    ) -> None:
        self.sizes = _sizes(num)
        super().__init__(
            _check.integer("num_in", num_in, 1),
            sum(self.sizes),
            tau=tau,
            num_hidden=self.sizes[-1],
            **options,
        )
        self.rowwise = False
        self.phi = resolve_phi(phi)
        self._cuts = np.cumsum(self.sizes)[:-1]
        for k, (below, here) in enumerate(itertools.pairwise((self.num_in, *self.sizes)), 1):
            self.add_parameter(f"w_{k}", w, (here, below))
            self.add_parameter(f"b_{k}", b, (here,))
        for k in range(1, len(self.sizes) + 1):
            self.add_view(f"x_{k}")

    def derivative(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``(-x_k + f(w_k x_{k-1} + b_k)) / tau`` of all layers, joined."""
        layers = self._split(state)
        passed = [
            self.phi(params[f"w_{k}"] @ below + params[f"b_{k}"])
            for k, below in enumerate([x, *layers[:-1]], 1)
        ]
        return (-state + jnp.concatenate(passed)) / self.tau

    def hidden(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return the last layer."""
        return self._split(state)[-1]

    def views(self, params: Params, state: Array) -> dict[str, Array]:  # noqa: ARG002
        """Return the layers ``x_1``, ``x_2``, ..."""
        return {f"x_{k}": v for k, v in enumerate(self._split(state), 1)}

    def _split(self, state: Array) -> list[Array]:
        return jnp.split(state, self._cuts)


def _sizes(num: int | Sequence[int]) -> tuple[int, ...]:
    if not isinstance(num, Sequence) or isinstance(num, str):
        return (_check.integer("num", num, 1),)
    if not num:
        raise ValueError("num must hold at least one layer, got none")
    return tuple(_check.integer(f"num[{i}]", v, 1) for i, v in enumerate(num))
