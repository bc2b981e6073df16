"""Random feedback local online learning."""

from typing import Any

from bp_rnn.cells import Cell
from bp_rnn.gradients._local import LocalGradient
from bp_rnn.typing import Array


class RFLO(LocalGradient):
    r"""Local eligibility traces, and errors that come back through fixed random weights.

    .. math::

        p_{ij} \leftarrow (1 - \alpha) \, p_{ij} + \alpha \, \phi'(u_i) \, z_j, \qquad
        \Delta w_{ij} \propto \sum_k B_{ik} \, (y_k - z_k) \, p_{ij}

    for a leaky network; for any other cell :math:`1 - \alpha` is what its units' states pass on
    while the products with weights are held constant.

    Parameters
    ----------
    cell : Cell
        The network, with a read-out unless ``feedback`` is ``'exact'``.
    feedback : {'random', 'exact'} or array
        The weights B: drawn with deviation ``1 / sqrt(num_hidden)``, those of the read-out, or
        given in the shape of ``w_out``.
    key : int or JAX key
        Seed of random feedback.

    Attributes
    ----------
    p_<name> : bm.Variable
        ``(K, *parameter.shape)``, as those of :class:`SnAp`.
    feedback : Array or None
        B, ``(num_out, num_hidden)``; None where it is the read-out's.

    Raises
    ------
    ValueError, TypeError
        If ``feedback`` is none of these or does not fit, or there is no read-out for it.

    Notes
    -----
    Memory and time as for the forward pass. Source: Murray 2019, eqs. 3-5.
    """

    def __init__(self, cell: Cell, *, feedback: Any = "random", key: Array | int = 0) -> None:
        super().__init__(cell, feedback, key)
