"""Runs of a network under inputs, and free ones."""

import abc
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check, _data
from bp_rnn._sequences import Sequences
from bp_rnn.cells import Cell
from bp_rnn.reservoir import _lesson
from bp_rnn.reservoir._harvest import Harvest
from bp_rnn.typing import Array, Params


class Driven(Cell, abc.ABC):
    """A cell that is run over sequences of any lengths, or freely; :class:`Reservoir` says how."""

    has_feedback: bool = False

    def teach(self, params: Params, state: Array, xs: Array, fed: Array) -> tuple[Array, Array]:
        """Return the last and all states of one sample with ``fed (T, num_out)`` fed back; pure.

        Only a network with feedback is asked.
        """
        raise NotImplementedError

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
