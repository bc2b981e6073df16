"""Recurrent networks and how they learn, for BrainPy."""

from bp_rnn import functional as functional, plot as plot, tasks as tasks
from bp_rnn.cells import (
    Cell as Cell,
    ContinuousCell as ContinuousCell,
    RateRNN as RateRNN,
    from_brainpy as from_brainpy,
)
from bp_rnn.gradients import (
    BPTT as BPTT,
    RTRL as RTRL,
    ForwardGradient as ForwardGradient,
    GradientAlgorithm as GradientAlgorithm,
    GradientCheck as GradientCheck,
    check_gradient as check_gradient,
)
from bp_rnn.lecture import RNN as RNN
from bp_rnn.train import OfflineTrainer as OfflineTrainer, OnlineTrainer as OnlineTrainer

__version__ = "0.1.0"
