"""The gradient at a fixed point by a second network that carries the error."""

from collections.abc import Callable
from typing import Any

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.cells import Cell
from bp_rnn.equilibrium._base import Adjoint, EquilibriumAlgorithm
from bp_rnn.functional import fixed_point
from bp_rnn.functional.fixed_point import Rate
from bp_rnn.typing import Array, Params, Trace


class RecurrentBackprop(EquilibriumAlgorithm):
    r"""Gradient at a fixed point from a linear network that relaxes to v.

    .. math::

        \frac{dv}{dt} = v J + \frac{\partial l}{\partial r^*}, \qquad
        v^* = -\frac{\partial l}{\partial r^*} J^{-1}, \qquad
        \frac{dl}{d\theta} = v^* \frac{\partial F}{\partial \theta}

    Where the fixed point is stable, so is that network. As a BrainPy system,
    ``net.update(x, y)`` advances r and v together by one step, v with J and error at the present
    r: ``bp.DSRunner(net, monitors=["r", "v"]).run(inputs=(xs, ys))`` shows both come to rest.

    Parameters
    ----------
    cell : Cell
        The network.
    truncation : int, optional
        Steps of v; then it is the Neumann series of :math:`-J^{-1}` cut after so many terms,
        :math:`v = \frac{\partial l}{\partial r^*} \Delta t \sum_{k<K} (1 + \Delta t J)^k`. By
        default v relaxes until it rests.
    **options
        Those of :class:`EquilibriumAlgorithm`.

    Attributes
    ----------
    v : bm.Variable
        ``(S,)`` or ``(batch, S)``.

    Notes
    -----
    Sources: Almeida 1987; Pineda 1987, eqs. 12-14; Liao et al. 2018, section 3 (truncated);
    lecture 1, "Fixed point representation".
    """

    v: bm.Variable

    def __init__(self, cell: Cell, *, truncation: int | None = None, **options: Any) -> None:
        if truncation is not None:
            _check.integer("truncation", truncation, 1)
        self.truncation = truncation
        self.kind = "exact" if truncation is None else "approximate"
        super().__init__(cell, **options)

    def adjoint(
        self,
        rate: Rate,
        state: Array,
        dl_ds: Array,
        signal: Callable[[Array], Array],  # noqa: ARG002
    ) -> Adjoint:
        """Let v relax from zero, until it rests or for ``truncation`` steps."""
        _, pull = jax.vjp(rate, state)

        def change(v: Array) -> Array:
            return pull(v)[0] + dl_ds

        size = jnp.abs(dl_ds).max()
        tol, steps = None, self.search.max_iter
        if self.truncation is not None:
            tol, steps = -1.0, self.truncation
        search = fixed_point.Search("relax", self.search.dt, tol, steps)
        v, found = fixed_point.find(change, jnp.zeros_like(state), search)
        solved = found.converged if self.truncation is None else jnp.isfinite(v).all()
        error = found.residual / jnp.where(size > 0, size, 1)
        return Adjoint(v, solved, error, jnp.zeros_like(error))

    def init_trace(self, params: Params, state: Array) -> Trace:  # noqa: ARG002
        """Return v = 0."""
        return {"v": jnp.zeros_like(state)}

    def last_trace(self, v: Array) -> Trace:
        """Return v."""
        return {"v": v}

    def update(self, x: Array, y: Array) -> Array:  # type: ignore[override]
        """Advance r and v by one step and return the output.

        Parameters
        ----------
        x, y : Array
            Input ``(num_in,)`` and target ``(num_out,)`` or label, with a leading batch axis in a
            batching mode.
        """
        params, dt = self.cell.params(), self.search.dt

        def advance(state: Array, v: Array, x: Array, y: Array) -> Array:
            _, pull = jax.vjp(lambda s: self.cell.derivative(params, s, x), state)
            return v + dt * (pull(v)[0] + self.signal(params, state, y))

        given = self.cell.state.value, self.v.value, self.cell.as_input(x), self.as_target(y)
        v = self._over_batch(advance)(*given)
        z = self.cell.update(x)
        self.v.value = v
        return z
