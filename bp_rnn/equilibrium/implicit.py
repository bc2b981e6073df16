"""The gradient at a fixed point by the implicit function theorem."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.cells import Cell
from bp_rnn.equilibrium._base import Adjoint, EquilibriumAlgorithm
from bp_rnn.functional import linear_solve
from bp_rnn.functional.fixed_point import Rate
from bp_rnn.typing import Array


class Implicit(EquilibriumAlgorithm):
    r"""Gradient at a fixed point from a linear system.

    .. math::

        v^* J = -\frac{\partial l}{\partial r^*}, \qquad
        \frac{dl}{d\theta} = v^* \frac{\partial F}{\partial \theta}

    Parameters
    ----------
    cell : Cell
        The network.
    solver : {'bicgstab', 'gmres', 'direct'}
        How the system is solved: from products with J alone, which never builds J, or by
        factoring it. BiCGSTAB costs least; what it breaks off, GMRES finishes.
    **options
        Those of :class:`EquilibriumAlgorithm`.

    Notes
    -----
    Memory does not grow with the steps of the relaxation. Sources: lecture 1, "Fixed point
    representation"; Bai, Kolter & Koltun 2019, theorem 1.
    """

    kind = "exact"

    def __init__(self, cell: Cell, *, solver: str = "bicgstab", **options: Any) -> None:
        self.solver = _check.choice("solver", solver, linear_solve.SOLVERS)
        super().__init__(cell, **options)

    def adjoint(
        self,
        rate: Rate,
        state: Array,
        dl_ds: Array,
        signal: Callable[[Array], Array],  # noqa: ARG002
    ) -> Adjoint:
        """Solve ``v J = -dl/dr``."""
        _, pull = jax.vjp(rate, state)
        v, error = linear_solve.solve(lambda v: pull(v)[0], -dl_ds, self.solver)
        return Adjoint(v, linear_solve.is_solved(error), error, jnp.zeros_like(error))
