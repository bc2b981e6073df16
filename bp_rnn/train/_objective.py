"""What is minimised: the loss and its penalties."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn.cells import Cell
from bp_rnn.functional import flow, trajectory
from bp_rnn.gradients import GradientAlgorithm
from bp_rnn.penalties import Omega, WeightL2
from bp_rnn.typing import Array, Loss, Params, StepLoss, Target, Window

Penalty = Callable[[Params, Array], Array]


class Objective(NamedTuple):
    """Loss, penalties on each step, and Omega, which is one of a stretch of time.

    Attributes
    ----------
    cell : Cell
        The network.
    loss : StepLoss
        Loss and penalties of one step.
    omegas : tuple of Omega
        The others.
    """

    cell: Cell
    loss: StepLoss
    omegas: tuple[Omega, ...]

    def regularize(
        self, found: Window, params: Params, state: Array, xs: Any, targets: Target
    ) -> tuple[Array, Params]:
        """Return loss and gradient of a window with every Omega added."""
        loss, grads = found.loss, found.grads
        for penalty in self.omegas:
            value, more = jax.value_and_grad(self._omega)(
                params, params, state, xs, targets, penalty
            )
            loss += value
            grads = jax.tree.map(jnp.add, grads, more)
        return loss, grads

    def _omega(
        self,
        params: Params,
        held: Params,
        state: Array,
        xs: Any,
        targets: Target,
        penalty: Omega,
    ) -> Array:
        """Return Omega; states and errors come from ``held`` unless it is exact."""
        source = params if penalty.exact else held

        def one(state: Array, xs: Any, targets: Target) -> Array:
            step = self.cell.step
            dl_ds, states = flow.state_gradients(step, self.loss, source, state, xs, targets)
            return flow.omega(step, params, states, xs, dl_ds)

        return penalty.strength * jax.vmap(one)(state, xs, targets).mean()


def objective(net: GradientAlgorithm, loss: Loss, penalties: Sequence[Any]) -> Objective:
    """Return what a trainer minimises.

    Raises
    ------
    TypeError, ValueError
        If a penalty is neither an Omega nor a function of (params, hidden), names a parameter that
        the cell has not, or can't be had for the cell.
    """
    cell = net.cell
    if callable(penalties) or isinstance(penalties, Omega):
        raise TypeError(f"penalties must be a sequence, got {type(penalties).__name__}")
    each, omegas = [], []
    for penalty in penalties:
        if isinstance(penalty, Omega):
            omegas.append(penalty)
        elif callable(penalty):
            each.append(penalty)
        else:
            raise TypeError(
                "penalties must be Omega or functions of (params, hidden), "
                f"got {type(penalty).__name__}"
            )
        if isinstance(penalty, WeightL2):
            penalty.chosen(cell.params())
    if omegas and not cell.causal:
        raise ValueError(f"Omega needs a causal cell, got {type(cell).__name__}")
    total = functools.partial(_sum, cell, each) if each else None
    return Objective(cell, trajectory.step_loss(net.output, loss, total), tuple(omegas))


def _sum(cell: Cell, penalties: Sequence[Penalty], params: Params, state: Array) -> Array:
    hidden = cell.hidden(params, state)
    return jnp.asarray(sum(p(params, hidden) for p in penalties))
