"""FORCE learning."""

from typing import Any

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check, _data, _programs
from bp_rnn._state import System
from bp_rnn.functional.constraint import Box
from bp_rnn.readouts import RLS
from bp_rnn.readouts._base import require_finite
from bp_rnn.reservoir._base import Reservoir
from bp_rnn.reservoir._harvest import fill, room
from bp_rnn.reservoir._learning import lend
from bp_rnn.reservoir._lesson import missing, one_hot
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
    on_bad : {'raise', 'skip'}
        What a target that is not finite does in :meth:`fit` and in a step: it is refused, or the
        step goes by without learning, as it always does in a compiled run (``DSRunner``). A step
        whose input is not finite leaves all as it was there, and is refused otherwise.
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
    What :func:`bp_rnn.constrain` fixes of ``w_out`` stays, as for :class:`RLS`.

    Source: Sussillo & Abbott 2009.
    """

    error: bm.Variable

    def __init__(
        self,
        cell: Reservoir,
        *,
        ridge: float = 1.0,
        forgetting: float = 1.0,
        on_bad: str = "raise",
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
        self.rls = RLS(
            num_in,
            num_out,
            ridge=ridge,
            forgetting=forgetting,
            intercept=intercept,
            on_bad=on_bad,
        )
        self.error = bm.Variable(jnp.zeros(num_out, cell.state.dtype))

    def update(self, x: Array, y: Array | None = None) -> Array:
        """Advance by one step and learn from the target, where it is given.

        Raises
        ------
        TypeError, ValueError
            If a value is not finite or a shape does not fit; nothing is changed then.
        """
        self.check_precision()
        cell = self.cell
        boxes = self._boxes()
        now = self._now("x", x, cell.num_in, refuse=True)
        target = None
        if y is not None:
            target = self._now("y", y, cell.num_out, refuse=self.rls.on_bad == "raise")
        start = cell.params(), cell.state.value, self.rls.memory()
        params, state, memory, error = self._step(*start, cell.as_input(now), target, boxes)
        self._store(params, state, memory)
        if error is not None:
            self.error.value = error
        return cell.z.value

    def reset_state(self, batch_size: int | None = None) -> None:  # noqa: ARG002
        """Return the network to its initial state; what was learnt stays."""
        self.cell.reset_state()
        self.error.value = jnp.zeros_like(self.error.value)

    def fit(self, x: Any, y: Any, *, init_state: Any = None) -> Array:
        """Learn along a sequence, in one compiled program; called again, it goes on.

        Parameters
        ----------
        x : array
            Inputs ``(time, num_in)``; masked last steps (``np.ma``) do not count.
        y : array
            Targets ``(time, num_out)``. The network goes through steps whose target is masked, or
            not finite with ``on_bad="skip"``, without learning.
        init_state : array, optional
            State before the first step ``(S,)``; by default that which the network is in. Without
            input, bias and ``b_out`` a network at rest stays there: start it from a random state.

        Returns
        -------
        Array
            Errors before learning, ``(time, num_out)``; NaN where there is no target.

        Raises
        ------
        TypeError, ValueError
            If a shape or value does not fit, a constraint is none that :class:`RLS` can learn
            within, or the network never leaves its rest; nothing is changed then.
        FloatingPointError
            If learning diverges; nothing is changed then.
        """
        cell = self.cell
        seqs = _data.sequences(cell, x)
        if seqs.batched:
            raise ValueError(f"x must have shape (time, {cell.num_in}), got a {seqs.layout}")
        y = missing(y) if self.rls.on_bad == "skip" else y
        ys, weights = _data.targets_of(cell, y, seqs)
        targets = np.where(weights[0, :, None] > 0, one_hot(ys, cell.num_out)[0], np.nan)
        count, boxes = int(seqs.lengths[0]), self._boxes()
        state = cell.state.value
        if init_state is not None:
            state = _data.initial_state(cell, init_state, None, 1)[0]
        start = cell.params(), state, self.rls.memory()
        both = np.asarray(seqs.xs)[0], targets
        steps = [fill(np.asarray(v, state.dtype), room(count), 0) for v in both]
        *end, errors, moves = self._run(*start, *steps, count, boxes)
        self._require_motion(bool(moves), targets)
        require_finite(self.rls, end[2])
        self._store(*end)
        found = np.full((len(targets), cell.num_out), np.nan, state.dtype)
        found[:count] = np.asarray(errors)[:count]
        self.error.value = jnp.asarray(found[count - 1])
        return jax.device_put(found)

    def _step(
        self,
        params: Params,
        state: Array,
        memory: Params,
        x: Array,
        y: Array | None,
        boxes: dict[str, Box],
    ) -> tuple[Params, Array, Params, Array | None]:
        """Return all after one step; what is not finite is neither learnt nor gone through."""
        new = self.cell.step(params, state, x)
        state = jnp.where(jnp.isfinite(new).all(), new, state)
        if y is None:
            return params, state, memory, None
        error = y - self.cell.output(params, state)
        target = jnp.where(jnp.isfinite(x).all(), y, jnp.nan)
        memory = self.rls.settle(
            self.rls.learn_good(memory, self.cell.hidden(params, state), target, boxes)
        )
        params = {**params, "w_out": memory["w"]}
        if self.rls.intercept:
            params["b_out"] = memory["b"]
        return params, state, memory, error

    @property
    def _run(self) -> Any:
        cell = self.cell

        def run(
            params: Params,
            state: Array,
            memory: Params,
            xs: Array,
            ys: Array,
            count: Array,
            boxes: dict[str, Box],
        ) -> Any:
            def body(i: Array, carry: Any) -> Any:
                params, state, memory, errors, moves = carry
                now = self._step(params, state, memory, xs[i], ys[i], boxes)
                params, state, memory, error = now
                moves |= (cell.hidden(params, state) != 0).any()
                return params, state, memory, errors.at[i].set(error), moves

            start = params, state, memory, jnp.zeros_like(ys), jnp.array(False)
            return jax.lax.fori_loop(0, count, body, start)

        return _programs.find(("run", self), lambda: _programs.Program(run))

    def _now(self, name: str, value: Any, num: int, *, refuse: bool) -> Array:
        """Return what comes at one step, checked where values are known."""
        found = bm.as_jax(value)
        if refuse and not isinstance(found, jax.core.Tracer):
            found = _check.real_array(name, found)
        array = jnp.asarray(found, self.cell.state.dtype)
        if array.shape not in [(num,)] + [()] * (num == 1):
            raise ValueError(f"{name} must have shape ({num},) at each step, got {array.shape}")
        return array.reshape(num)

    def _boxes(self) -> dict[str, Box]:
        """Return where the read-out may be, by the constraints of the network."""
        lend(self.cell, self.rls)
        return self.rls.boxes

    def _require_motion(self, moves: bool, targets: np.ndarray) -> None:
        if not moves and np.nan_to_num(targets).any():
            raise ValueError(
                "the network never leaves its rest, where all features are zero, so that nothing "
                "can be learnt; pass a random init_state, such as "
                f"init_state=rng.normal(size={self.cell.size}), or give it a bias or an input"
            )

    def _store(self, params: Params, state: Array, memory: Params) -> None:
        for name, variable in self.cell.train_params().items():
            variable.value = params[name]
        self.cell.set_state(state)
        self.rls.store(memory)
