"""Gradients along a trajectory."""

from bp_rnn.gradients._base import (
    ForwardGradient as ForwardGradient,
    GradientAlgorithm as GradientAlgorithm,
)
from bp_rnn.gradients.block_rtrl import BlockRTRL as BlockRTRL
from bp_rnn.gradients.bptt import BPTT as BPTT
from bp_rnn.gradients.check import GradientCheck as GradientCheck, check_gradient as check_gradient
from bp_rnn.gradients.eprop import EProp as EProp
from bp_rnn.gradients.flow import gradient_norms as gradient_norms
from bp_rnn.gradients.kf_rtrl import KFRTRL as KFRTRL
from bp_rnn.gradients.rflo import RFLO as RFLO
from bp_rnn.gradients.rtrl import RTRL as RTRL
from bp_rnn.gradients.snap import SnAp as SnAp
from bp_rnn.gradients.uoro import UORO as UORO

__all__ = [
    "BPTT",
    "KFRTRL",
    "RFLO",
    "RTRL",
    "UORO",
    "BlockRTRL",
    "EProp",
    "ForwardGradient",
    "GradientAlgorithm",
    "GradientCheck",
    "SnAp",
    "check_gradient",
    "gradient_norms",
]
