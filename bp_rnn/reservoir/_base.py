"""What all reservoirs share: a read-out fitted in one pass, and free runs."""

import abc
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from bp_rnn import _check, _data
from bp_rnn.readouts import Readout, Ridge
from bp_rnn.reservoir import _learning, _lesson
from bp_rnn.reservoir._driven import Driven
from bp_rnn.reservoir._lesson import Lesson
from bp_rnn.typing import Array


class Reservoir(Driven, abc.ABC):
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

    #: The read-out that learnt last, in a tuple, where BrainPy does not look for nodes.
    _learner: tuple[Readout, ...] = ()
    #: The state at the end of the last fit, and the target that is fed back after it.
    _end: tuple[Array, np.ndarray] | None = None

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

    def _keep(self, state: Array) -> None:
        """Write the state into the Variables, if the batch has a place there."""
        if self.is_batched and len(state) == len(self.state):
            self.set_state(state)
        elif not self.is_batched and len(state) == 1:
            self.set_state(state[0])
