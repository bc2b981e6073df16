"""What all reservoirs share: a read-out fitted in one pass, and free runs."""

import abc
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check, _data
from bp_rnn.cells import Cell
from bp_rnn.readouts import Readout, Ridge
from bp_rnn.reservoir._harvest import Harvest
from bp_rnn.typing import Array, Params

POOLS = ("last", "mean", "all")


class Reservoir(Cell, abc.ABC):
    r"""A cell whose recurrent weights stay, and whose read-out is fitted in one pass.

    The read-out is that of every cell, :math:`z = W_{out} f + b_{out}`, of the features f that
    ``hidden`` returns. Data are in BrainPy's layouts, ``(time, features)`` or ``(batch, time,
    features)``, in any mode. States are collected in pieces, so that memory does not grow with
    time; programs are compiled once for each shape of the data and kept.

    Attributes
    ----------
    has_feedback : bool
        Whether the output is fed back to the units.
    """

    has_feedback: bool = False

    def teach(self, params: Params, state: Array, xs: Array, fed: Array) -> tuple[Array, Array]:
        """Return the last and all states of one sample with ``fed (T, num_out)`` fed back; pure.

        Only a network with feedback is asked.
        """
        raise NotImplementedError

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        washout: int = 0,
        ridge: float | Sequence[float] = 1e-8,
        readout: Readout | None = None,
        pool: str | None = None,
        lengths: Any = None,
        teacher_noise: float = 0.0,
        key: Array | int = 0,
        init_state: Any = None,
        progress_bar: bool = True,
    ) -> Readout:
        """Fit the read-out and write it into ``w_out`` and ``b_out``.

        Where there is feedback the target of the step before is fed back (teacher forcing), zero
        at the first. Afterwards the state is that after the last step, if the batch has a place in
        the Variables and there is a target for each step.

        Parameters
        ----------
        x : array
            Inputs ``(time, num_in)`` or ``(batch, time, num_in)``.
        y : array
            Targets ``(time, num_out)`` or ``(batch, time, num_out)``, or labels, integers without
            the last axis, which become one-hot targets. With ``pool`` one target or label for each
            sequence: ``(batch, num_out)`` or ``(batch,)``.
        washout : int
            Steps at the start of each sequence that are left out.
        ridge : float or sequence of float
            Strength; several to choose from by cross-validation, as :class:`Ridge` does.
        readout : Readout, optional
            What learns instead, such as :class:`RLS` or :class:`Softmax`, from the start.
        pool : {'last', 'mean', 'all'}, optional
            For one target a sequence: the features of its last step, their mean over time, or
            those of all steps.
        lengths : array of int, optional
            Steps of each sequence of a batch, ``(batch,)``; what is behind them is left out.
        teacher_noise : float
            Standard deviation of noise on what is fed back, which makes a free run stable.
        key : int or JAX key
            Seed of that noise.
        init_state : array, optional
            State before the first step, ``(S,)`` or ``(batch, S)``; that of a reset by default.
        progress_bar : bool
            Whether to show one, for long data.

        Returns
        -------
        Readout
            What was fitted, with its ``best_ridge`` and ``errors``.

        Raises
        ------
        TypeError, ValueError
            If a shape or value does not fit, the washout leaves nothing, or the network has no
            read-out; nothing is changed then.
        """
        learner = self._learner(ridge, readout)
        xs, batched = _data.inputs(self, x)
        targets = self._targets(y, xs, batched, pool)
        used = _used(xs, washout, lengths)
        fed = self._fed(targets, teacher_noise, key)
        state = _data.initial_state(self, init_state, None, len(xs))
        xs = self._ended(xs, lengths)
        learner.restart()
        if pool in ("last", "mean"):
            weights = jnp.asarray(_weights(used, pool), self.state.dtype)
            learner.add(self._harvest.pooled(state, xs, weights), targets)
        else:
            ys = targets if pool is None else np.repeat(targets[:, None], used.shape[1], axis=1)
            state = self._learn(learner, state, xs, ys, fed, used, progress_bar)
        learner.solve()
        self.w_out.value = learner.w.value
        if "b_out" in self.train_params():
            self.b_out.value = learner.b.value
        if pool is None and self.causal:
            self._keep(state)
        return learner

    def predict(
        self,
        x: Any,
        *,
        pool: str | None = None,
        lengths: Any = None,
        warmup: Any = None,
        init_state: Any = None,
    ) -> Array:
        """Return the outputs under an input; changes nothing in the network.

        Parameters
        ----------
        x : array
            Inputs ``(time, num_in)`` or ``(batch, time, num_in)``.
        pool : {'last', 'mean', 'all'}, optional
            For one output a sequence: that of the last step, or the mean over time.
        lengths : array of int, optional
            Steps of each sequence of a batch, where ``pool`` is given.
        warmup : array or pair of arrays, optional
            What comes before ``x``: inputs, or a pair of inputs and of targets to be fed back.
        init_state : array, optional
            State before the first step, or before the warm-up; that of a reset by default.

        Returns
        -------
        Array
            ``(time, num_out)`` or ``(batch, time, num_out)``; without time where ``pool`` is given.
        """
        xs, batched = _data.inputs(self, x)
        start = _data.initial_state(self, init_state, None, len(xs))
        state = self._warm(start, warmup)
        if pool is None:
            return self._harvest.all("output", state, xs, batched=batched)
        _check.choice("pool", pool, POOLS)
        weights = jnp.asarray(_weights(_used(xs, 0, lengths), pool), xs.dtype)
        features = self._harvest.pooled(state, self._ended(xs, lengths), weights)
        zs = features @ self.w_out.value.T
        zs = zs + self.b_out.value if "b_out" in self.train_params() else zs
        return zs if batched else zs[0]

    def generate(self, num_step: int, *, warmup: Any = None, init_state: Any = None) -> Array:
        """Return what the network gives when each output is its next input; changes nothing.

        Parameters
        ----------
        num_step : int
            Steps, n.
        warmup : array, optional
            Inputs before, ``(time, num_in)`` or ``(batch, time, num_in)``, from the reset on.
        init_state : array, optional
            State before the first step, or before the warm-up, ``(S,)`` or ``(batch, S)``. Without
            it and without a warm-up it goes on from the state that the Variables hold, such as
            that at the end of :meth:`fit`.

        Returns
        -------
        Array
            ``(n, num_out)`` or ``(batch, n, num_out)``: the first one is the output of the state
            before the first step.

        Raises
        ------
        TypeError, ValueError
            If outputs are no inputs, as their number or a feedback of its own tells.
        """
        num_step = _check.integer("num_step", num_step, 1)
        if self.num_out != self.num_in or self.has_feedback:
            raise ValueError(
                "generate needs a network without feedback whose outputs are its inputs, got "
                f"num_in={self.num_in}, num_out={self.num_out}; with feedback, predict runs freely"
            )
        if warmup is not None:
            xs, batched = _data.inputs(self, warmup)
            state = self._warm(_data.initial_state(self, init_state, None, len(xs)), xs)
        else:
            given = self.state.value if init_state is None else init_state
            value = _check.real_array("init_state", given)
            batched = value.ndim > 1
            batch = len(value) if batched else 1
            state = _data.initial_state(self, value, None, batch)
        zs = self._harvest.generate(state, num_step)
        return zs if batched else zs[0]

    def states(self, x: Any, *, y: Any = None, init_state: Any = None) -> Array:
        """Return the states under an input; changes nothing in the network.

        Parameters
        ----------
        x : array
            Inputs ``(time, num_in)`` or ``(batch, time, num_in)``.
        y : array, optional
            Targets to be fed back, for networks with feedback; their own output by default.
        init_state : array, optional
            State before the first step; that of a reset by default.

        Returns
        -------
        Array
            ``(time, S)`` or ``(batch, time, S)``, after each step.
        """
        return self._collect("state", x, y, init_state)

    def features(self, x: Any, *, init_state: Any = None) -> Array:
        """Return what the read-out sees under an input; arguments as for :meth:`states`.

        Returns
        -------
        Array
            ``(time, num_hidden)`` or ``(batch, time, num_hidden)``, after each step.
        """
        return self._collect("hidden", x, None, init_state)

    def _collect(self, what: str, x: Any, y: Any, init_state: Any) -> Array:
        """Return what is read after each step."""
        xs, batched = _data.inputs(self, x)
        fed = None if y is None else self._fed(self._targets(y, xs, batched, None), 0.0, 0)
        state = _data.initial_state(self, init_state, None, len(xs))
        return self._harvest.all(what, state, xs, fed, batched=batched)

    @functools.cached_property
    def _harvest(self) -> Harvest:
        return Harvest(self)

    def _ended(self, xs: Array, lengths: Any) -> Any:
        """Return the inputs, with the ends of their sequences for what looks ahead."""
        if self.causal or lengths is None:
            return xs
        return self.inputs(xs, None, _data.valid_steps(xs, lengths))

    def _learn(
        self,
        learner: Readout,
        state: Array,
        xs: Any,
        ys: np.ndarray,
        fed: Array | None,
        used: np.ndarray,
        progress_bar: bool,
    ) -> Array:
        """Give all features to the learner; return the last state."""
        folds = learner.num_fold if isinstance(learner, Ridge) else 1
        for piece in self._harvest.pieces(
            "hidden", state, xs, fed, least=folds, progress_bar=progress_bar
        ):
            mine = used[:, piece.time]
            if mine.any():
                fold = piece.place * folds // piece.total if piece.total >= folds else None
                learner.add(np.asarray(piece.read)[mine], ys[:, piece.time][mine], fold=fold)
            state = piece.state
        return state

    def _learner(self, ridge: Any, readout: Readout | None) -> Readout:
        """Return what learns, checked."""
        if "w_out" not in self.train_params():
            raise ValueError(f"num_out must be given to {type(self).__name__} for a read-out")
        num_out, num_in = self.w_out.shape
        intercept = "b_out" in self.train_params()
        if readout is None:
            return Ridge(num_in, num_out, ridge=ridge, intercept=intercept)
        if not isinstance(readout, Readout):
            raise TypeError(f"readout must be a Readout, got {type(readout).__name__}")
        found = readout.num_in, readout.num_out, readout.intercept
        if found != (num_in, num_out, intercept):
            raise ValueError(
                f"readout must have num_in={num_in}, num_out={num_out} and intercept={intercept}, "
                f"got {found}"
            )
        return readout

    def _targets(self, y: Any, xs: Array, batched: bool, pool: str | None) -> np.ndarray:
        """Return targets ``(B, T, num_out)``, with ``pool`` ``(B, num_out)``, in float64."""
        lead = xs.shape[:2] if batched else xs.shape[1:2]
        if pool is not None:
            _check.choice("pool", pool, POOLS)
            lead = lead[:-1]
        if _data.targets(self, y, lead).dtype == jnp.int32:
            value = np.eye(self.num_out)[np.asarray(y)]
        else:
            value = np.asarray(y, float).reshape(*lead, self.num_out)
        return value if batched else value[None]

    def _fed(self, targets: np.ndarray, noise: float, key: Array | int) -> Array | None:
        """Return what is fed back, the target of the step before."""
        noise = _check.not_negative("teacher_noise", _check.number("teacher_noise", noise))
        key = _check.as_key(key)
        if not self.has_feedback:
            return None
        before = np.concatenate([np.zeros_like(targets[:, :1]), targets[:, :-1]], axis=1)
        fed = jnp.asarray(before, self.state.dtype)
        return fed + noise * jax.random.normal(key, fed.shape, fed.dtype)

    def _warm(self, state: Array, warmup: Any) -> Array:
        """Return the states after a warm-up."""
        if warmup is None:
            return state
        x, y = warmup if isinstance(warmup, tuple) else (warmup, None)
        xs, batched = _data.inputs(self, x)
        if len(xs) != len(state):
            raise ValueError(f"warmup must have {len(state)} sequences, got {len(xs)}")
        fed = None if y is None else self._fed(self._targets(y, xs, batched, None), 0.0, 0)
        for piece in self._harvest.pieces("state", state, xs, fed):
            state = piece.state
        return state

    def _keep(self, state: Array) -> None:
        """Write the state into the Variables, if the batch has a place there."""
        if self.is_batched and len(state) == len(self.state):
            self.set_state(state)
        elif not self.is_batched and len(state) == 1:
            self.set_state(state[0])


def _used(xs: Array, washout: int, lengths: Any) -> np.ndarray:
    """Return which steps are learnt from, ``(B, T)``."""
    washout = _check.integer("washout", washout, 0)
    valid = np.asarray(_data.valid_steps(xs, lengths)) > 0
    shortest = int(valid.sum(1).min())
    if washout >= shortest:
        raise ValueError(f"washout must be below the {shortest} steps of x, got {washout}")
    valid[:, :washout] = False
    return valid


def _weights(used: np.ndarray, pool: str) -> np.ndarray:
    """Return the weight of each step in the features of its sequence, ``(B, T)``."""
    if pool == "last":
        last = used.shape[1] - 1 - np.argmax(used[:, ::-1], axis=1)
        return np.eye(used.shape[1])[last]
    return used / used.sum(1, keepdims=True)
