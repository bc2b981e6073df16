"""The compiled program: epochs of learning as a pure function."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.functional import trajectory
from bp_rnn.functional.constraint import Box, free_gradient, project_all
from bp_rnn.gradients import GradientAlgorithm
from bp_rnn.train import _monitor
from bp_rnn.train._clip import Clip
from bp_rnn.train._objective import Objective
from bp_rnn.train._optimizer import Rule
from bp_rnn.typing import Array, Params, Trace, Window

#: Longest stretch of epochs in one call: the length of the array of losses.
MAX_CHUNK = 1000


class Learner(NamedTuple):
    """What changes while a network learns."""

    params: Params
    optimizer: list[Array]
    state: Array
    trace: Trace
    key: Array


class Batch(NamedTuple):
    """Sequences and what of them counts; every leaf has leading axes (B, T).

    Attributes
    ----------
    xs, ys : Array
        Input and target.
    mask, valid : Array
        How much the loss of a step counts; one where a step belongs to its sequence.
    """

    xs: Array
    ys: Array
    mask: Array
    valid: Array


class Fixed(NamedTuple):
    """What an epoch needs and does not change.

    Attributes
    ----------
    batch : Batch
        All data.
    start : Array
        Initial states, ``(B, S)``.
    boxes : dict of str to Box
        Where parameters may be.
    """

    batch: Batch
    start: Array
    boxes: dict[str, Box]


class Program(NamedTuple):
    """How a network learns; all of it constant, so that its methods are pure.

    Attributes
    ----------
    net, optimizer, objective
        The network with its algorithm, the rule of the optimizer and what is minimised.
    update_every : int or None
        Steps between two updates; None for one update a sequence.
    clip : Clip
        How a gradient is clipped.
    always_counts : bool
        Whether some step counts in every window: then there is always something to learn.
    """

    net: GradientAlgorithm
    optimizer: Rule
    objective: Objective
    update_every: int | None
    clip: Clip
    always_counts: bool = False

    def epochs(
        self,
        learner: Learner,
        before: tuple[Params, list[Array]],
        fixed: Fixed,
        num_epoch: Array,
        *,
        batch_size: int,
        reset: bool,
    ) -> tuple[Learner, tuple[Params, list[Array]], Array, Array, Array, Any]:
        """Run up to ``num_epoch`` epochs; stop after one whose loss or update is not finite.

        ``before`` are the parameters and the optimiser's state one epoch earlier. The last thing
        returned is what the algorithm reported of each sample in the last epoch.
        """

        def more(carry: Any) -> Array:
            _, _, _, epoch, ok, _ = carry
            return (epoch < num_epoch) & ok

        def one_epoch(carry: Any) -> Any:
            learner, before, losses, epoch, _, _ = carry
            new, loss, report = self._epoch(learner, fixed, batch_size, reset)
            updated = _all_finite(new.params)
            ok = jnp.isfinite(loss) & updated
            # a loss that is not finite was made by the update before it: undo that one too
            params, optimizer = _choose(
                jnp.isfinite(loss), (learner.params, learner.optimizer), before
            )
            kept = learner._replace(params=params, optimizer=optimizer)
            before = learner.params, learner.optimizer
            losses = losses.at[epoch].set(loss)
            return _choose(ok, new, kept), before, losses, epoch + 1, ok, report

        losses = jnp.zeros(MAX_CHUNK, fixed.start.dtype)
        report = self.net.empty_report(fixed.batch.mask.shape)
        return jax.lax.while_loop(
            more, one_epoch, (learner, before, losses, jnp.array(0), jnp.array(True), report)
        )

    def _epoch(
        self, learner: Learner, fixed: Fixed, batch_size: int, reset: bool
    ) -> tuple[Learner, Array, Any]:
        """Learn every minibatch once; the loss is that before each update, over what counts."""
        batch = fixed.batch
        if batch_size == batch.xs.shape[0]:
            learner, loss, report = self._sequences(learner, fixed, reset)
        else:
            key, shuffle = jax.random.split(learner.key)
            order = jax.random.permutation(shuffle, batch.xs.shape[0]).reshape(-1, batch_size)

            def minibatch(learner: Learner, rows: Array) -> Any:
                part = jax.tree.map(lambda v: v[rows], batch)
                few = Fixed(part, fixed.start[rows], fixed.boxes)
                learner, loss, report = self._sequences(learner, few, True)
                return learner, (loss, part.mask.sum(), report)

            learner, (losses, counts, reports) = jax.lax.scan(
                minibatch, learner._replace(key=key), order
            )
            loss, back = _mean(losses, counts), jnp.argsort(order.reshape(-1))
            report = jax.tree.map(lambda v: v.reshape(-1, *v.shape[2:])[back], reports)
        learner = learner._replace(optimizer=self.optimizer.end_epoch(learner.optimizer))
        return learner, loss, report

    def _sequences(self, learner: Learner, fixed: Fixed, reset: bool) -> tuple[Learner, Array, Any]:
        """Learn one batch of sequences, with an update after every window of time."""
        batch, cell = fixed.batch, self.net.cell
        learner, noise = self._begin(learner, fixed, reset)
        valid = None if cell.causal else batch.valid
        windows = batch._replace(xs=cell.inputs(batch.xs, noise, valid))
        num_step = batch.xs.shape[1]
        width = num_step if self.update_every is None else min(self.update_every, num_step)
        whole = num_step - num_step % width

        def cut(v: Array) -> Array:  # (B, T, ...) -> (windows, B, width, ...)
            parts = v[:, :whole].reshape(v.shape[0], -1, width, *v.shape[2:])
            return jnp.moveaxis(parts, 1, 0)

        def join(v: Array) -> Array:  # (windows, B, width) -> (B, T)
            return jnp.moveaxis(v, 0, 1).reshape(v.shape[1], -1)

        def learn(learner: Learner, now: Batch) -> tuple[Learner, tuple[Array, Array, Any]]:
            learner, loss, report = self._window(learner, now, fixed.boxes)
            return learner, (loss, now.mask.sum(), report)

        learner, (losses, counts, reports) = jax.lax.scan(
            learn, learner, jax.tree.map(cut, windows)
        )
        report = jax.tree.map(join, reports)
        if whole < num_step:
            rest = jax.tree.map(lambda v: v[:, whole:], windows)
            learner, (last, count, more) = learn(learner, rest)
            losses, counts = jnp.append(losses, last), jnp.append(counts, count)
            report = jax.tree.map(lambda a, b: jnp.concatenate([a, b], 1), report, more)
        return learner, _mean(losses, counts), report

    def _begin(self, learner: Learner, fixed: Fixed, reset: bool) -> tuple[Learner, Array | None]:
        """Draw the keys of a run, and put the network where it starts."""
        cell, noise, draw = self.net.cell, None, None
        if self.net.is_random and reset:
            key, draw = jax.random.split(learner.key)
            learner = learner._replace(key=key)
        if cell.is_noisy:
            key, noise = jax.random.split(learner.key)
            learner = learner._replace(key=key)
        if reset:
            state = fixed.start
            if cell.trains_start:
                state = jnp.broadcast_to(cell.initial_state(learner.params), state.shape)
            trace = self.net.start(learner.params, state, draw)
            learner = learner._replace(state=state, trace=trace)
        return learner, noise

    def _window(
        self, learner: Learner, now: Batch, boxes: dict[str, Box]
    ) -> tuple[Learner, Array, Any]:
        """Learn one window: its gradient, clipped, and one step of the optimiser.

        A window in which no step counts has no loss. Nothing is learnt from it, not by a penalty
        or the optimiser's momentum either: only the state and the trace go on.
        """
        params, state = learner.params, learner.state
        targets = trajectory.mean_targets(now.ys, now.mask, now.valid)
        found: Window = self.net.window(
            params, state, learner.trace, now.xs, targets, self.objective.loss
        )
        loss, grads = self.objective.regularize(found, params, state, now.xs, targets)
        grads = self.clip(free_gradient(boxes, grads))
        new, optimizer = self.optimizer.update(params, grads, learner.optimizer)
        new = project_all(boxes, new, params)
        if not self.always_counts:
            new, optimizer = _choose(
                (now.mask > 0).any(), (new, optimizer), (params, learner.optimizer)
            )
        return Learner(new, optimizer, found.state, found.trace, learner.key), loss, found.report

    def forward(
        self, monitors: _monitor.Monitors, params: Params, start: Array, trace: Trace, xs: Any
    ) -> tuple[Array, dict[str, Array]]:
        """Return outputs and monitors ``(B, T, ...)``; unused traces are compiled away."""
        cell = self.net.cell

        def body(carry: tuple[Array, Trace], x: Any) -> Any:
            state, trace = self.net.step_trace(params, carry[0], x, carry[1])
            seen = _monitor.read(self.net, monitors, params, (carry[0], x), state, trace)
            return (state, trace), (cell.output(params, state), seen)

        def one(start: Array, trace: Trace, xs: Any) -> Any:
            if cell.causal:
                return jax.lax.scan(body, (start, trace), xs)[1]
            _, states = cell.rollout(params, start, xs)
            read = functools.partial(_monitor.read, self.net, monitors, params)
            zs = jax.vmap(functools.partial(cell.output, params))(states)
            steps = cell.previous(states, start), xs
            return zs, jax.lax.map(lambda now: read(now[0], now[1], trace), (steps, states))

        return jax.vmap(one)(start, trace, xs)


def always_counts(mask: np.ndarray, update_every: int | None, is_whole: bool) -> bool:
    """Return whether some step counts in every window of every minibatch.

    Parameters
    ----------
    mask : np.ndarray
        How much each step counts, ``(B, T)``.
    update_every : int or None
        Steps of a window.
    is_whole : bool
        Whether all sequences are one minibatch. Else any of them may be alone in one.
    """
    num_step = mask.shape[1]
    starts = range(0, num_step, num_step if update_every is None else update_every)
    counts = np.add.reduceat(mask > 0, starts, axis=1) > 0
    return bool((counts.any(0) if is_whole else counts).all())


def _all_finite(tree: Params) -> Array:
    return jnp.all(jnp.stack([jnp.isfinite(v).all() for v in tree.values()]))


def _mean(losses: Array, counts: Array) -> Array:
    """Return the mean loss of what counts; zero where nothing does."""
    total = counts.sum()
    share = counts / jnp.where(total > 0, total, 1)
    return jnp.where(share > 0, losses * share, 0).sum()


def _choose(condition: Array, yes: Any, no: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
