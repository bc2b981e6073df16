"""The algorithms by name."""

import brainpy as bp

from bp_rnn import _check
from bp_rnn.cells import Cell, from_brainpy
from bp_rnn.gradients._base import GradientAlgorithm
from bp_rnn.gradients.block_rtrl import BlockRTRL
from bp_rnn.gradients.bptt import BPTT
from bp_rnn.gradients.eprop import EProp
from bp_rnn.gradients.kf_rtrl import KFRTRL
from bp_rnn.gradients.rflo import RFLO
from bp_rnn.gradients.rtrl import RTRL
from bp_rnn.gradients.snap import SnAp
from bp_rnn.gradients.uoro import UORO

METHODS: dict[str, type[GradientAlgorithm]] = {
    "bptt": BPTT,
    "rtrl": RTRL,
    "block_rtrl": BlockRTRL,
    "snap": SnAp,
    "rflo": RFLO,
    "eprop": EProp,
    "uoro": UORO,
    "kf_rtrl": KFRTRL,
}


def algorithm(target: bp.DynamicalSystem, method: str | None, default: str) -> GradientAlgorithm:
    """Return ``target`` where it is an algorithm, else that of ``method`` for the cell it is.

    Raises
    ------
    TypeError, ValueError
        For an unknown method, one beside an algorithm, or a target that is no system.
    """
    if method is not None:
        _check.choice("method", method, METHODS)
    if isinstance(target, GradientAlgorithm):
        if method is not None and not isinstance(target, METHODS[method]):
            raise ValueError(f"method is {method!r}, but target is already {type(target).__name__}")
        return target
    if isinstance(target, type):
        raise TypeError(
            f"target must be a network, got the class {target.__name__}; make one of it"
        )
    cell = target if isinstance(target, Cell) else from_brainpy(target)
    return METHODS[method or default](cell)
