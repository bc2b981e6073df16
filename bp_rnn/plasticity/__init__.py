"""Synaptic plasticity: rules, the networks that learn by them, and what they have learnt."""

from bp_rnn.plasticity._base import HebbianRule as HebbianRule, PlasticityRule as PlasticityRule
from bp_rnn.plasticity.anti_hebb import AntiHebb as AntiHebb
from bp_rnn.plasticity.bcm import BCM as BCM
from bp_rnn.plasticity.bounds import HardBounds as HardBounds, SoftBounds as SoftBounds
from bp_rnn.plasticity.components import (
    PrincipalComponents as PrincipalComponents,
    angles as angles,
    correlation_matrix as correlation_matrix,
    covariance_matrix as covariance_matrix,
    principal_components as principal_components,
    subspace_angle as subspace_angle,
)
from bp_rnn.plasticity.covariance import Covariance as Covariance
from bp_rnn.plasticity.decay import Decay as Decay
from bp_rnn.plasticity.hebb import AveragedHebb as AveragedHebb, Hebb as Hebb
from bp_rnn.plasticity.layer import PlasticLayer as PlasticLayer
from bp_rnn.plasticity.measures import norm_growth as norm_growth, selectivity as selectivity
from bp_rnn.plasticity.normalized import Normalized as Normalized
from bp_rnn.plasticity.ocular_dominance import (
    OcularDominance as OcularDominance,
    ocular_dominance as ocular_dominance,
)
from bp_rnn.plasticity.oja import Oja as Oja, OjaSubspace as OjaSubspace
from bp_rnn.plasticity.recurrent import PlasticRNN as PlasticRNN
from bp_rnn.plasticity.sanger import Sanger as Sanger
from bp_rnn.plasticity.stdp import STDP as STDP, Synapses as Synapses
from bp_rnn.plasticity.subtractive import SubtractiveNormalization as SubtractiveNormalization
from bp_rnn.plasticity.window import measure_window as measure_window

__all__ = [
    "BCM",
    "STDP",
    "AntiHebb",
    "AveragedHebb",
    "Covariance",
    "Decay",
    "HardBounds",
    "Hebb",
    "HebbianRule",
    "Normalized",
    "OcularDominance",
    "Oja",
    "OjaSubspace",
    "PlasticLayer",
    "PlasticRNN",
    "PlasticityRule",
    "PrincipalComponents",
    "Sanger",
    "SoftBounds",
    "SubtractiveNormalization",
    "Synapses",
    "angles",
    "correlation_matrix",
    "covariance_matrix",
    "measure_window",
    "norm_growth",
    "ocular_dominance",
    "principal_components",
    "selectivity",
    "subspace_angle",
]
