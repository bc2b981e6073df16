"""What may be added to the loss; every trainer takes a list of them as ``penalties``."""

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.typing import Array, Params


@dataclasses.dataclass(frozen=True)
class RateL2:
    r"""Mean square of the rates, :math:`\frac{\lambda}{n} \sum_i h_i^2` at each step.

    Parameters
    ----------
    strength : float
        Lambda, not negative.

    Notes
    -----
    ``h`` is what the cell's ``hidden`` returns. Exact under every algorithm, because it is part of
    each step's loss. Source: Song, Yang & Wang 2016, eq. 18.
    """

    strength: float

    def __post_init__(self) -> None:
        _check.not_negative("strength", _check.number("strength", self.strength))

    def __call__(self, params: Params, hidden: Array) -> Array:  # noqa: ARG002
        """Return the penalty on one step."""
        return self.strength * jnp.mean(hidden**2)


@dataclasses.dataclass(frozen=True)
class WeightL2:
    r"""Square of the weights, :math:`\frac{\lambda}{2} \sum_{ij} w_{ij}^2`.

    Its gradient is :math:`\lambda w`: weight decay.

    Parameters
    ----------
    strength : float
        Lambda, not negative.
    names : sequence of str, optional
        The parameters that it concerns; by default every weight matrix, which are those with two
        axes or more and a name that does not start with ``b``.
    """

    strength: float
    names: Sequence[str] | None = None

    def __post_init__(self) -> None:
        _check.not_negative("strength", _check.number("strength", self.strength))

    def __call__(self, params: Params, hidden: Array) -> Array:  # noqa: ARG002
        """Return the penalty, the same at every step."""
        squares = [jnp.sum(params[k] ** 2) for k in self.chosen(params)]
        return 0.5 * self.strength * sum(squares, jnp.zeros(()))

    def chosen(self, params: Params) -> list[str]:
        """Return the names of the parameters that it concerns.

        Raises
        ------
        ValueError
            If one of ``names`` is no parameter.
        """
        if self.names is None:
            return [k for k, v in params.items() if v.ndim > 1 and not k.startswith("b")]
        return [_check.choice("names", k, params) for k in self.names]


@dataclasses.dataclass(frozen=True)
class Omega:
    r"""Pascanu's regulariser, which keeps the norm of the gradient through time.

    .. math::

        \lambda \, \Omega, \qquad \Omega = \sum_t \left(
        \frac{\| \frac{\partial L}{\partial s_{t+1}} \frac{\partial s_{t+1}}{\partial s_t} \|}
        {\| \frac{\partial L}{\partial s_{t+1}} \|} - 1 \right)^2

    averaged over the batch. It needs a pass back through each window of time, also beside an
    algorithm that works forward; a window of one step has one term.

    Parameters
    ----------
    strength : float
        Lambda, not negative.
    exact : bool
        Whether its gradient also follows how states and errors depend on the parameters. False
        holds both constant, which is the paper's and costs one backward pass.

    Notes
    -----
    Source: Pascanu, Mikolov & Bengio 2013, eqs. 9 and 10.
    """

    strength: float = 1.0
    exact: bool = False

    def __post_init__(self) -> None:
        _check.not_negative("strength", _check.number("strength", self.strength))
