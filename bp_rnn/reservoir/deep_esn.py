"""Echo state networks in layers."""

from collections.abc import Sequence
from typing import Any, Unpack

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn.cells import Cell, Deep
from bp_rnn.cells._base import CellOptions
from bp_rnn.cells._compose import adopt, named, own
from bp_rnn.reservoir._base import Reservoir
from bp_rnn.reservoir._scale import readout_options
from bp_rnn.reservoir.esn import ESN
from bp_rnn.typing import Array, Params


class DeepESN(Reservoir):
    r"""Echo state networks one above the other, with a read-out of all of them.

    .. math::

        h^l_t = \mathrm{step}^l(h^l_{t-1}, h^{l-1}_t), \qquad h^0_t = x_t, \qquad
        z_t = W_{out} [h^1_t, \ldots, h^L_t] + b_{out}

    Parameters
    ----------
    layers : sequence of ESN
        From the input up, without read-outs and feedback. Their sizes fit where ``num_in`` of each
        is what the one below gives, its ``num``. Those whose ``key`` was not given get one each,
        as in :class:`Deep`.
    **options
        Those of :class:`Cell`, except the start and the mode, which the layers have. ``w_out`` is
        zero before :meth:`fit`.

    Attributes
    ----------
    layers : bm.NodeList
        The layers. Their Variables follow the state.
    state : bm.Variable
        The states of the layers, joined.
    <name>_<l> : bm.Variable
        The Variable ``name`` of layer ``l`` (from 0): ``w_0``, ``h_1``, ...

    Raises
    ------
    TypeError, ValueError
        If a layer is no ESN, has a read-out or feedback, or sizes or modes do not fit.

    Notes
    -----
    Source: Gallicchio, Micheli & Pedrelli 2017.
    """

    rowwise = False
    layers: bm.NodeList

    def __init__(self, layers: Sequence[ESN], **options: Unpack[CellOptions]) -> None:
        taken = {"init_state", "train_init_state", "mode"} & set(options)
        if taken:
            raise TypeError(f"{sorted(taken)} must be given to the layers")
        stack = Deep(layers, key=options.get("key"))
        for i, cell in enumerate(layers):
            check_layer(f"layers[{i}]", cell)
        readout_options(options, "a DeepESN")
        options["mode"] = layers[0].mode
        super().__init__(stack.num_in, stack.num, size=stack.size, **options)
        self.stack, self.layers = stack, stack.layers
        self.trains_start = stack.trains_start
        for i, cell in enumerate(layers):
            adopt(self, cell, str(i))
            self.param_names += named(cell.param_names, str(i))
        self.set_state(jnp.broadcast_to(self.initial_state(self.params()), self.state.shape))

    def step(self, params: Params, state: Array, x: Any) -> Array:
        """Step the layers from the input up."""
        return self.stack.step(params, state, x)

    def rollout(self, params: Params, state: Array, xs: Any) -> tuple[Array, Array]:
        """Run one layer after the other over the whole sequence."""
        found, start = [], 0
        for i, cell in enumerate(self.layers):
            mine, end = own(cell, params, str(i)), start + cell.size
            _, states = cell.rollout(mine, state[start:end], xs)
            xs = jax.vmap(cell.output, (None, 0))(mine, states)
            found.append(states)
            start = end
        joined = jnp.concatenate(found, axis=1)
        return joined[-1], joined

    def rekey(self, key: Array | int) -> None:
        """Take another key, and so do the layers whose key was not given."""
        self.stack.rekey(key)
        super().rekey(key)

    def initial_state(self, params: Params) -> Array:
        """Return the initial states of the layers, joined."""
        return self.stack.initial_state(params)

    def set_state(self, value: Array) -> None:
        """Write the state here and into the layers."""
        super().set_state(value)
        self.stack.set_state(value)


def check_layer(name: str, cell: Cell) -> None:
    """Refuse what is no plain echo state network.

    Raises
    ------
    TypeError, ValueError
        If it is another cell, or has a read-out or feedback.
    """
    if not isinstance(cell, ESN):
        raise TypeError(f"{name} must be an ESN, got {type(cell).__name__}")
    if cell.readout_names or cell.has_feedback:
        raise ValueError(f"{name} must have no read-out, got num_out={cell.num_out}")
