"""Two cells that read a sequence from both ends."""

from typing import Any, Unpack

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn.cells._base import Cell, CellOptions
from bp_rnn.cells._compose import adopt, check_part, named, own
from bp_rnn.typing import Array, Input, Params


class Bidirectional(Cell):
    r"""Bidirectional network, for whole sequences.

    .. math::

        s^f_t = \mathrm{step}^f(\theta^f, s^f_{t-1}, x_t), \qquad
        s^b_t = \mathrm{step}^b(\theta^b, s^b_{t+1}, x_t), \qquad
        z_t = W_{out} [z^f_t, z^b_t] + b_{out}

    Its state at a time depends on the input after it, so that it is no dynamical system in time:
    ``OfflineTrainer`` with BPTT trains it, and ``update`` takes a whole sequence. Online
    algorithms refuse it.

    Parameters
    ----------
    forward, backward : Cell
        What reads forward and what reads backward. At shorter sequences of a batch (``lengths``)
        the backward cell starts where the sequence ends.
    **options
        ``num_out``, ``w_out``, ``b_out``, ``key`` and ``name`` of :class:`Cell`.

    Attributes
    ----------
    <name>_forward, <name>_backward : bm.Variable
        The Variable ``name`` of each of the two; so are parameters named.
    state : bm.Variable
        ``[forward, backward]`` at one time.

    Raises
    ------
    TypeError, ValueError
        If one of them is no causal :class:`Cell`, or inputs or modes do not fit.

    Notes
    -----
    Sources: Schuster & Paliwal 1997; lecture 4, section 3.6.1.
    """

    rowwise = False
    causal = False

    def __init__(self, forward: Cell, backward: Cell, **options: Unpack[CellOptions]) -> None:
        for name, cell in (("forward", forward), ("backward", backward)):
            check_part(name, cell)
        if forward is backward:
            raise ValueError("backward must be another object than forward")
        if forward.num_in != backward.num_in or forward.state.ndim != backward.state.ndim:
            raise ValueError(
                f"backward must have num_in={forward.num_in} and the mode {forward.mode} of "
                f"forward, got {backward.num_in} and {backward.mode}"
            )
        taken = {"init_state", "train_init_state", "mode"} & set(options)
        if taken:
            raise TypeError(f"{sorted(taken)} must be given to forward and backward")
        options["mode"] = forward.mode
        super().__init__(
            forward.num_in,
            forward.num + backward.num,
            size=forward.size + backward.size,
            num_hidden=forward.num_out + backward.num_out,
            **options,
        )
        self.forward, self.backward = forward, backward
        self.trains_start = forward.trains_start or backward.trains_start
        for suffix, cell in self._parts():
            adopt(self, cell, suffix)
            self.param_names += named(cell.param_names, suffix)
            self.readout_names += named(cell.readout_names, suffix)
        self.is_noisy = forward.is_noisy or backward.is_noisy
        if self.is_noisy:
            self._draw_noise()

    def step(self, params: Params, state: Array, x: Any) -> Array:  # noqa: ARG002
        """Refuse: there is no next state without the future input.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            f"{self.name} is bidirectional: its state depends on the input after each step, so it "
            "can't be run or learn step by step; call it on a whole sequence, (time, num_in), "
            "or use OfflineTrainer with method='bptt'"
        )

    def rollout(self, params: Params, state: Array, xs: Any) -> tuple[Array, Array]:
        """Run forward and backward; ``state`` is where each of the two starts."""
        xs = xs if isinstance(xs, Input) else Input(xs)
        runs = []
        for (suffix, cell), start in zip(self._parts(), self._split(state), strict=True):
            runs.append(_run(cell, own(cell, params, suffix), start, xs, suffix == "backward"))
        states = jnp.concatenate(runs, axis=-1)
        return states[-1], states

    def hidden(self, params: Params, state: Array) -> Array:
        """Return the outputs of both, joined."""
        parts = zip(self._parts(), self._split(state), strict=True)
        return jnp.concatenate([c.output(own(c, params, name), s) for (name, c), s in parts])

    def initial_state(self, params: Params) -> Array:
        """Return the initial states of both, joined."""
        return jnp.concatenate([c.initial_state(own(c, params, n)) for n, c in self._parts()])

    def inputs(self, xs: Array, key: Array | None = None, valid: Array | None = None) -> Any:
        """Return the input with its noise and with the ends of its sequences."""
        found = super().inputs(xs, key)
        if valid is None:
            return found
        return Input(xs, found.key if isinstance(found, Input) else None, valid)

    def set_state(self, value: Array) -> None:
        """Write the state here and into both cells."""
        super().set_state(value)
        for (_, cell), part in zip(self._parts(), self._split(value), strict=True):
            cell.set_state(part)

    def update(self, x: Array) -> Array:
        """Run over a whole sequence ``(time, num_in)`` or ``(batch, time, num_in)``.

        Returns
        -------
        Array
            Outputs ``(time, num_out)`` or ``(batch, time, num_out)``.
        """
        return run_whole(self, x)

    def _parts(self) -> tuple[tuple[str, Cell], tuple[str, Cell]]:
        return ("forward", self.forward), ("backward", self.backward)

    def _split(self, state: Array) -> list[Array]:
        return jnp.split(state, [self.forward.size], axis=-1)


def run_whole(cell: Cell, x: Any) -> Array:
    """Run a cell that looks ahead over a whole sequence, from its initial state.

    Parameters
    ----------
    cell : Cell
        Whose ``rollout`` takes the whole input.
    x : Array
        ``(time, num_in)``, or ``(batch, time, num_in)`` in a batching mode.

    Returns
    -------
    Array
        Outputs ``(time, num_out)`` or ``(batch, time, num_out)``.
    """
    xs = jnp.asarray(bm.as_jax(x), cell.state.dtype)
    if xs.ndim != 2 + cell.is_batched or xs.shape[-1] != cell.num_in:
        cell.step({}, xs, xs)  # which says what is wanted
    params = cell.params()
    start = jnp.broadcast_to(cell.initial_state(params), (*xs.shape[:-2], cell.size))

    def run(start: Array, xs: Any) -> tuple[Array, Array]:
        last, states = cell.rollout(params, start, xs)
        return last, jax.vmap(cell.output, (None, 0))(params, states)

    last, zs = cell._over_batch(run)(start, cell.inputs(xs, cell._noise_key()))
    cell.set_state(last)
    return zs


def _run(cell: Cell, params: Params, start: Array, xs: Input, reverse: bool) -> Array:
    """Return the states of one direction; steps that are not valid leave the state alone."""

    def body(state: Array, now: Input) -> tuple[Array, Array]:
        key = now.key if now.key is None else jax.random.fold_in(now.key, int(reverse))
        new = cell.step(params, state, cell.inputs(now.x, key))
        new = new if now.valid is None else jnp.where(now.valid > 0, new, state)
        return new, new

    return jax.lax.scan(body, start, xs, reverse=reverse)[1]
