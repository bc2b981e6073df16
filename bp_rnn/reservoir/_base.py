"""What all reservoirs share: a read-out fitted in one pass, and free runs."""

import abc
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check, _data
from bp_rnn._sequences import Sequences
from bp_rnn.cells import Cell
from bp_rnn.readouts import Readout, Ridge
from bp_rnn.reservoir import _learning, _lesson
from bp_rnn.reservoir._harvest import Harvest
from bp_rnn.reservoir._lesson import Lesson
from bp_rnn.typing import Array, Params


class Reservoir(Cell, abc.ABC):
    r"""A cell whose recurrent weights stay, and whose read-out is fitted in one pass.

    The read-out is that of every cell, :math:`z = W_{out} f + b_{out}`, of the features f that
    ``hidden`` returns. Data are in BrainPy's layouts, ``(time, features)`` or ``(batch, time,
    features)``, in any mode, or lists of sequences ``(time, features)`` of any lengths, for which
    lists come back. ``lengths`` says where the sequences of a batch end, and so do last steps that
    ``np.ma`` masks; nothing depends on what is behind an end, and what comes back has zeros there.
    States are collected in pieces, so that memory does not grow with time; programs are compiled
    once for each power of two of steps and kept.

    Attributes
    ----------
    has_feedback : bool
        Whether the output is fed back to the units.
    """

    has_feedback: bool = False
    #: The read-out that learnt last, in a tuple, where BrainPy does not look for nodes.
    _learner: tuple[Readout, ...] = ()
    #: The state at the end of the last fit, and the target that is fed back after it.
    _end: tuple[Array, np.ndarray] | None = None

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
        ridge: float | Sequence[float] | None = None,
        readout: Readout | None = None,
        pool: str | None = None,
        lengths: Any = None,
        teacher_noise: float = 0.0,
        key: Array | int = 0,
        init_state: Any = None,
        progress_bar: bool = True,
    ) -> Readout:
        """Fit the read-out anew and write it into ``w_out`` and ``b_out``.

        What was learnt before is forgotten, by an online ``readout`` too; :meth:`partial_fit` goes
        on. Where there is feedback the target of the step before is fed back (teacher forcing),
        zero at the first. Afterwards the state is that at the end of the sequence, if the batch has
        a place in the Variables and there is a target for each step. What :func:`bp_rnn.constrain`
        allows ``w_out`` and ``b_out`` is part of the problem.

        Parameters
        ----------
        x : array or list
            Inputs ``(time, num_in)`` or ``(batch, time, num_in)``.
        y : array or list
            Targets ``(time, num_out)`` or ``(batch, time, num_out)``, or labels, integers without
            the last axis, which become one-hot targets. With ``pool`` one target or label for each
            sequence: ``(batch, num_out)`` or ``(batch,)``. Steps whose target ``np.ma`` masks are
            not learnt, and with ``readout=RLS(..., on_bad="skip")`` or the like, those whose target
            is not finite.
        washout : int
            Steps at the start of each sequence that are left out.
        ridge : float or sequence of float, optional
            Strength, 1e-8 by default; several to choose from by cross-validation, as
            :class:`Ridge` does.
        readout : Readout, optional
            What learns instead, such as :class:`RLS` or :class:`Softmax`.
        pool : {'last', 'mean', 'all'}, optional
            For one target a sequence: the features of its last step, their mean over time, or
            those of all steps.
        lengths : array of int, optional
            Steps of each sequence of a batch, ``(batch,)``.
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
            If a shape or value does not fit, the washout leaves nothing, the network has no
            read-out, or its features never change; nothing is changed then.
        FloatingPointError
            If the read-out diverges; nothing is changed then.

        Warns
        -----
        RuntimeWarning
            If single precision costs accuracy, with the remedy.
        """
        learner = _learning.learner_of(self, ridge, readout)
        data = self._lesson(x, y, learner, washout, pool, lengths)
        fed = self._fed(data, None, teacher_noise, key)
        state = _data.initial_state(self, init_state, None, len(data.used))
        self._learn(learner, data, state, fed, pool, progress_bar, anew=True)
        return learner

    def partial_fit(
        self,
        x: Any,
        y: Any,
        *,
        washout: int = 0,
        ridge: float | Sequence[float] | None = None,
        readout: Readout | None = None,
        pool: str | None = None,
        lengths: Any = None,
        teacher_noise: float = 0.0,
        key: Array | int = 0,
        reset_state: bool = False,
        init_state: Any = None,
        progress_bar: bool = True,
    ) -> Readout:
        """Learn from more data, and forget nothing that the read-out is not told to forget.

        All pieces together give the ridge solution of all of the data; an online read-out goes on
        from where it is, and forgets by its own ``forgetting``. It goes on with the read-out of the
        last ``fit`` or ``partial_fit``, if none is given. Copies and pickles have that read-out,
        but ``state_dict`` has not: after :meth:`load_state_dict` learning starts anew.

        Parameters
        ----------
        x, y, washout, pool, lengths, teacher_noise, key, init_state, progress_bar
            As for :meth:`fit`.
        ridge : float or sequence of float, optional
            Strength; that of the pieces before, or 1e-8 at the first.
        readout : Readout, optional
            What learns, as it is: not started anew.
        reset_state : bool
            Whether the network starts from a reset. By default a piece goes on from the state that
            the Variables hold, as the pieces of one stream do, and with feedback from the target
            before it. The first piece, sequences with a ``pool``, and several sequences that have
            no place in the Variables start from a reset in any case.

        Returns
        -------
        Readout
            What was fitted.

        Raises
        ------
        TypeError, ValueError, FloatingPointError
            As for :meth:`fit`, and if ``ridge`` is another one than before.

        Warns
        -----
        RuntimeWarning
            As for :meth:`fit`.
        """
        learner = self._same_learner(ridge, readout)
        data = self._lesson(x, y, learner, washout, pool, lengths)
        place = len(data.used) == (len(self.state) if self.is_batched else 1) and self.causal
        goes_on = bool(self._learner) and place and pool is None
        if reset_state or init_state is not None or not goes_on:
            state, first = _data.initial_state(self, init_state, None, len(data.used)), None
        else:
            state = self.state.value if self.is_batched else self.state.value[None]
            first = self._before(state)
        fed = self._fed(data, first, teacher_noise, key)
        self._learn(learner, data, state, fed, pool, progress_bar, anew=False)
        return learner

    def predict(
        self,
        x: Any,
        *,
        pool: str | None = None,
        lengths: Any = None,
        warmup: Any = None,
        init_state: Any = None,
    ) -> Any:
        """Return the outputs under an input; changes nothing in the network.

        Parameters
        ----------
        x : array or list
            Inputs ``(time, num_in)`` or ``(batch, time, num_in)``.
        pool : {'last', 'mean', 'all'}, optional
            For one output a sequence: that of the last step, or the mean over time.
        lengths : array of int, optional
            Steps of each sequence of a batch.
        warmup : array, list or pair of them, optional
            What comes before ``x``: inputs, or a pair (a tuple) of inputs and of targets to be fed
            back, the last of them at the first step of ``x``.
        init_state : array, optional
            State before the first step, or before the warm-up; that of a reset by default.

        Returns
        -------
        Array or list of Array
            ``(time, num_out)`` or ``(batch, time, num_out)``, zero behind the end of a sequence;
            without time where ``pool`` is given.
        """
        seqs = _data.sequences(self, x, lengths)
        start = _data.initial_state(self, init_state, None, len(seqs.valid))
        state, first = self._warm(start, warmup)
        if pool is None:
            return self._give("output", seqs, state, first=first)
        _check.choice("pool", pool, _lesson.POOLS)
        weights = _lesson.pool_weights(seqs.valid, pool).astype(seqs.xs.dtype)
        if first is None:
            features = self._harvest.pooled(state, seqs.xs, seqs.lengths, weights)
        else:
            seen = self._run("hidden", seqs, state, None, first)
            features = jnp.asarray(np.einsum("bt,btf->bf", weights, seen))
        zs = features @ self.w_out.value.T
        zs = zs + self.b_out.value if "b_out" in self.train_params() else zs
        return zs if seqs.batched else zs[0]

    def generate(self, num_step: int, *, warmup: Any = None, init_state: Any = None) -> Array:
        """Return what the network gives when each output is its next input; changes nothing.

        Parameters
        ----------
        num_step : int
            Steps, n.
        warmup : array or list, optional
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
        if self.num_out != self.num_in or self.has_feedback or not self.causal:
            raise ValueError(
                "generate needs a network without feedback whose outputs are its inputs, got "
                f"num_in={self.num_in}, num_out={self.num_out}; with feedback, predict runs freely"
            )
        if warmup is not None:
            seqs = _data.sequences(self, warmup)
            batched = seqs.batched
            start = _data.initial_state(self, init_state, None, len(seqs.valid))
            state, _ = self._warm(start, warmup)
        else:
            given = self.state.value if init_state is None else init_state
            value = _check.real_array("init_state", given)
            batched = value.ndim > 1
            batch = len(value) if batched else 1
            state = _data.initial_state(self, value, None, batch)
        zs = self._harvest.generate(state, num_step)
        return jax.device_put(zs if batched else zs[0])

    def states(self, x: Any, *, y: Any = None, lengths: Any = None, init_state: Any = None) -> Any:
        """Return the states under an input; changes nothing in the network.

        Parameters
        ----------
        x : array or list
            Inputs ``(time, num_in)`` or ``(batch, time, num_in)``.
        y : array or list, optional
            Targets to be fed back, for networks with feedback; their own output by default.
        lengths : array of int, optional
            Steps of each sequence of a batch.
        init_state : array, optional
            State before the first step; that of a reset by default.

        Returns
        -------
        Array or list of Array
            ``(time, S)`` or ``(batch, time, S)``, after each step, zero behind the end of a
            sequence.
        """
        seqs = _data.sequences(self, x, lengths)
        fed = None
        if y is not None:
            self._require_feedback("y is")
            fed = _lesson.before(_lesson.taught(self, y, seqs), None).astype(seqs.xs.dtype)
        state = _data.initial_state(self, init_state, None, len(seqs.valid))
        return self._give("state", seqs, state, fed)

    def features(self, x: Any, *, lengths: Any = None, init_state: Any = None) -> Any:
        """Return what the read-out sees under an input; arguments as for :meth:`states`.

        Returns
        -------
        Array or list of Array
            ``(time, num_hidden)`` or ``(batch, time, num_hidden)``, after each step, zero behind
            the end of a sequence.
        """
        seqs = _data.sequences(self, x, lengths)
        state = _data.initial_state(self, init_state, None, len(seqs.valid))
        return self._give("hidden", seqs, state)

    @functools.cached_property
    def _harvest(self) -> Harvest:
        return Harvest(self)

    def _lesson(
        self, x: Any, y: Any, learner: Readout, washout: int, pool: str | None, lengths: Any
    ) -> Lesson:
        """Return the data of a fit, checked."""
        if pool is not None and self.has_feedback:
            raise ValueError(f"pool must be None for a network with feedback, got {pool!r}")
        data = _lesson.lesson(
            self, x, y, washout=washout, pool=pool, lengths=lengths, on_bad=learner.on_bad
        )
        _learning.lend(self, learner)
        return data

    def _fed(
        self,
        data: Lesson,
        first: np.ndarray | None,
        noise: float,
        key: Array | int,
    ) -> np.ndarray | None:
        """Return what is fed back, the target of the step before."""
        noise = _check.not_negative("teacher_noise", _check.number("teacher_noise", noise))
        _check.as_key(key)
        if not self.has_feedback:
            if noise:
                self._require_feedback(f"teacher_noise={noise} is for targets")
            return None
        _lesson.require_all(data.there, data.seqs)
        fed = _lesson.before(data.targets, first)
        return _lesson.noisy(fed, noise, key, self.state.dtype)

    def _learn(
        self,
        learner: Readout,
        data: Lesson,
        state: Array,
        fed: np.ndarray | None,
        pool: str | None,
        progress_bar: bool,
        *,
        anew: bool,
    ) -> None:
        """Let the read-out learn, and write it and the state at the end."""
        with learner.undone_on_error():
            if anew:
                learner.restart()
            state = _learning.learn(self._harvest, learner, state, data, fed, pool, progress_bar)
            learner.solve()
        _learning.write(self, learner)
        self._learner = (learner,)
        if pool is None and self.causal:
            self._keep(state)
            self._end = (state, data.last) if self.has_feedback else None
        _learning.warn_of_rounding(self, learner)

    def more_state(self) -> tuple[Readout, ...]:
        """Return what learnt last, so that copies go on with it."""
        return self._learner

    def take_more_state(self, saved: tuple[Readout, ...]) -> None:
        """Take back what :meth:`more_state` returned."""
        if saved:
            self._learner = saved

    def take_extra_state(self, saved: Any) -> None:
        """Forget what learnt here: weights that are loaded are not its own."""
        super().take_extra_state(saved)
        self._learner, self._end = (), None

    def _same_learner(self, ridge: Any, readout: Readout | None) -> Readout:
        """Return what goes on learning."""
        if readout is not None or not self._learner:
            return _learning.learner_of(self, ridge, readout)
        (found,) = self._learner
        if ridge is None:
            return found
        wanted = np.atleast_1d(_check.real_array("ridge", ridge)).tolist()
        if not isinstance(found, Ridge) or wanted != found.ridges:
            had = found.ridges if isinstance(found, Ridge) else type(found).__name__
            raise ValueError(
                f"ridge must be that of the pieces before, {had}, got {ridge}; call fit to start "
                "anew"
            )
        return found

    def _before(self, state: Array) -> np.ndarray | None:
        """Return what is fed back at the first step after a state."""
        if not self.has_feedback:
            return None
        if self._end is not None and np.array_equal(self._end[0], state):
            return self._end[1]
        return np.asarray(jax.vmap(self.output, (None, 0))(self.params(), state))

    def _warm(self, state: Array, warmup: Any) -> tuple[Array, np.ndarray | None]:
        """Return the states after a warm-up, and the target that is fed back next."""
        if warmup is None:
            return state, None
        x, y = warmup if isinstance(warmup, tuple) and len(warmup) == 2 else (warmup, None)
        seqs = _data.sequences(self, x)
        if len(seqs.valid) != len(state):
            raise ValueError(f"warmup must have {len(state)} sequences, got {len(seqs.valid)}")
        fed, first = None, None
        if y is not None:
            self._require_feedback("the second of warmup is")
            targets = _lesson.taught(self, y, seqs)
            first = targets[np.arange(len(targets)), seqs.lengths - 1]
            fed = _lesson.before(targets, None).astype(seqs.xs.dtype)
        for piece in self._harvest.pieces("state", state, seqs.xs, seqs.lengths, fed):
            state = piece.state
        return state, first

    def _require_feedback(self, what: str) -> None:
        if not self.has_feedback:
            raise ValueError(
                f"{what} to be fed back, but this {type(self).__name__} has no feedback"
            )

    def _give(
        self,
        what: str,
        seqs: Sequences,
        state: Array,
        fed: np.ndarray | None = None,
        first: np.ndarray | None = None,
    ) -> Any:
        """Return what is read after each step, in the layout of the inputs."""
        found = seqs.restore(self._run(what, seqs, state, fed, first))
        return jax.device_put(found)  # jnp.asarray would compile a program for each shape

    def _run(
        self,
        what: str,
        seqs: Sequences,
        state: Array,
        fed: np.ndarray | None,
        first: np.ndarray | None,
    ) -> np.ndarray:
        """Return what is read after each step ``(B, T, ...)``; ``first`` is fed back first."""
        xs, lengths, head = np.asarray(seqs.xs), seqs.lengths, None
        if first is not None:
            once = first[:, None].astype(xs.dtype)
            head, state = self._harvest.all(what, state, xs[:, :1], np.minimum(lengths, 1), once)
            xs, lengths = xs[:, 1:], lengths - 1
            if not lengths.any():
                return np.pad(head, ((0, 0), (0, xs.shape[1]), (0, 0)))
        found, _ = self._harvest.all(what, state, xs, lengths, fed)
        return found if head is None else np.concatenate([head, found], axis=1)

    def _keep(self, state: Array) -> None:
        """Write the state into the Variables, if the batch has a place there."""
        if self.is_batched and len(state) == len(self.state):
            self.set_state(state)
        elif not self.is_batched and len(state) == 1:
            self.set_state(state[0])
