"""A recurrent network whose recurrent weights learn without a teacher."""

import functools
from typing import Any

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn._state import System
from bp_rnn.cells import Cell
from bp_rnn.cells._parameter import initial
from bp_rnn.functional.constraint import project
from bp_rnn.plasticity._base import PlasticityRule
from bp_rnn.plasticity._clock import time_step
from bp_rnn.plasticity._sample import check_sample, keep_finite
from bp_rnn.plasticity._start import within
from bp_rnn.plasticity._wrapped import check_rule
from bp_rnn.typing import Array


class PlasticRNN(System):
    r"""A rate network and a rule of its recurrent weights, both sides of which are its rates.

    .. math::

        \tau_w \frac{dW}{dt} = G(r, r, W)

    Beside it the network runs as it does alone. In a batching mode the change is averaged over
    the batch. Weights that :func:`bp_rnn.constrain` binds stay where they may be.

    Parameters
    ----------
    cell : Cell
        A network with recurrent weights ``w`` of shape ``(num, num)``, such as
        :class:`bp_rnn.RateRNN`. Default weights, that are not within the bounds of the rule, are
        drawn anew within them.
    rule : PlasticityRule
        Gives G.
    lr : float, optional
        The step of the weights in a step of the network.
    tau_w : float, optional
        Time constant of the weights, in the unit of the cell's ``dt``; either this or ``lr``.

    Attributes
    ----------
    cell : Cell
        Its Variables (``r``, ``w``, ...) are attributes here too.
    lr : bm.Variable
        The step of the weights, ``()``: ``lr``, or :math:`dt / \tau_w`.
    theta_post, theta_pre : bm.Variable
        What the rule remembers, under the rule's name for it.

    Raises
    ------
    TypeError, ValueError
        For a cell without such weights, a time constant or learning rate that is not positive, or
        weights that the rule does not allow.

    Notes
    -----
    A step changes the weights by the rates at its beginning (Euler's method). Source: Dayan &
    Abbott 2001, section 8.3, "Plasticity of recurrent synapses".
    """

    lr: bm.Variable

    def __init__(
        self,
        cell: Cell,
        rule: PlasticityRule,
        *,
        lr: float | None = None,
        tau_w: float | None = None,
    ) -> None:
        if not isinstance(cell, Cell):
            raise TypeError(f"cell must be a bp_rnn Cell, got {type(cell).__name__}")
        check_rule("rule", rule)
        weights = cell.train_params().get("w")
        square = (cell.num, cell.num)
        if weights is None or weights.shape != square or "w" not in cell.param_names:
            found = None if weights is None else weights.shape
            raise ValueError(f"cell must have recurrent weights w of shape {square}, got {found}")
        self.dt, step = time_step(lr, tau_w, None if tau_w is None else cell.dt)
        start = _start(cell, rule, weights)
        rule.check(start)
        weights.value = start
        super().__init__(mode=cell.mode)
        self.cell, self.rule = cell, rule
        for name, value in list(vars(cell).items()):
            if isinstance(value, bm.Variable):
                setattr(self, name, value)
        self.lr = bm.Variable(jnp.asarray(step, bm.float_))
        self._memory_names = tuple(rule.start_memory(cell.num, cell.num))
        for name, value in rule.start_memory(cell.num, cell.num).items():
            setattr(self, name, bm.Variable(value))

    def update(self, x: Any) -> Array:
        """Advance the network by one step, change its weights, and return its output.

        Raises
        ------
        ValueError
            If the input is not finite, or the network refuses it.
        FloatingPointError
            If weights would become infinite or NaN.

        Notes
        -----
        Nothing is changed by a call that fails. In a compiled program, such as a run of
        ``DSRunner``, nothing can be raised: there the whole step is skipped instead.
        """
        cell, w = self.cell, self.cell.w.value
        value = cell.as_input(x)
        check_sample("x", value)
        state = jnp.atleast_2d(cell.state.value)
        r = jax.vmap(functools.partial(cell.hidden, cell.params()))(state)
        memory = {name: getattr(self, name).value for name in self._memory_names}
        new = w + self.lr.value * self.rule.derivative(w, r, r, memory)
        new = self.rule.project(new, w)
        new = project(cell.boxes["w"], new, w) if "w" in cell.boxes else new
        change = self.rule.memory_derivative(r, r, memory)
        later = {name: memory[name] + self.dt * change[name] for name in memory}
        new, later = keep_finite((new, later), (w, memory), value)
        self._advance(x, value)
        cell.w.value = new
        for name, found in later.items():
            getattr(self, name).value = found
        return cell.z.value

    def _advance(self, x: Any, value: Array) -> None:
        """Advance the network; it stays where it is under a traced input that is not finite."""
        cell, before = self.cell, self.cell.state.value
        cell.update(x)
        if isinstance(value, jax.core.Tracer):
            ok = jnp.isfinite(value).all()
            cell.set_state(jnp.where(ok, cell.state.value, before))

    def reset_state(self, batch_size: int | None = None) -> None:
        """Reset the network; weights, and what the rule remembers, stay as they are learnt."""
        self.cell.reset_state(batch_size)


def _start(cell: Cell, rule: PlasticityRule, weights: bm.TrainVar) -> Array:
    """Return the weights of a cell, those by default moved within the bounds of the rule."""
    value, (low, high) = weights.value, rule.bounds
    if bool(((value >= low) & (value <= high)).all()) or not cell.is_default("w"):
        return value
    return initial("w", within((low, high), cell.num), value.shape, cell.key_of("w"))
