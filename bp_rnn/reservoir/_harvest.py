"""States, features or outputs of a network collected in pieces, by programs that are kept."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from tqdm.auto import tqdm

from bp_rnn.cells import Cell
from bp_rnn.typing import Array, Params

#: Numbers in a piece, if its samples are as many as its features at least.
PIECE = 2**21


class Piece(NamedTuple):
    """What was read over a stretch of time.

    Attributes
    ----------
    place, total : int
        Which piece it is, of how many.
    time : slice
        The steps.
    read : Array
        ``(batch, steps, ...)``.
    state : Array
        After the last of the steps, ``(batch, S)``.
    """

    place: int
    total: int
    time: slice
    read: Array
    state: Array


class Harvest:
    """Runs of a cell that are compiled once for each shape.

    Parameters
    ----------
    cell : Cell
        The network; if something can be fed back to it, with a method ``teach``.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._features = max(cell.size, cell.w_out.shape[1] if cell.readout_names else 1)

    def pieces(
        self,
        what: str,
        state: Array,
        xs: Any,
        fed: Array | None = None,
        *,
        least: int = 1,
        progress_bar: bool = False,
    ) -> Iterator[Piece]:
        """Run over ``xs (B, T, num_in)`` and yield what is read, in order.

        Parameters
        ----------
        what : {'state', 'hidden', 'output'}
            What to read.
        state : Array
            Before the first step, ``(B, S)``.
        xs, fed
            Inputs, and what is fed back instead of the output; every leaf is ``(B, T, ...)``.
        least : int
            Pieces at least.
        progress_bar : bool
            Whether to show one where there are several.
        """
        num, num_step = jax.tree.leaves(xs)[0].shape[:2]
        rows = max(PIECE // self._features, self._features)
        total = min(max(least, -(-num * num_step // rows)), num_step)
        total = total if self._cell.causal else 1  # what looks ahead needs the whole sequence
        width = -(-num_step // total)
        starts = range(0, num_step, width)
        params, pending = self._cell.params(), None
        hidden = not progress_bar or len(starts) == 1
        for i, start in enumerate(tqdm(starts, desc="states", disable=hidden)):
            time = slice(start, min(start + width, num_step))
            count = time.stop - start
            now = jax.tree.map(lambda v, t=time: _fill(v[:, t], width), (xs, fed))
            state, read = self._run(params, state, *now, count, what)
            # the host works on a piece while the next one is computed
            if pending is not None:
                yield pending
            read = read if count == width else read[:, :count]
            pending = Piece(i, len(starts), time, read, state)
        if pending is not None:
            yield pending

    def all(
        self, what: str, state: Array, xs: Any, fed: Array | None = None, *, batched: bool = True
    ) -> Array:
        """Return what is read over ``xs (B, T, num_in)``: ``(B, T, ...)``, or one sample's."""
        if what != "state":  # may need less memory than the states, which come in pieces
            found = [piece.read for piece in self.pieces(what, state, xs, fed)]
            joined = found[0] if len(found) == 1 else jnp.concatenate(found, axis=1)
            return joined if batched else joined[0]
        num_step = jax.tree.leaves(xs)[0].shape[1]
        return self._run(self._cell.params(), state, xs, fed, num_step, what, batched)[1]

    def pooled(self, state: Array, xs: Any, weights: Array) -> Array:
        """Return features ``(B, num_hidden)`` summed over time with weights ``(B, T)``."""
        num, num_step = weights.shape
        most = max(1, PIECE // (self._features * num_step))
        width = -(-num // -(-num // most))
        found, params = [], self._cell.params()
        for start in range(0, num, width):
            part = slice(start, start + width)
            now = jax.tree.map(lambda v, p=part: _fill(v[p], width, 0), (state, xs, weights))
            found.append(self._pool(params, *now))
        return jnp.concatenate(found)[:num]

    def generate(self, state: Array, num_step: int) -> Array:
        """Return outputs ``(B, num_step, num_out)``, each the input of the next step."""
        return self._free(self._cell.params(), state, num_step)

    @functools.cached_property
    def _run(self) -> Callable[..., Any]:
        cell = self._cell

        def one(
            params: Params, what: str, count: Array, state: Array, xs: Any, fed: Array | None
        ) -> tuple[Array, Array]:
            if fed is None:
                _, states = cell.rollout(params, state, xs)
            else:
                _, states = cell.teach(params, state, xs, fed)
            return states[count - 1], _read(cell, what, params, states)

        def run(
            params: Params,
            state: Array,
            xs: Any,
            fed: Array | None,
            count: Array,
            what: str,
            batched: bool = True,
        ) -> tuple[Array, Array]:
            found = _over_samples(functools.partial(one, params, what, count))(state, xs, fed)
            # outside of the program it would be a copy
            return found if batched else (found[0], found[1][0])

        return jax.jit(run, static_argnums=(5, 6))

    @functools.cached_property
    def _pool(self) -> Callable[..., Any]:
        cell = self._cell

        def one(params: Params, state: Array, xs: Any, weights: Array) -> Array:
            _, states = cell.rollout(params, state, xs)
            return weights @ _read(cell, "hidden", params, states)

        def run(params: Params, state: Array, xs: Any, weights: Array) -> Array:
            return _over_samples(functools.partial(one, params))(state, xs, weights)

        return jax.jit(run)

    @functools.cached_property
    def _free(self) -> Callable[..., Any]:
        cell = self._cell

        def one(params: Params, num_step: int, state: Array) -> Array:
            def body(state: Array, _: None) -> tuple[Array, Array]:
                z = cell.output(params, state)
                return cell.step(params, state, z), z

            return jax.lax.scan(body, state, length=num_step)[1]

        def run(params: Params, state: Array, num_step: int) -> Array:
            return _over_samples(functools.partial(one, params, num_step))(state)

        return jax.jit(run, static_argnums=2)


def _read(cell: Cell, what: str, params: Params, states: Array) -> Array:
    return states if what == "state" else jax.vmap(getattr(cell, what), (None, 0))(params, states)


def _fill(value: Array, width: int, axis: int = 1) -> Array:
    """Return ``value`` with zeros behind it, so that all pieces have one shape."""
    missing = width - value.shape[axis]
    if not missing:
        return value
    return jnp.pad(value, [(0, missing * (i == axis)) for i in range(value.ndim)])


def _over_samples(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` of one sample as one of a batch; a batch of one is not mapped over."""

    def mapped(*args: Any) -> Any:
        if args[0].shape[0] > 1:
            return jax.vmap(function)(*args)
        found = function(*jax.tree.map(lambda v: v[0], args))
        return jax.tree.map(lambda v: v[None], found)

    return mapped
