"""Gradients along a trajectory."""

from bp_rnn.gradients._base import (
    ForwardGradient as ForwardGradient,
    GradientAlgorithm as GradientAlgorithm,
)
from bp_rnn.gradients.bptt import BPTT as BPTT
from bp_rnn.gradients.check import GradientCheck as GradientCheck, check_gradient as check_gradient
from bp_rnn.gradients.flow import gradient_norms as gradient_norms
from bp_rnn.gradients.rtrl import RTRL as RTRL

__all__ = [
    "BPTT",
    "RTRL",
    "ForwardGradient",
    "GradientAlgorithm",
    "GradientCheck",
    "check_gradient",
    "gradient_norms",
]
