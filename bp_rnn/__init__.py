"""Recurrent networks and how they learn, for BrainPy."""

from bp_rnn import (
    _threads as _threads,
    analysis as analysis,
    functional as functional,
    hopfield as hopfield,
    networks as networks,
    plasticity as plasticity,
    plot as plot,
    readouts as readouts,
    reservoir as reservoir,
    tasks as tasks,
)
from bp_rnn.cells import (
    CTRNN as CTRNN,
    GRU as GRU,
    LSTM as LSTM,
    Bidirectional as Bidirectional,
    Cell as Cell,
    ContinuousCell as ContinuousCell,
    Deep as Deep,
    EnergyRNN as EnergyRNN,
    IndRNN as IndRNN,
    LayeredRNN as LayeredRNN,
    LinearRNN as LinearRNN,
    RateRNN as RateRNN,
    TwoTimescaleRNN as TwoTimescaleRNN,
    VanillaRNN as VanillaRNN,
    from_brainpy as from_brainpy,
)
from bp_rnn.constraints import (
    Bounded as Bounded,
    Constraint as Constraint,
    Dale as Dale,
    Fixed as Fixed,
    Mask as Mask,
    NoSelf as NoSelf,
    constrain as constrain,
)
from bp_rnn.equilibrium import (
    EquilibriumAlgorithm as EquilibriumAlgorithm,
    EquilibriumPropagation as EquilibriumPropagation,
    Implicit as Implicit,
    RecurrentBackprop as RecurrentBackprop,
)
from bp_rnn.functional.modes import Modes as Modes, modes as modes
from bp_rnn.gradients import (
    BPTT as BPTT,
    KFRTRL as KFRTRL,
    RFLO as RFLO,
    RTRL as RTRL,
    UORO as UORO,
    BlockRTRL as BlockRTRL,
    EProp as EProp,
    ForwardGradient as ForwardGradient,
    GradientAlgorithm as GradientAlgorithm,
    GradientCheck as GradientCheck,
    SnAp as SnAp,
    check_gradient as check_gradient,
    gradient_norms as gradient_norms,
)
from bp_rnn.hopfield import (
    ContinuousHopfield as ContinuousHopfield,
    DenseHopfield as DenseHopfield,
    DiscreteHopfield as DiscreteHopfield,
    SoftmaxHopfield as SoftmaxHopfield,
)
from bp_rnn.init import SpectralRadius as SpectralRadius
from bp_rnn.lecture import RNN as RNN
from bp_rnn.penalties import Omega as Omega, RateL2 as RateL2, WeightL2 as WeightL2
from bp_rnn.plasticity import (
    STDP as STDP,
    PlasticLayer as PlasticLayer,
    PlasticRNN as PlasticRNN,
)
from bp_rnn.readouts import (
    LMS as LMS,
    RLS as RLS,
    Readout as Readout,
    Ridge as Ridge,
    Softmax as Softmax,
)
from bp_rnn.reservoir import (
    ESN as ESN,
    FORCE as FORCE,
    LSM as LSM,
    BidirectionalESN as BidirectionalESN,
    DeepESN as DeepESN,
    Reservoir as Reservoir,
)
from bp_rnn.train import (
    EquilibriumTrainer as EquilibriumTrainer,
    OfflineTrainer as OfflineTrainer,
    OnlineTrainer as OnlineTrainer,
)

__version__ = "0.1.0"
