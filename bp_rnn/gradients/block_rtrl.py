"""Exact gradients with the cost of a step spread over a block of them."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.cells import Cell
from bp_rnn.functional.influence import Influences, Linear
from bp_rnn.gradients._base import GradientAlgorithm, initial_influence, over_samples
from bp_rnn.typing import Array, Params, StepLoss, Trace, Window


class Tape(NamedTuple):
    """Influences at the start of a block, and the steps since then.

    Attributes
    ----------
    p : list of Array
        Influences, ``(S, U, F)`` for each group of taps.
    steps : Linear
        The linearised steps, every array with a leading axis of the length of the tape.
    length : Array
        How many of them there are.
    """

    p: Influences
    steps: Linear
    length: Array


class BlockRTRL(GradientAlgorithm):
    r"""Exact gradient with fixed memory, at a cost of O(n^3) a step instead of RTRL's O(n^4).

    Time is cut into blocks. Forward through a block, then once back, with
    :math:`M_t = \partial s_{end} / \partial s_t` and the loss's :math:`\lambda_t`:

    .. math::

        \frac{dl}{d\theta} = \lambda_0\, p + \sum_t \lambda_t \frac{\partial s_t}{\partial \theta},
        \qquad p \leftarrow M_0\, p + \sum_t M_t \frac{\partial s_t}{\partial \theta}

    where the sums are matrix products over time. In windows that are shorter than a block (an
    update at every step, say) the linearised steps are kept on a tape: :math:`\lambda` goes back
    along it at each update, and p is brought up to date when the tape is full. The gradient, and
    with it the path of the weights, is that of :class:`RTRL`.

    Parameters
    ----------
    cell : Cell
        The network.
    block : int, optional
        Steps of a block, and of the tape. By default what is fastest for the size of the cell.

    Attributes
    ----------
    p_<name> : bm.Variable
        As those of :class:`RTRL`.

    Raises
    ------
    ValueError, TypeError
        If ``block`` is not a positive integer.

    Notes
    -----
    Memory O(S m + block S^2) for m parameters. Sources: Schmidhuber 1992; Williams & Zipser 1995,
    section 5.
    """

    kind = "exact"

    def __init__(self, cell: Cell, *, block: int | None = None) -> None:
        if block is not None:
            _check.integer("block", block, 1)
        self._given = block
        super().__init__(cell)

    def _prepare(self) -> None:
        self._influence = self.cell.influence
        size = self.cell.size
        self.block = max(32, 2 * size) if self._given is None else self._given
        self.tape = min(max(size // 2, 16), 64) if self._given is None else self._given
        if any(self._influence.taps.is_large):
            self.tape = 1

    def init_trace(self, params: Params, state: Array) -> Tape:
        """Return an empty tape, and p = 0 or the derivative of a learnt initial state."""
        return self._empty(initial_influence(self.cell, params, state))

    def step_trace(self, params: Params, state: Array, x: Any, trace: Trace) -> tuple[Array, Trace]:
        """Push p through the step, as :class:`RTRL` does: what a runner sees is up to date."""
        trace = self._settled(trace)
        new, linear = self._influence.linearize(params, state, x)
        return new, trace._replace(p=self._influence.push(trace.p, linear))

    def named(self, trace: Trace) -> dict[str, Array]:
        """Return ``p_w``, ``p_b``, ... after the last step, each ``(S, *parameter.shape)``."""
        return self._influence.named(self._settled(trace).p)

    def unnamed(self, entries: dict[str, Array]) -> Tape:
        """Return p with an empty tape."""
        return self._empty(self._influence.unnamed(entries))

    def window(
        self,
        params: Params,
        state: Array,
        trace: Trace,
        xs: Any,
        targets: Any,
        loss: StepLoss,
    ) -> Window:
        """Go through the window in blocks, or along the tape where it is a short one."""
        num_step = jax.tree.leaves(xs)[0].shape[1]
        if 2 * num_step <= self.tape:
            return self._along_tape(params, state, trace, xs, targets, loss)
        trace = self._settle_if(trace, trace.length[0] > 0)
        block = min(self.block, num_step)
        whole = num_step - num_step % block
        one = over_samples(functools.partial(self._block, params, loss))

        def cut(v: Array) -> Array:  # (B, T, ...) -> (blocks, B, block, ...)
            return jnp.moveaxis(v[:, :whole].reshape(v.shape[0], -1, block, *v.shape[2:]), 1, 0)

        def body(carry: Any, now: Any) -> Any:
            state, p, total, grads = carry
            state, p, value, more, zs = one(state, p, *now)
            return (state, p, total + value, jax.tree.map(jnp.add, grads, more)), zs

        batch = state.shape[0]
        grads = jax.tree.map(lambda v: jnp.zeros((batch, *v.shape), v.dtype), params)
        start = state, trace.p, jnp.zeros(batch, state.dtype), grads
        carry, zs = jax.lax.scan(body, start, jax.tree.map(cut, (xs, targets)))
        zs = jnp.moveaxis(zs, 0, 1).reshape(batch, whole, -1)
        if whole < num_step:
            carry, last = body(carry, jax.tree.map(lambda v: v[:, whole:], (xs, targets)))
            zs = jnp.concatenate([zs, last], axis=1)
        state, p, total, grads = carry
        grads = jax.tree.map(lambda g: g.mean(0), grads)
        return Window(total.mean(), grads, zs, state, trace._replace(p=p))

    def _block(
        self, params: Params, loss: StepLoss, state: Array, p: Influences, xs: Any, targets: Any
    ) -> Any:
        """Go forward and back through one block of one sample."""
        influence, taps_of = self._influence, self._influence.taps
        num_step = jax.tree.leaves(xs)[0].shape[0]
        large = taps_of.is_large

        def run(state: Array, taps: list[Array]) -> Any:
            held, moving = taps_of.split(taps)

            def body(carry: Any, now: Any) -> Any:
                state, total = carry
                x, target, moving = now
                new, factors = taps_of.step(params, state, x, taps_of.unite(held, moving))
                value, z = loss(params, new, target)
                return (new, total + value), (new, factors, z)

            start = state, jnp.zeros((), state.dtype)
            return jax.lax.scan(body, start, (xs, targets, moving))

        zeros = taps_of.zeros_over((num_step,), state.dtype)
        (new, total), pull, (states, factors, zs) = jax.vjp(run, state, zeros, has_aux=True)
        size = self.cell.size
        ends = (
            jnp.eye(size + 1, size, dtype=state.dtype),
            jnp.eye(size + 1, dtype=total.dtype)[size],
        )
        rows, taps = jax.vmap(pull, out_axes=(0, [1 if v else 2 for v in large]))(ends)
        found = influence.through(rows, p)
        for i, (e, z) in enumerate(zip(taps, taps_of.join(factors), strict=True)):
            if large[i]:
                found[i] += e[0][..., None]
            else:
                found[i] += _over_time(e, z)
        direct = jax.vmap(jax.grad(lambda q, s, y: loss(q, s, y)[0]), (None, 0, 0))
        grads = jax.tree.map(lambda g: g.sum(0), direct(params, states, targets))
        grads = self._add(grads, [v[size] for v in found])
        return new, [v[:size] for v in found], total, grads, zs

    def _along_tape(
        self,
        params: Params,
        state: Array,
        trace: Tape,
        xs: Any,
        targets: Any,
        loss: StepLoss,
    ) -> Window:
        """Put the steps of a batch on the tape and go back along all of it."""
        num_step = jax.tree.leaves(xs)[0].shape[1]
        trace = self._settle_if(trace, trace.length[0] + num_step > self.tape)
        count = trace.length[0]  # the same for all samples
        slope = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        linearize = over_samples(functools.partial(self._influence.linearize, params))
        slopes = over_samples(functools.partial(slope, params))

        def forward(carry: Any, now: Any) -> Any:
            state, steps, place, total, grads = carry
            x, target = now
            state, linear = linearize(state, x)
            steps = jax.tree.map(functools.partial(_write, place), steps, linear)
            (value, z), (direct, dl_ds) = slopes(state, target)
            grads = jax.tree.map(lambda g, d: g + d.mean(0), grads, direct)
            return (state, steps, place + 1, total + value.mean(), grads), (z, dl_ds)

        zero = jnp.zeros((), state.dtype), jax.tree.map(jnp.zeros_like, params)
        by_time = jax.tree.map(lambda v: v.swapaxes(0, 1), (xs, targets))
        (state, steps, _, total, grads), (zs, dl_ds) = jax.lax.scan(
            forward, (state, trace.steps, count, *zero), by_time
        )

        def backward(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            row, rows = carry
            place = count + num_step - 1 - i
            if num_step > 1:
                row += jnp.where(i < num_step, dl_ds[jnp.maximum(num_step - 1 - i, 0)], 0)
            rows = _write(place, rows, row)
            jac = jax.lax.dynamic_index_in_dim(steps.jac, place, 1, keepdims=False)
            return over_samples(jnp.matmul)(row, jac), rows

        row = jnp.zeros_like(state) if num_step > 1 else dl_ds[0]
        rows = jnp.zeros((state.shape[0], self.tape, self.cell.size), state.dtype)
        row, rows = jax.lax.fori_loop(0, count + num_step, backward, (row, rows))
        found = over_samples(self._along)(row, rows, trace.p, steps)
        grads = self._add(grads, [g.mean(0) for g in found])
        trace = Tape(trace.p, steps, trace.length + num_step)
        return Window(total, grads, zs.swapaxes(0, 1), state, trace)

    def _along(self, row: Array, rows: Array, p: Influences, steps: Linear) -> list[Array]:
        """Return the gradient of each group from the errors of one sample along the tape."""
        back = jax.vmap(self._influence.back)(rows, steps)
        old = self._influence.through(row, p)
        return [
            q + jnp.einsum("tru,trf->uf", e, z)
            for q, e, z in zip(old, back, steps.factors, strict=True)
        ]

    def _settle(self, tape: Tape) -> Tape:
        """Bring p up to date with the tape of one sample, and empty it."""
        influence = self._influence

        def back(rows: Array, linear: Linear) -> tuple[Array, list[Array]]:
            return rows @ linear.jac, influence.back(rows, linear)

        eye = jnp.eye(self.cell.size, dtype=tape.p[0].dtype)
        rows, taps = jax.lax.scan(back, eye, tape.steps, reverse=True)
        p = [
            q + _over_time(e, z)
            for q, e, z in zip(
                influence.through(rows, tape.p), taps, tape.steps.factors, strict=True
            )
        ]
        return self._empty(p)

    def _settled(self, tape: Tape) -> Tape:
        """Return the tape of one sample settled, at no cost where it is empty."""
        return jax.lax.while_loop(lambda tape: tape.length > 0, self._settle, tape)

    def _settle_if(self, trace: Tape, condition: Array) -> Tape:
        """Settle a batch where ``condition``: a loop of no or one turn, which copies nothing."""

        def settle(_: Array, trace: Tape) -> Tape:
            return over_samples(self._settle)(trace)

        return jax.lax.fori_loop(0, condition.astype(int), settle, trace)

    def _empty(self, p: Influences) -> Tape:
        """Return p and a tape of steps that change nothing: s' = s."""
        dtype, influence = p[0].dtype, self._influence
        size, blocks = influence.size, influence.blocks or influence.size
        groups = influence.taps.groups
        steps = Linear(
            jnp.broadcast_to(jnp.eye(size, dtype=dtype), (self.tape, size, size)),
            [jnp.zeros((self.tape, g.uses, blocks, g.units), dtype) for g in groups],
            [jnp.zeros((self.tape, g.uses, g.fan), dtype) for g in groups],
        )
        return Tape(p, steps, jnp.zeros((), jnp.int32))

    def _add(self, grads: Params, found: list[Array]) -> Params:
        return grads | {k: grads[k] + g for k, g in self._influence.taps.assemble(found).items()}


def _write(place: Array, all_: Array, one: Array) -> Array:
    """Write one step of a batch on a tape ``(B, tape, ...)``."""
    return jax.lax.dynamic_update_index_in_dim(all_, one, place, 1)


def _over_time(e: Array, z: Array) -> Array:
    """Return the sum of E z over times, ``(..., U, F)``, for E ``(T, uses, ..., U)``.

    The product is made the other way round, because it is E that would be copied else.
    """
    return jnp.moveaxis(jnp.tensordot(z, e, axes=((0, 1), (0, 1))), 0, -1)
