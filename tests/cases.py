"""Every cell and every algorithm, found by introspection; NUM_IN, NUM and NUM_OUT all differ."""

import functools
import inspect

import brainpy as bp
import brainpy.math as bm
import numpy as np

import bp_rnn
import bp_rnn.cells
import bp_rnn.gradients

NUM_IN, NUM, NUM_OUT = 3, 5, 2


class Pair(bp_rnn.Cell):
    """Two states a unit, row i driving both, and an output that reads a recurrent parameter."""

    def __init__(self, mode=None):
        super().__init__(NUM_IN, NUM, size=2 * NUM, num_hidden=2 * NUM, mode=mode)
        rng = bm.random.RandomState(1)
        self.w = bm.TrainVar(bm.as_jax(rng.normal(0.0, 0.4, (NUM, 2, NUM))).astype(bm.float_))
        self.w_in = bm.TrainVar(bm.as_jax(rng.normal(0.0, 1.0, (NUM, 2, NUM_IN))).astype(bm.float_))
        self.param_names = ("w_in", "w")  # not in alphabetical order

    def step(self, params, state, x):
        h, c = state[:NUM], state[NUM:]
        a, b = (params["w"] @ h + params["w_in"] @ x).T
        c = 0.7 * c + bm.as_jax(bm.tanh(a))
        return bm.as_jax(bm.concatenate([bm.tanh(c) * bm.sigmoid(b), c]))

    def hidden(self, params, state):
        return state + params["w"].sum()


class Own(bp.DynamicalSystem):
    """A user's class: two Variables, and an output that depends on the input too."""

    num_in = NUM_IN

    def __init__(self, mode=None):
        super().__init__(mode=mode)
        self.inner = bp.dyn.RNNCell(NUM_IN, NUM, mode=bm.TrainingMode(1), activation="tanh")
        self.a = bm.TrainVar(bm.ones(NUM_IN) * 0.5)
        self.slow = bp.init.variable_(bm.zeros, (NUM_IN,), self.mode)

    def reset_state(self, batch_size=None):
        self.slow.value = bm.as_jax(bm.zeros((batch_size, NUM_IN)))

    def update(self, x):
        h = self.inner(x)
        self.slow.value = bm.as_jax(0.9 * self.slow.value + self.a.value[None] * x)
        return h[:, :NUM_IN] * self.slow.value + x * self.a.value[None]


def _wrap(make):
    return lambda mode=None: bp_rnn.from_brainpy(make(mode or bm.TrainingMode(1)))


CELLS = {
    "RateRNN": lambda mode=None: bp_rnn.RateRNN(NUM_IN, NUM, num_out=NUM_OUT, mode=mode),
    "RateRNN-direct": lambda mode=None: bp_rnn.RateRNN(
        None, NUM, phi="softplus", tau=[1.0, 2.0, 0.5, 3.0, 1.5], mode=mode
    ),
    "RateRNN-rk4": lambda mode=None: bp_rnn.RateRNN(NUM_IN, NUM, integrator="rk4", mode=mode),
    "RateRNN-noise": lambda mode=None: bp_rnn.RateRNN(
        NUM_IN, NUM, num_out=NUM_OUT, noise=0.3, noise_in=0.2, mode=mode
    ),
    "RateRNN-start": lambda mode=None: bp_rnn.RateRNN(
        NUM_IN, NUM, num_out=NUM_OUT, init_state=0.3, train_init_state=True, mode=mode
    ),
    "CTRNN": lambda mode=None: bp_rnn.CTRNN(
        NUM_IN, NUM, num_out=NUM_OUT, tau=[1.0, 2.0, 0.5, 3.0, 1.5], mode=mode
    ),
    "CTRNN-direct": lambda mode=None: bp_rnn.CTRNN(None, NUM, phi="sigmoid", mode=mode),
    "LinearRNN": lambda mode=None: bp_rnn.LinearRNN(
        NUM_IN, NUM, num_out=NUM_OUT, tau=[1.0, 2.0, 0.5, 3.0, 1.5], mode=mode
    ),
    "TwoTimescaleRNN": lambda mode=None: bp_rnn.TwoTimescaleRNN(
        NUM_IN, NUM, num_out=NUM_OUT, b_out=None, tau_s=0.7, tau_r=0.4, noise=0.1, mode=mode
    ),
    "VanillaRNN": lambda mode=None: bp_rnn.VanillaRNN(NUM_IN, NUM, num_out=NUM_OUT, mode=mode),
    "VanillaRNN-leaky": lambda mode=None: bp_rnn.VanillaRNN(
        NUM_IN, NUM, leak=0.3, init_state=0.5, mode=mode
    ),
    "IndRNN": lambda mode=None: bp_rnn.IndRNN(NUM_IN, NUM, num_out=NUM_OUT, mode=mode),
    "LSTM": lambda mode=None: bp_rnn.LSTM(NUM_IN, NUM, num_out=NUM_OUT, mode=mode),
    "LSTM-start": lambda mode=None: bp_rnn.LSTM(
        NUM_IN, NUM, init_state=0.2, train_init_state=True, mode=mode
    ),
    "GRU": lambda mode=None: bp_rnn.GRU(NUM_IN, NUM, num_out=NUM_OUT, mode=mode),
    "GRU-after": lambda mode=None: bp_rnn.GRU(NUM_IN, NUM, reset_after=True, mode=mode),
    "Deep": lambda mode=None: bp_rnn.Deep(
        [
            bp_rnn.LSTM(NUM_IN, NUM, num_out=4, mode=mode),
            bp_rnn.GRU(4, 3, num_out=NUM_OUT, train_init_state=True, mode=mode),
        ]
    ),
    "Deep-mixed": lambda mode=None: bp_rnn.Deep(
        [
            _wrap(lambda mode: bp.dyn.GRUCell(NUM_IN, NUM, mode=mode))(mode),
            bp_rnn.CTRNN(NUM, 3, noise=0.2, mode=mode or bm.TrainingMode(1)),
            bp_rnn.IndRNN(3, 4, mode=mode or bm.TrainingMode(1)),
        ]
    ),
    "Pair": Pair,
    "BrainPyCell-RNN": _wrap(
        lambda mode: bp.dyn.RNNCell(NUM_IN, NUM, activation="tanh", mode=mode)
    ),
    "BrainPyCell-GRU": _wrap(lambda mode: bp.dyn.GRUCell(NUM_IN, NUM, mode=mode)),
    "BrainPyCell-LSTM": _wrap(lambda mode: bp.dyn.LSTMCell(NUM_IN, NUM, mode=mode)),
    "BrainPyCell-own": _wrap(Own),
}

