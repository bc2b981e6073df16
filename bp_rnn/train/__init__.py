"""Trainers."""

from bp_rnn.train.equilibrium import EquilibriumTrainer as EquilibriumTrainer
from bp_rnn.train.offline import OfflineTrainer as OfflineTrainer
from bp_rnn.train.online import OnlineTrainer as OnlineTrainer

__all__ = ["EquilibriumTrainer", "OfflineTrainer", "OnlineTrainer"]
