"""Eligibility propagation."""

from typing import Any

from bp_rnn.cells import Cell
from bp_rnn.gradients._local import LocalGradient
from bp_rnn.typing import Array


class EProp(LocalGradient):
    r"""Local eligibility traces, and the learning signal of the present error.

    .. math::

        \epsilon_t = \left. \frac{\partial s_t}{\partial s_{t-1}} \right|_{W z} \epsilon_{t-1}
        + \frac{\partial s_t}{\partial \theta}, \qquad
        \frac{dE}{d\theta} \approx \sum_t \frac{\partial E}{\partial s_t} \, \epsilon_t

    In an LSTM the first factor is the forget gate, in a leaky network the leak. With the exact
    signal this is e-prop 1 with symmetric feedback; :class:`RFLO` is the same with random one.

    Parameters
    ----------
    cell : Cell
        The network.
    feedback : {'exact', 'random'} or array
        As for :class:`RFLO`; here the read-out's own weights by default.
    key : int or JAX key
        Seed of random feedback.

    Attributes
    ----------
    p_<name> : bm.Variable
        The eligibility, ``(K, *parameter.shape)``, as those of :class:`SnAp`.
    feedback : Array or None
        ``(num_out, num_hidden)``; None where it is the read-out's.

    Raises
    ------
    ValueError, TypeError
        As for :class:`RFLO`.

    Notes
    -----
    Memory and time as for the forward pass. Source: Bellec et al. 2020, eqs. 2-4 and 13.
    """

    def __init__(self, cell: Cell, *, feedback: Any = "exact", key: Array | int = 0) -> None:
        super().__init__(cell, feedback, key)
