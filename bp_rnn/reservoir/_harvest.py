"""States, features or outputs of a network collected in pieces, by programs that are kept.

Time is padded to a power of two and gone through in blocks, of which a program computes as many as
there are: any number of steps needs few programs, and hardly a step more than asked for. What is
cut, filled or joined is NumPy's, which compiles nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from tqdm.auto import tqdm

from bp_rnn import _programs
from bp_rnn.cells import Cell
from bp_rnn.typing import Array, Params

#: Numbers in a piece, if its samples are as many as its features at least.
PIECE = 2**21
#: Steps of a block at most, and blocks of a program at least, if it has as many steps.
BLOCK, NUM_BLOCK = 64, 8


class Piece(NamedTuple):
    """What was read over a stretch of time.

    Attributes
    ----------
    place, total : int
        Which piece it is, of how many.
    time : slice
        The steps.
    padded : Array
        What was read, ``(batch, steps and more, ...)``.
    state : Array
        At the end of the stretch or of the sequence, ``(batch, S)``.
    """

    place: int
    total: int
    time: slice
    padded: Array
    state: Array

    @property
    def read(self) -> np.ndarray:
        """What was read, ``(batch, steps, ...)``."""
        return np.asarray(self.padded)[:, : self.time.stop - self.time.start]


class Harvest:
    """Runs of a cell that are compiled once for each power of two of steps.

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
        lengths: np.ndarray,
        fed: np.ndarray | None = None,
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
        xs : array
            Inputs.
        lengths : np.ndarray
            Steps of each sequence, ``(B,)``: its state stays as it is at the end.
        fed : np.ndarray, optional
            What is fed back instead of the output, ``(B, T, num_out)``.
        least : int
            Pieces at least.
        progress_bar : bool
            Whether to show one where there are several.
        """
        xs = np.asarray(xs)
        num, num_step = xs.shape[:2]
        rows = max(PIECE // self._features, self._features)
        total = min(max(least, -(-num * num_step // rows)), num_step)
        total = total if self._cell.causal else 1  # what looks ahead needs the whole sequence
        width = -(-num_step // total)
        starts = range(0, num_step, width)
        run, params, pending = self._run, self._cell.params(), None
        hidden = not progress_bar or len(starts) == 1
        for i, start in enumerate(tqdm(starts, desc="states", disable=hidden)):
            time = slice(start, min(start + width, num_step))
            now = (None if v is None else fill(v[:, time], room(width)) for v in (xs, fed))
            counts = np.clip(lengths - start, 0, width)
            state, read = run(params, state, *now, counts, what)
            # the host works on a piece while the next one is computed
            if pending is not None:
                yield pending
            pending = Piece(i, len(starts), time, read, state)
        if pending is not None:
            yield pending

    def all(
        self,
        what: str,
        state: Array,
        xs: Any,
        lengths: np.ndarray,
        fed: np.ndarray | None = None,
    ) -> tuple[np.ndarray, Array]:
        """Return what is read, ``(B, T, ...)`` with zeros behind the ends, and the last state."""
        found = None
        for piece in self.pieces(what, state, xs, lengths, fed):
            if found is None:
                found = np.empty((*np.shape(xs)[:2], *piece.padded.shape[2:]), piece.padded.dtype)
            found[:, piece.time] = piece.read
            state = piece.state
        assert found is not None
        found[np.arange(found.shape[1]) >= lengths[:, None]] = 0
        return found, state

    def pooled(self, state: Array, xs: Any, lengths: np.ndarray, weights: np.ndarray) -> Array:
        """Return features ``(B, num_hidden)`` summed over time with weights ``(B, T)``."""
        num, num_step = weights.shape
        steps = room(num_step)
        most = max(1, PIECE // (self._features * steps))
        width = -(-num // -(-num // most))
        xs, weights = fill(np.asarray(xs), steps), fill(weights, steps)
        run, found, params = self._pool, [], self._cell.params()
        for start in range(0, num, width):
            part = slice(start, start + width)
            now = (fill(np.asarray(v[part]), width, 0) for v in (state, xs, lengths, weights))
            found.append(np.asarray(run(params, *now)))
        return jax.device_put(np.concatenate(found)[:num])

    def generate(self, state: Array, num_step: int) -> np.ndarray:
        """Return outputs ``(B, num_step, num_out)``, each the input of the next step."""
        found = self._free(self._cell.params(), state, num_step, room(num_step))
        return np.asarray(found)[:, :num_step]

    @property
    def _run(self) -> Callable[..., Any]:
        cell = _programs.shell(self._cell)

        def run(
            params: Params, state: Array, xs: Array, fed: Array | None, counts: Array, what: str
        ) -> tuple[Array, Array]:
            def one(state: Array, left: Array, xs: Any, fed: Array | None) -> tuple[Array, Array]:
                state, states = _advance(cell, params, state, left, xs, fed)
                return state, _read(cell, what, params, states)

            function = _over_samples(one)
            if not cell.causal:
                return function(state, counts, _with_ends(cell, xs, counts), fed)
            block = max(1, min(BLOCK, xs.shape[1] // NUM_BLOCK))

            def body(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
                state, found = carry
                now = jax.tree.map(lambda v: _block(v, i, block), (xs, fed))
                state, read = function(state, counts - i * block, *now)
                return state, lax.dynamic_update_slice_in_dim(found, read, i * block, 1)

            shape = jax.eval_shape(function, state, counts, xs, fed)[1]
            start = state, jnp.zeros(shape.shape, shape.dtype)
            return lax.fori_loop(0, -(-counts.max() // block), body, start)

        return _programs.find(("run", cell), lambda: _programs.Program(run, static_argnums=5))

    @property
    def _pool(self) -> Callable[..., Any]:
        cell = _programs.shell(self._cell)

        def run(params: Params, state: Array, xs: Array, counts: Array, weights: Array) -> Array:
            def one(state: Array, left: Array, xs: Any, weights: Array) -> tuple[Array, Array]:
                state, states = _advance(cell, params, state, left, xs, None)
                return state, weights @ _read(cell, "hidden", params, states)

            function = _over_samples(one)
            if not cell.causal:
                return function(state, counts, _with_ends(cell, xs, counts), weights)[1]
            block = max(1, min(BLOCK, xs.shape[1] // NUM_BLOCK))

            def body(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
                state, total = carry
                now = (_block(v, i, block) for v in (xs, weights))
                state, more = function(state, counts - i * block, *now)
                return state, total + more

            shape = jax.eval_shape(function, state, counts, xs, weights)[1]
            start = state, jnp.zeros(shape.shape, shape.dtype)
            return lax.fori_loop(0, -(-counts.max() // block), body, start)[1]

        return _programs.find(("pool", cell), lambda: _programs.Program(run))

    @property
    def _free(self) -> Callable[..., Any]:
        cell = _programs.shell(self._cell)

        def run(params: Params, state: Array, num_step: Array, steps: int) -> Array:
            def one(state: Array) -> Array:
                def body(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
                    state, found = carry
                    z = cell.output(params, state)
                    return cell.step(params, state, z), found.at[i].set(z)

                found = jnp.zeros((steps, cell.num_out), state.dtype)
                return lax.fori_loop(0, num_step, body, (state, found))[1]

            return _over_samples(one)(state)

        return _programs.find(("generate", cell), lambda: _programs.Program(run, static_argnums=3))


def room(num_step: int) -> int:
    """Return the steps that a program for so many steps has: the next power of two."""
    return 1 << (num_step - 1).bit_length()


def _advance(
    cell: Cell, params: Params, state: Array, left: Array, xs: Any, fed: Array | None
) -> tuple[Array, Array]:
    """Return the state at the end, after ``left`` steps if these are fewer, and all states."""
    if fed is None:
        _, states = cell.rollout(params, state, xs)
    else:
        _, states = cell.teach(params, state, xs, fed)
    last = states[jnp.clip(left, 1, len(states)) - 1]
    return jnp.where(left > 0, last, state), states


def _read(cell: Cell, what: str, params: Params, states: Array) -> Array:
    return states if what == "state" else jax.vmap(getattr(cell, what), (None, 0))(params, states)


def _with_ends(cell: Cell, xs: Array, counts: Array) -> Any:
    """Return the inputs with the ends of their sequences, for what looks ahead."""
    valid = jnp.arange(xs.shape[1]) < counts[:, None]
    return cell.inputs(xs, None, valid.astype(xs.dtype))


def _block(value: Array, i: Array, block: int) -> Array:
    return lax.dynamic_slice_in_dim(value, i * block, block, 1)


def fill(value: np.ndarray, width: int, axis: int = 1) -> np.ndarray:
    """Return ``value`` with zeros behind it, so that all pieces have one shape."""
    missing = width - value.shape[axis]
    if not missing:
        return value
    return np.pad(value, [(0, missing * (i == axis)) for i in range(value.ndim)])


def _over_samples(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` of one sample as one of a batch; a batch of one is not mapped over."""

    def mapped(*args: Any) -> Any:
        if args[0].shape[0] > 1:
            return jax.vmap(function)(*args)
        found = function(*jax.tree.map(lambda v: v[0], args))
        return jax.tree.map(lambda v: v[None], found)

    return mapped
