"""Layers of cells."""

import itertools
from collections.abc import Sequence
from typing import Any

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.cells._base import Cell
from bp_rnn.cells._compose import adopt, check_part, named, own
from bp_rnn.typing import Array, Input, Params


class Deep(Cell):
    r"""Stacked network: each layer's input is the output of the one below, at the same time.

    .. math:: s^{l}_t = \mathrm{step}^{l}(\theta^{l}, s^{l}_{t-1}, z^{l-1}_t), \qquad z^0_t = x_t

    Parameters
    ----------
    layers : sequence of Cell
        From the input up. Their sizes fit where ``num_in`` of each is ``num_out`` of the one
        below; the read-out of the last is that of the whole.
    name : str, optional
        BrainPy's name of the object.

    Attributes
    ----------
    layers : bm.NodeList
        The layers. Their Variables follow the state.
    <name>_<l> : bm.Variable
        The Variable ``name`` of layer ``l`` (from 0): ``w_0``, ``h_1``, ...; so are parameters
        named, and ``p_w_0`` the sensitivities.
    state : bm.Variable
        The states of the layers, joined.

    Raises
    ------
    TypeError, ValueError
        If a layer is no causal :class:`Cell`, or sizes or modes do not fit.

    Notes
    -----
    Source: lecture 4, section 3.6.1.
    """

    rowwise = False

    def __init__(self, layers: Sequence[Cell], *, name: str | None = None) -> None:
        _check_layers(layers)
        top = layers[-1]
        sizes = [cell.size for cell in layers]
        super().__init__(
            layers[0].num_in,
            sum(cell.num for cell in layers),
            size=sum(sizes),
            num_hidden=top.num_out,
            mode=top.mode,
            name=name,
        )
        self.layers = bm.NodeList(layers)
        self._cuts = np.cumsum(sizes)[:-1]
        self.trains_start = any(cell.trains_start for cell in layers)
        for i, cell in enumerate(layers):
            adopt(self, cell, str(i))
            below = cell.readout_names if cell is not top else ()
            self.param_names += named(cell.param_names + below, str(i))
        self.readout_names = named(top.readout_names, str(len(layers) - 1))
        if any(cell.is_noisy for cell in layers):
            self._key = top.key_of("deep")
            self._draw_noise()
        self.set_state(jnp.broadcast_to(self.initial_state(self.params()), self.state.shape))

    def step(self, params: Params, state: Array, x: Any) -> Array:
        """Step the layers from the input up."""
        key = x.key if isinstance(x, Input) else None
        z = x.x if isinstance(x, Input) else x
        states = []
        for i, (cell, part) in enumerate(zip(self.layers, self._split(state), strict=True)):
            mine = own(cell, params, str(i))
            layer_key = None if key is None else jax.random.fold_in(key, i)
            states.append(cell.step(mine, part, cell.inputs(z, layer_key)))
            z = cell.output(mine, states[-1])
        return jnp.concatenate(states)

    def hidden(self, params: Params, state: Array) -> Array:
        """Return the output of the last layer."""
        top = len(self.layers) - 1
        return self.layers[top].output(
            own(self.layers[top], params, str(top)), self._split(state)[top]
        )

    def state_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the limits of the layers, joined."""
        lows, highs = zip(*(cell.state_range() for cell in self.layers), strict=True)
        return np.concatenate(lows), np.concatenate(highs)

    def initial_state(self, params: Params) -> Array:
        """Return the initial states of the layers, joined."""
        starts = [c.initial_state(own(c, params, str(i))) for i, c in enumerate(self.layers)]
        return jnp.concatenate(starts)

    def frozen(self, t: float | None = None) -> Cell:
        """Return the cell itself.

        Raises
        ------
        ValueError
            If a layer carries more than its memory, such as spikes or the time.
        """
        for i, cell in enumerate(self.layers):
            if cell.frozen(t) is not cell:
                raise ValueError(
                    f"layer {i} of {self.name} carries more than its memory; only alone can it be "
                    "analysed"
                )
        return self

    def set_state(self, value: Array) -> None:
        """Write the state here and into the layers."""
        super().set_state(value)
        for cell, part in zip(self.layers, self._split(value), strict=True):
            cell.set_state(part)

    def check_run(self) -> None:
        """Refuse a run that a layer refuses."""
        for cell in self.layers:
            cell.check_run()

    def _split(self, state: Array) -> list[Array]:
        return jnp.split(state, self._cuts, axis=-1)


def _check_layers(layers: Sequence[Cell]) -> None:
    if isinstance(layers, Cell) or not isinstance(layers, Sequence):
        raise TypeError(f"layers must be a sequence of cells, got {type(layers).__name__}")
    if not layers:
        raise ValueError("layers must hold at least one cell, got none")
    for i, cell in enumerate(layers):
        check_part(f"layers[{i}]", cell)
    if len({id(cell) for cell in layers}) < len(layers):
        raise ValueError("layers must be different objects, got one cell twice")
    for i, (below, cell) in enumerate(itertools.pairwise(layers), 1):
        if cell.num_in != below.num_out:
            raise ValueError(
                f"layers[{i}] must have num_in={below.num_out}, the outputs of the layer below, "
                f"got {cell.num_in}"
            )
        if cell.state.shape[:-1] != below.state.shape[:-1]:
            raise ValueError(f"layers[{i}] must have the mode {below.mode}, got {cell.mode}")
