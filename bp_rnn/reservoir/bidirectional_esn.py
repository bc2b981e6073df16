"""Two echo state networks that read a sequence from both ends."""

from typing import Any, Unpack

from bp_rnn.cells import Bidirectional
from bp_rnn.cells._base import CellOptions
from bp_rnn.cells._compose import adopt, named
from bp_rnn.cells.bidirectional import run_whole
from bp_rnn.reservoir._base import Reservoir
from bp_rnn.reservoir._scale import readout_options
from bp_rnn.reservoir.deep_esn import check_layer
from bp_rnn.reservoir.esn import ESN
from bp_rnn.typing import Array, Params


class BidirectionalESN(Reservoir):
    r"""Bidirectional echo state network, for whole sequences.

    .. math:: z_t = W_{out} [h^f_t, h^b_t] + b_{out}

    where :math:`h^b` runs from the end of the sequence to its start. Called, it takes a whole
    sequence, ``(time, num_in)``, or in a batching mode ``(batch, time, num_in)``, and returns the
    output of every step.

    Parameters
    ----------
    forward, backward : ESN
        Two networks without read-outs and feedback. At shorter sequences of a batch (``lengths``)
        the backward one starts where the sequence ends. Give each its own ``key``.
    **options
        ``num_out``, ``b_out``, ``key`` and ``name`` of :class:`Cell`. ``w_out`` is zero before
        :meth:`fit`.

    Attributes
    ----------
    <name>_forward, <name>_backward : bm.Variable
        The Variable ``name`` of each of the two.
    state : bm.Variable
        ``[forward, backward]`` at one time; after a call, at the last step.

    Raises
    ------
    TypeError, ValueError
        If one of them is no ESN, has a read-out or feedback, or inputs or modes do not fit.

    Notes
    -----
    Sources: Schuster & Paliwal 1997; Bianchi et al. 2021, "Reservoir computing approaches for
    representation and classification of multivariate time series".
    """

    rowwise = False
    causal = False

    def __init__(self, forward: ESN, backward: ESN, **options: Unpack[CellOptions]) -> None:
        check_layer("forward", forward)
        check_layer("backward", backward)
        taken = {"init_state", "train_init_state", "mode"} & set(options)
        if taken:
            raise TypeError(f"{sorted(taken)} must be given to forward and backward")
        both = Bidirectional(forward, backward)
        readout_options(options, "a BidirectionalESN")
        options["mode"] = forward.mode
        super().__init__(both.num_in, both.num, size=both.size, num_hidden=both.num_out, **options)
        self.both, self.trains_start = both, both.trains_start
        for suffix, cell in (("forward", forward), ("backward", backward)):
            adopt(self, cell, suffix)
            self.param_names += named(cell.param_names, suffix)

    def step(self, params: Params, state: Array, x: Any) -> Array:
        """Refuse: there is no next state without the future input.

        Raises
        ------
        ValueError
            Always.
        """
        return self.both.step(params, state, x)

    def rollout(self, params: Params, state: Array, xs: Any) -> tuple[Array, Array]:
        """Run forward and backward; ``state`` is where each of the two starts."""
        return self.both.rollout(params, state, xs)

    def update(self, x: Array) -> Array:
        """Run over a whole sequence; as :meth:`Bidirectional.update`."""
        return run_whole(self, x)

    def hidden(self, params: Params, state: Array) -> Array:
        """Return the features of both, joined."""
        return self.both.hidden(params, state)

    def initial_state(self, params: Params) -> Array:
        """Return the initial states of both, joined."""
        return self.both.initial_state(params)

    def inputs(self, xs: Array, key: Array | None = None, valid: Array | None = None) -> Any:
        """Return the input with the ends of its sequences."""
        return self.both.inputs(xs, key, valid)