#: Those whose state depends on the future.
WHOLE_SEQUENCE_CELLS = {
    "Bidirectional": lambda mode=None: bp_rnn.Bidirectional(
        bp_rnn.LSTM(NUM_IN, NUM, num_out=4, train_init_state=True, mode=mode),
        bp_rnn.CTRNN(NUM_IN, NUM, noise=0.2, mode=mode),
        num_out=NUM_OUT,
    ),
    "BidirectionalESN": lambda mode=None: bp_rnn.BidirectionalESN(
        *_reservoirs(NUM_IN, mode), num_out=NUM_OUT, w_out=0.3
    ),
}


def _reservoirs(num_above, mode):
    return [
        bp_rnn.ESN(NUM_IN, NUM, leak=0.6, squares=True, mode=mode),
        bp_rnn.ESN(num_above, 4, topology="diagonals", density=0.5, key=1, mode=mode),
    ]


#: Those made for learning at a fixed point.
EQUILIBRIUM_CELLS = {
    "EnergyRNN": lambda mode=None: bp_rnn.EnergyRNN(NUM_IN, NUM, num_out=NUM_OUT, mode=mode),
    "LayeredRNN": lambda mode=None: bp_rnn.LayeredRNN(NUM_IN, [4, NUM], num_out=NUM_OUT, mode=mode),
}


#: Those whose recurrent weights are not learnt; the exact algorithms work on them all the same.
RESERVOIRS = {
    "ESN": lambda mode=None: bp_rnn.ESN(NUM_IN, NUM, num_out=NUM_OUT, w_out=0.3, mode=mode),
    "ESN-sparse": lambda mode=None: bp_rnn.ESN(
        NUM_IN, NUM, topology="sparse", density=0.4, leak=0.6, mode=mode
    ),
    "ESN-diagonals": lambda mode=None: bp_rnn.ESN(
        NUM_IN,
        NUM,
        num_out=NUM_OUT,
        topology="diagonals",
        density=0.6,
        bias_scaling=0.2,
        squares=True,
        w_out=0.3,
        mode=mode,
    ),
    "DeepESN": lambda mode=None: bp_rnn.DeepESN(
        _reservoirs(2 * NUM, mode), num_out=NUM_OUT, w_out=0.3
    ),
    "ESN-feedback": lambda mode=None: bp_rnn.ESN(
        NUM_IN,
        NUM,
        num_out=NUM_OUT,
        feedback_scaling=0.7,
        input_features=True,
        w_out=lambda shape: bm.asarray(np.linspace(-0.5, 0.8, shape[0] * shape[1]).reshape(shape)),
        mode=mode,
    ),
}


def quiet(name, mode=None):
    """A cell without its noise, which BrainPy's runner would draw anew."""
    cell = CELLS[name](mode)
    cell.is_noisy = False
    return cell


def leaves(module, base):
    found = [getattr(module, name) for name in module.__all__]
    return [
        c for c in found if inspect.isclass(c) and issubclass(c, base) and not inspect.isabstract(c)
    ]


#: Every public algorithm; those with an option that changes what they do, more than once.
ALGORITHMS = {
    "RTRL": bp_rnn.RTRL,
    "BPTT": bp_rnn.BPTT,
    "BPTT-truncated": lambda cell: bp_rnn.BPTT(cell, truncation=3),
    "BlockRTRL": lambda cell: bp_rnn.BlockRTRL(cell, block=4),
    "SnAp": bp_rnn.SnAp,
    "RFLO": lambda cell: bp_rnn.RFLO(cell, feedback="exact"),
    "EProp": bp_rnn.EProp,
    "UORO": bp_rnn.UORO,
    "KFRTRL": bp_rnn.KFRTRL,
}
#: Cells of every kind of structure, for what the base class of the algorithms does for all.
FEW_CELLS = ("RateRNN-start", "LSTM", "BrainPyCell-own")


def is_keyed(cell_name):
    """Whether a cell's weights are the same each time; BrainPy's own draws are not."""
    return not cell_name.startswith("BrainPyCell") and "mixed" not in cell_name


@functools.cache
def shared(algorithm, cell_name):
    """A network in float64 that no test may change, so that its programs are compiled once."""
    return ALGORITHMS[algorithm](_shared_cell(cell_name))


@functools.cache
def _shared_cell(name):
    return {**CELLS, **RESERVOIRS}[name]()
