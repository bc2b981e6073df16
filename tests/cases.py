"""Every cell and every algorithm, found by introspection; NUM_IN, NUM and NUM_OUT all differ."""

import inspect

import brainpy as bp
import brainpy.math as bm

import bp_rnn
import bp_rnn.cells
import bp_rnn.gradients

NUM_IN, NUM, NUM_OUT = 3, 5, 2


class Pair(bp_rnn.Cell):
    """Two states a unit, row i driving both, and an output that reads a recurrent parameter."""

    def __init__(self, mode=None):
        super().__init__(NUM_IN, NUM, 2 * NUM, size=2 * NUM, reads_out=True, mode=mode)
        rng = bm.random.RandomState(1)
        self.w = bm.TrainVar(bm.as_jax(rng.normal(0.0, 0.4, (NUM, 2, NUM))).astype(bm.float_))
        self.w_in = bm.TrainVar(bm.as_jax(rng.normal(0.0, 1.0, (NUM, 2, NUM_IN))).astype(bm.float_))
        self.param_names = ("w_in", "w")  # not in alphabetical order

    def step(self, params, state, x):
        h, c = state[:NUM], state[NUM:]
        a, b = (params["w"] @ h + params["w_in"] @ x).T
        c = 0.7 * c + bm.as_jax(bm.tanh(a))
        return bm.as_jax(bm.concatenate([bm.tanh(c) * bm.sigmoid(b), c]))

    def output(self, params, state):
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
    "Pair": Pair,
    "BrainPyCell-RNN": _wrap(
        lambda mode: bp.dyn.RNNCell(NUM_IN, NUM, activation="tanh", mode=mode)
    ),
    "BrainPyCell-GRU": _wrap(lambda mode: bp.dyn.GRUCell(NUM_IN, NUM, mode=mode)),
    "BrainPyCell-LSTM": _wrap(lambda mode: bp.dyn.LSTMCell(NUM_IN, NUM, mode=mode)),
    "BrainPyCell-own": _wrap(Own),
}


def leaves(module, base):
    found = [getattr(module, name) for name in module.__all__]
    return [
        c for c in found if inspect.isclass(c) and issubclass(c, base) and not inspect.isabstract(c)
    ]


ALGORITHMS = {c.__name__: c for c in leaves(bp_rnn.gradients, bp_rnn.GradientAlgorithm)}
