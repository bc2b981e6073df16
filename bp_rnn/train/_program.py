"""The compiled program: epochs of learning as a pure function."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn.gradients import GradientAlgorithm
from bp_rnn.train import _monitor
from bp_rnn.train._optimizer import Functional
from bp_rnn.typing import Array, Loss, Params, Trace, Window

#: Longest stretch of epochs in one call: the length of the array of losses.
MAX_CHUNK = 1000


class Learner(NamedTuple):
    """What changes while a network learns."""

    params: Params
    optimizer: list[Array]
    state: Array
    trace: Trace
    key: Array


class Program(NamedTuple):
    """How a network learns; all of it constant, so that its methods are pure.

    Attributes
    ----------
    net, optimizer, loss
        The network with its algorithm, the functional optimiser and the loss of one step.
    update_every : int or None
        Steps between two updates; None for one update a sequence.
    clip_norm : float or None
        Largest global norm of a gradient.
    """

    net: GradientAlgorithm
    optimizer: Functional
    loss: Loss
    update_every: int | None
    clip_norm: float | None

    def epochs(
        self,
        learner: Learner,
        before: tuple[Params, list[Array]],
        xs: Array,
        ys: Array,
        start: Array,
        num_epoch: Array,
        *,
        batch_size: int,
        reset: bool,
        constants: tuple[float, ...],  # noqa: ARG002
    ) -> tuple[Learner, tuple[Params, list[Array]], Array, Array, Array]:
        """Run up to ``num_epoch`` epochs; stop after one whose loss or update is not finite.

        ``before`` are the parameters and the optimiser's state one epoch earlier.
        ``constants`` is what the optimiser bakes in: a new learning rate compiles anew.
        """

        def more(carry: Any) -> Array:
            _, _, _, epoch, ok = carry
            return (epoch < num_epoch) & ok

        def one_epoch(carry: Any) -> Any:
            learner, before, losses, epoch, _ = carry
            new, loss = self._epoch(learner, xs, ys, start, batch_size, reset)
            updated = _all_finite(new.params)
            ok = jnp.isfinite(loss) & updated
            # a loss that is not finite was made by the update before it: undo that one too
            params, optimizer = _choose(
                jnp.isfinite(loss), (learner.params, learner.optimizer), before
            )
            kept = learner._replace(params=params, optimizer=optimizer)
            before = learner.params, learner.optimizer
            return _choose(ok, new, kept), before, losses.at[epoch].set(loss), epoch + 1, ok

        losses = jnp.zeros(MAX_CHUNK, start.dtype)
        learner, before, losses, steps, ok = jax.lax.while_loop(
            more, one_epoch, (learner, before, losses, jnp.array(0), jnp.array(True))
        )
        return learner, before, losses, steps, ok

    def _epoch(
        self, learner: Learner, xs: Array, ys: Array, start: Array, batch_size: int, reset: bool
    ) -> tuple[Learner, Array]:
        """Learn every minibatch once; the loss is that before each update, averaged."""
        if reset:
            first = start[:batch_size]
            learner = learner._replace(state=first, trace=self.net.start(learner.params, first))
        if batch_size == xs.shape[0]:
            learner, loss = self._sequence(learner, xs, ys)
        else:
            key, shuffle = jax.random.split(learner.key)
            order = jax.random.permutation(shuffle, xs.shape[0]).reshape(-1, batch_size)

            def minibatch(learner: Learner, rows: Array) -> tuple[Learner, Array]:
                first = start[rows]
                learner = learner._replace(state=first, trace=self.net.start(learner.params, first))
                return self._sequence(learner, xs[rows], ys[rows])

            learner, found = jax.lax.scan(minibatch, learner._replace(key=key), order)
            loss = found.mean()
        return learner._replace(optimizer=self.optimizer.end_epoch(learner.optimizer)), loss

    def _sequence(self, learner: Learner, xs: Array, ys: Array) -> tuple[Learner, Array]:
        """Learn one batch of sequences, with an update after every window of time."""
        num_step = xs.shape[1]
        width = num_step if self.update_every is None else min(self.update_every, num_step)
        whole = num_step - num_step % width

        def cut(v: Array) -> Array:  # (B, T, ...) -> (windows, B, width, ...)
            parts = v[:, :whole].reshape(v.shape[0], -1, width, *v.shape[2:])
            return jnp.moveaxis(parts, 1, 0)

        learner, found = jax.lax.scan(
            lambda c, now: self._window(c, *now), learner, (cut(xs), cut(ys))
        )
        total = found.sum() * width
        if whole < num_step:
            learner, last = self._window(learner, xs[:, whole:], ys[:, whole:])
            total += last * (num_step - whole)
        return learner, total / num_step

    def _window(self, learner: Learner, xs: Array, ys: Array) -> tuple[Learner, Array]:
        """Learn one window: its gradient, clipped, and one step of the optimiser."""
        weights = jnp.full(xs.shape[:2], 1 / xs.shape[1], learner.state.dtype)
        found: Window = self.net.window(
            learner.params, learner.state, learner.trace, xs, ys, self.loss, weights
        )
        grads = found.grads
        if self.clip_norm is not None:
            norm = jnp.sqrt(sum(jnp.sum(g * g) for g in grads.values()))
            scale = self.clip_norm / jnp.maximum(norm, self.clip_norm)
            grads = jax.tree.map(lambda g: scale * g, grads)
        params, optimizer = self.optimizer.update(learner.params, grads, learner.optimizer)
        return Learner(params, optimizer, found.state, found.trace, learner.key), found.loss

    def forward(
        self, monitors: _monitor.Monitors, params: Params, start: Array, trace: Trace, xs: Array
    ) -> tuple[Array, dict[str, Array]]:
        """Return outputs and monitors ``(B, T, ...)``; unused traces are compiled away."""

        def body(carry: tuple[Array, Trace], x: Array) -> Any:
            state, trace = self.net.step_trace(params, carry[0], x, carry[1])
            seen = _monitor.read(self.net, monitors, params, state, trace)
            return (state, trace), (self.net.cell.output(params, state), seen)

        def one(start: Array, trace: Trace, xs: Array) -> Any:
            return jax.lax.scan(body, (start, trace), xs)[1]

        return jax.vmap(one)(start, trace, xs)


def _all_finite(tree: Params) -> Array:
    return jnp.all(jnp.stack([jnp.isfinite(v).all() for v in tree.values()]))


def _choose(condition: Array, yes: Any, no: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
