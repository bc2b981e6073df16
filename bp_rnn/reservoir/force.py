"""FORCE learning."""

import functools
from typing import Any

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn import _check, _data
from bp_rnn._state import System
from bp_rnn.readouts import RLS
from bp_rnn.reservoir._base import Reservoir
from bp_rnn.typing import Array, Params


class FORCE(System):
    r"""FORCE learning: the read-out learns at every step while its own output is fed back.

    .. math::

        e_t = y_t - W_{t-1} f_t - b_{t-1}, \qquad W_t = W_{t-1} + e_t (P_t d_t)^T

    Recursive least squares (:class:`RLS`) keeps the error small from the first steps on, so that
    the network sees feedback that is nearly right, with the errors that it has to live with.

    Parameters
    ----------
    cell : Reservoir
        With feedback, such as an :class:`ESN` with ``feedback_scaling``, not in a batching mode.
        Its ``w_out`` and ``b_out`` are what is learnt.
    ridge, forgetting : float
        As for :class:`RLS`; a larger ``ridge`` learns more slowly at first.
    name : str, optional
        BrainPy's name of the object.

    Attributes
    ----------
    cell : Reservoir
        The network; its Variables are attributes here too.
    rls : RLS
        What learns.
    error : bm.Variable
        :math:`e_t`, before learning, ``(num_out,)``.

    Raises
    ------
    TypeError, ValueError
        If ``cell`` is no reservoir, has no feedback or is in a batching mode.

    Notes
    -----
    Source: Sussillo & Abbott 2009.
    """

    error: bm.Variable

    def __init__(
        self,
        cell: Reservoir,
        *,
        ridge: float = 1.0,
        forgetting: float = 1.0,
        name: str | None = None,
    ) -> None:
        if not isinstance(cell, Reservoir):
            raise TypeError(f"cell must be a Reservoir, got {type(cell).__name__}")
        if not cell.has_feedback or cell.is_batched:
            raise ValueError(
                "cell must have feedback and no batches, got "
                f"has_feedback={cell.has_feedback} and the mode {cell.mode}"
            )
        super().__init__(mode=cell.mode, name=name)
        self.cell = cell
        for key, value in list(vars(cell).items()):
            if isinstance(value, bm.Variable):
                setattr(self, key, value)
        num_out, num_in = cell.w_out.shape
        intercept = "b_out" in cell.train_params()
        self.rls = RLS(num_in, num_out, ridge=ridge, forgetting=forgetting, intercept=intercept)
        self.error = bm.Variable(jnp.zeros(num_out, cell.state.dtype))

    def update(self, x: Array, y: Array | None = None) -> Array:
        """Advance by one step and learn from the target, where it is given."""
        cell = self.cell
        params, memory = cell.params(), self.rls.memory()
        target = None if y is None else jnp.asarray(bm.as_jax(y), cell.state.dtype).reshape(-1)
        params, state, memory, error = self._step(
            params, cell.state.value, memory, cell.as_input(x), target
        )
        self._store(params, state, memory)
        if error is not None:
            self.error.value = error
        return cell.z.value

    def reset_state(self, batch_size: int | None = None) -> None:  # noqa: ARG002
        """Return the network to its initial state; what was learnt stays."""
        self.cell.reset_state()
        self.error.value = jnp.zeros_like(self.error.value)

    def fit(self, x: Any, y: Any) -> Array:
        """Learn along a sequence from the current state on, in one compiled program.

        Parameters
        ----------
        x, y : array
            Inputs ``(time, num_in)`` and targets ``(time, num_out)``.

        Returns
        -------
        Array
            Errors before learning, ``(time, num_out)``.

        Raises
        ------
        TypeError, ValueError
            If a shape or value does not fit; nothing is changed then.
        """
        cell = self.cell
        xs, batched = _data.inputs(cell, x)
        if batched:
            raise ValueError(f"x must have shape (time, {cell.num_in}), got a batch {xs.shape}")
        ys = _data.targets(cell, _check.real_array("y", y), xs.shape[1:2])
        start = cell.params(), cell.state.value, self.rls.memory()
        *end, errors = self._run(*start, xs[0], ys)
        self._store(*end)
        self.error.value = errors[-1]
        return errors

    def _step(
        self, params: Params, state: Array, memory: Params, x: Array, y: Array | None
    ) -> tuple[Params, Array, Params, Array | None]:
        state = self.cell.step(params, state, x)
        if y is None:
            return params, state, memory, None
        error = y - self.cell.output(params, state)
        memory = self.rls.learn(memory, self.cell.hidden(params, state), y)
        params = {**params, "w_out": memory["w"]}
        if self.rls.intercept:
            params["b_out"] = memory["b"]
        return params, state, memory, error

    @functools.cached_property
    def _run(self) -> Any:
        def run(
            params: Params, state: Array, memory: Params, xs: Array, ys: Array
        ) -> tuple[Params, Array, Params, Array]:
            def body(carry: Any, now: Any) -> tuple[Any, Any]:
                *carry, error = self._step(*carry, *now)
                return tuple(carry), error

            (params, state, memory), errors = jax.lax.scan(body, (params, state, memory), (xs, ys))
            return params, state, memory, errors

        return jax.jit(run)

    def _store(self, params: Params, state: Array, memory: Params) -> None:
        for name, variable in self.cell.train_params().items():
            variable.value = params[name]
        self.cell.set_state(state)
        self.rls.store(memory)
