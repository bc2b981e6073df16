"""The one training engine: all epochs in one compiled program."""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import brainpy as bp
import jax
import jax.numpy as jnp
import numpy as np
from tqdm.auto import tqdm

from bp_rnn import _check, _data, _loss, _programs as programs
from bp_rnn._remake import Remade, generators
from bp_rnn._state import key_like
from bp_rnn.cells import Cell
from bp_rnn.equilibrium import EquilibriumAlgorithm
from bp_rnn.gradients.methods import algorithm
from bp_rnn.train import _monitor, _optimizer
from bp_rnn.train._checkpoint import check_allowed, check_drawn, check_same
from bp_rnn.train._clip import Clip
from bp_rnn.train._objective import objective
from bp_rnn.train._program import MAX_CHUNK, Batch, Fixed, Learner, Program, always_counts
from bp_rnn.typing import Array

#: What the epochs between two looks at the host should take.
CHUNK_SECONDS = 0.2


class Trainer(Remade):
    """Fit a network to sequences; see its leaves for the parameters."""

    method: str
    update_every: int | None = None
    at_rest: bool = False

    def __init__(
        self,
        target: bp.DynamicalSystem,
        *,
        optimizer: Any = None,
        loss: str | Callable[..., Any] = "mean_squared_error",
        method: str | None = None,
        init_state: Any = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        penalties: Sequence[Any] = (),
        monitors: Sequence[Any] | Mapping[str, Any] | None = None,
        progress_bar: bool = True,
        key: Array | int = 0,
    ) -> None:
        self.net = algorithm(target, method, self.method)
        if isinstance(self.net, EquilibriumAlgorithm) and not self.at_rest:
            raise TypeError(
                f"{type(self).__name__} follows sequences, but target is {type(target).__name__}, "
                "which learns at fixed points; use EquilibriumTrainer"
            )
        self.cell: Cell = self.net.cell
        if not self.cell.train_params():
            raise ValueError(
                f"target {target.name} has no trainable parameters (bm.TrainVar); "
                "BrainPy's own cells have them only with mode=bm.TrainingMode()"
            )
        if self.update_every is not None and not self.cell.causal:
            raise ValueError(
                f"{type(self).__name__} updates while the sequence runs, but the state of "
                f"{type(self.cell).__name__} depends on inputs after it; use OfflineTrainer"
            )
        if self.cell.trains_start and init_state is not None:
            raise ValueError(f"init_state must be None: {self.cell.name} learns its own")
        self.loss = _loss.resolve(loss)
        goal = objective(self.net, self.loss, penalties)
        clip = Clip(_positive("clip_value", clip_value), _positive("clip_norm", clip_norm))
        self.init_state, self.progress_bar = init_state, progress_bar
        self._monitors = _monitor.resolve(self.net, monitors)
        optimizer = bp.optim.Adam(lr=1e-3) if optimizer is None else optimizer
        self.optimizer = _optimizer.functional(optimizer, self.cell.train_params())
        self.key = _check.known_key(type(self).__name__, key)
        self.mon = bp.tools.DotDict()
        self.train_losses = np.zeros(0)
        self._last_start: Array | None = None
        self._report: Any = None
        self._objective, self._clip = goal, clip

    def fit(
        self,
        data: Sequence[Any],
        *,
        num_epoch: int = 100,
        batch_size: int | None = None,
        lengths: Any = None,
        reset_state: bool = True,
    ) -> np.ndarray:
        """Train on ``data`` and return the loss of every epoch of this call.

        Parameters
        ----------
        data : tuple
            Input ``x`` and target ``y``: ``(time, features)`` or ``(batch, time, features)``, or
            lists of sequences ``(time, features)`` of any lengths; a single feature may come
            without its axis in ``(time,)``. Class labels are integers without the feature axis. A
            third entry is the mask, ``(time,)`` or ``(batch, time)``: the loss is the mean over
            steps weighted by it, all ones by default. Of ``np.ma`` arrays, masked inputs end a
            sequence, and masked targets have no loss.
        num_epoch : int
            Passes over the data.
        batch_size : int, optional
            Samples of one minibatch, drawn anew each epoch; all of them by default.
        lengths : array of int, optional
            Steps of each sequence of an array, ``(batch,)``. What comes behind is filling, which
            may be anything: nothing depends on it, and nothing on a target where the mask is zero.
            The network's state stays as it was where a sequence ends before the last step of the
            array, and else becomes that after it.
        reset_state : bool
            Start every epoch from the initial state with an empty trace; False goes on from where
            the network is (a stream), for data without a batch axis or of the network's batch.

        Returns
        -------
        numpy.ndarray
            Shape ``(num_epoch,)``, each the loss before the updates of its epoch, the mean over
            what counts; also appended to ``train_losses``.

        Notes
        -----
        A minibatch, or a window of :class:`OnlineTrainer`, in which no step counts has no loss and
        changes no parameter. A program is compiled for each shape of the data: give sequences of
        many lengths as one list.

        Raises
        ------
        ValueError, TypeError
            For data of the wrong shape or type or with NaN, before anything is changed.
        MemoryError
            If the trace of the algorithm does not fit for a batch.
        FloatingPointError
            If the loss becomes NaN or infinite: the message names the epoch, and the parameters
            of the last finite loss are in place.
        KeyboardInterrupt
            Passed on, with the parameters of the last finished chunk of epochs in place.
        """
        num_epoch = _check.integer("num_epoch", num_epoch, 0)
        batch = Batch(*_data.batch(self.cell, data, lengths, self.loss))
        num = batch.xs.shape[0]
        batch_size = self._check_batch(batch_size, num, reset_state)
        self.net.check_memory(batch_size)
        is_full = bool(batch.valid.all())
        if not reset_state and not is_full:
            raise ValueError(
                "reset_state must be True for sequences of different lengths: a stream has no "
                "filling"
            )
        if isinstance(self.init_state, str) and not bool((batch.mask[:, 0] > 0).all()):
            raise ValueError(
                f"init_state={self.init_state!r} needs the first target of every sequence, but one "
                "is masked; give the trainer an array as init_state"
            )
        start = _data.initial_state(self.cell, self.init_state, batch.ys, num)
        fixed = Fixed(batch, start, self.cell.boxes)
        always = always_counts(np.asarray(batch.mask), self.update_every, batch_size == num)
        learner = self._read(start[:batch_size], reset_state)
        self._last_start = start
        run = functools.partial(
            self._find_fit(always),
            batch_size=batch_size,
            reset=reset_state,
        )
        finished = learner, (learner.params, learner.optimizer), np.zeros(0)
        bar = tqdm(total=num_epoch, disable=not self.progress_bar, unit="epoch")
        done, chunk, ok = 0, 1, True
        try:
            while ok and done < num_epoch:
                began = time.perf_counter()
                learner, before, losses = finished
                learner, before, found, steps, ok, self._report = run(
                    learner, before, fixed, min(chunk, num_epoch - done)
                )
                found = np.asarray(found)[: int(steps)]
                # one assignment: an interrupt sees this chunk either whole or not at all
                finished = learner, before, np.append(losses, found)
                self._write(learner, is_full)
                done += len(found)
                bar.set_postfix(loss=f"{found[-1]:.4g}", refresh=False)
                bar.update(len(found))
                chunk = _next_chunk((time.perf_counter() - began) / len(found))
        finally:
            bar.close()
            learner, _, losses = finished
            self._write(learner, is_full)  # again: an interrupt may have come while writing
            self.train_losses = np.append(self.train_losses, losses[np.isfinite(losses)])
        if not ok:
            raise FloatingPointError(_not_finite(done, losses[-1], self._report))
        return losses

    def predict(
        self,
        x: Any,
        *,
        init_state: Any = None,
        lengths: Any = None,
        key: Array | int | None = None,
    ) -> Array | list[Array]:
        """Return the outputs for ``x``, and record the monitors in ``mon``; trains nothing.

        Parameters
        ----------
        x : array or list
            Input, in the layouts of :meth:`fit`.
        init_state : array, optional
            Initial state ``(S,)`` or ``(batch, S)``. By default that of the trainer; where it is
            ``'target'``, the one of the last :meth:`fit`.
        lengths : array of int, optional
            Steps of each sequence, as in :meth:`fit`; outputs behind them mean nothing.
        key : int or JAX key, optional
            Seed of the noise of a noisy network; without it the run is free of noise.

        Returns
        -------
        Array or list of Array
            ``(time, num_out)`` or ``(batch, time, num_out)``, or for a list of sequences a list of
            the former; entries of ``mon`` likewise.

        Notes
        -----
        Many lengths are padded to a few, with which a program is compiled each.
        """
        seqs = _data.sequences(self.cell, x, lengths)
        start = self._start_of(init_state, len(seqs.valid))
        params = self.cell.params()
        noise = None if key is None else _check.as_key(key)
        more = seqs.padded()
        valid = None if more.valid.all() else _data.on_device(more.valid, more.xs.dtype)
        driven = self.cell.inputs(more.xs, noise, valid)
        zs, mon = self._find_predict()(params, start, self.net.start(params, start), driven)
        # cut on the host, where no program is compiled for each length
        zs, mon = jax.tree.map(np.asarray, (zs, mon))
        self.mon = bp.tools.DotDict({k: seqs.restore(v) for k, v in mon.items()})
        return jax.tree.map(lambda z: jnp.asarray(z, z.dtype), seqs.restore(zs))

    def state_dict(self) -> dict[str, Any]:
        """Return all that :meth:`load_state_dict` needs to go on, as a dict of arrays.

        It holds parameters, state, sensitivities, the optimiser's state, the key and the random
        generators, the losses, and the start of the last :meth:`fit`; write it with
        ``bp.checkpoints.save_pytree``.
        """
        cell, start = self.cell, self._last_start
        nothing = jnp.zeros((0, cell.size), cell.state.dtype)
        keys = generators(self.net)
        return {
            "params": cell.params(),
            "state": cell.state.value,
            "trace": {k: getattr(self.net, k).value for k in self.net.trace_names},
            "optimizer": {str(i): v for i, v in enumerate(self.optimizer.read())},
            "key": jax.random.key_data(self.key),
            "generators": {k: jax.random.key_data(v.value) for k, v in keys.items()},
            "drawn": self.net.drawn_here(),
            "start": nothing if start is None else start,
            "train_losses": self.train_losses,
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned, here or in another process.

        Raises
        ------
        ValueError
            If a name is missing or unknown, a shape or type differs, a value breaks a constraint,
            or the checkpoint belongs to other random connections; nothing is changed then.
        """
        mine = self.state_dict()
        check_same("checkpoint", mine, saved)
        check_drawn(mine["drawn"], saved["drawn"])
        check_allowed(self.cell.boxes, saved["params"])
        for name, variable in self.cell.train_params().items():
            variable.value = jnp.asarray(saved["params"][name])
        self.cell.set_state(jnp.asarray(saved["state"]))
        for name in self.net.trace_names:
            getattr(self.net, name).value = jnp.asarray(saved["trace"][name])
        count = len(mine["optimizer"])
        self.optimizer.write([jnp.asarray(saved["optimizer"][str(i)]) for i in range(count)])
        self.key = key_like(self.key, saved["key"])
        for name, generator in generators(self.net).items():
            generator.restore_value(key_like(generator.value, saved["generators"][name]))
        start = jnp.asarray(saved["start"])
        self._last_start = start if len(start) else None
        self.train_losses = np.array(saved["train_losses"])

    def more_state(self) -> list[Array]:
        """Return the optimiser's state."""
        return self.optimizer.read()

    def take_more_state(self, saved: list[Array]) -> None:
        """Take back what :meth:`more_state` returned."""
        self.optimizer.write(saved)

    def _made_from(self, always: bool) -> Program:
        """Return what the compiled program is made from, with the constants of today."""
        rule = self.optimizer.rule
        return Program(self.net, rule, self._objective, self.update_every, self._clip, always)

    def _find_fit(self, always: bool) -> programs.Program:
        program, static = self._made_from(always), ("batch_size", "reset")
        return programs.find(
            ("fit", program), lambda: programs.Program(program.epochs, static_argnames=static)
        )

    def _find_predict(self) -> programs.Program:
        # monitors may read any Variable: they belong to this trainer
        made_from = "predict", self.net, self if self._monitors else None
        forward = functools.partial(self._made_from(False).forward, self._monitors)
        return programs.find(made_from, lambda: programs.Program(forward))

    def _read(self, start: Array, reset: bool) -> Learner:
        if reset:
            state, trace = start, self.net.start(self.cell.params(), start)
        else:
            state, trace = self.cell.state.value, self.net.read_trace()
            if not self.cell.is_batched:
                state, trace = jax.tree.map(lambda v: v[None], (state, trace))
        return Learner(self.cell.params(), self.optimizer.read(), state, trace, self.key)

    def _write(self, learner: Learner, has_end: bool) -> None:
        """Write what was learnt, and the state if it is that at the end of every sequence."""
        for name, variable in self.cell.train_params().items():
            variable.value = learner.params[name]
        self.optimizer.write(learner.optimizer)
        self.key = learner.key
        if not has_end:
            return
        state, trace = learner.state, learner.trace
        if not self.cell.is_batched:
            if state.shape[0] > 1:  # a batch has no place in the Variables of one sample
                return
            state, trace = jax.tree.map(lambda v: v[0], (state, trace))
        self.cell.set_state(state)
        self.net.write_trace(trace)

    def _start_of(self, init_state: Any, batch: int) -> Array:
        if init_state is None and isinstance(self.init_state, str) and self._last_start is not None:
            if self._last_start.shape[0] != batch:
                raise ValueError(
                    f"init_state of the last fit is for {self._last_start.shape[0]} sequences and "
                    f"x has {batch}; pass init_state"
                )
            return self._last_start
        init_state = self.init_state if init_state is None else init_state
        return _data.initial_state(self.cell, init_state, None, batch)

    def _check_batch(self, batch_size: int | None, batch: int, reset: bool) -> int:
        if batch_size is None:
            batch_size = batch
        batch_size = _check.integer("batch_size", batch_size, 1)
        if batch % batch_size:
            raise ValueError(f"batch_size must divide the {batch} sequences of x, got {batch_size}")
        if not reset and not self.cell.causal:
            raise ValueError(f"reset_state must be True for {type(self.cell).__name__}")
        if not reset:
            held = self.cell.state.shape[0] if self.cell.is_batched else 1
            if batch_size != batch or batch != held:
                raise ValueError(
                    f"reset_state=False goes on from a state of batch {held}; "
                    f"x has {batch} sequences in minibatches of {batch_size}"
                )
        return batch_size


def _positive(name: str, value: float | None) -> float | None:
    return None if value is None else _check.positive(name, _check.number(name, value))


def _next_chunk(seconds_per_epoch: float) -> int:
    return int(np.clip(CHUNK_SECONDS / seconds_per_epoch, 1, MAX_CHUNK))


def _not_finite(epoch: int, loss: float, report: Any) -> str:
    if report is not None and (troubles := report.troubles()):
        return (
            f"no gradient at epoch {epoch} of this fit: {troubles}; the parameters of the last "
            "epoch before it in which all samples could be used are in place"
        )
    what = "the update became not finite" if np.isfinite(loss) else f"loss became {loss}"
    return (
        f"{what} at epoch {epoch} of this fit; the parameters of the last finite loss are in "
        "place (a smaller lr or clip_norm=... may help)"
    )
