"""Every model of bp.rates and bp.dyn, found by introspection, and how to make each."""

import inspect

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp

#: Units of each population.
NUM = 2
BATCH = bm.TrainingMode(1)


class Network(bp.DynamicalSystem):
    """Two populations and what connects them; the input drives the first."""

    num_in = NUM

    def __init__(self, make, call=lambda net, x: net.link(), kind=bp.dyn.Lif):
        super().__init__()
        self.pre, self.post = kind(NUM), kind(NUM)
        self.link = make(self)
        self.call = call

    def update(self, x):
        self.call(self, x)
        return jnp.concatenate([bm.as_jax(self.pre(10.0 * x)), bm.as_jax(self.post(x))])


def _all_to_all():
    return bp.dnn.AllToAll(NUM, NUM, bm.asarray([[0.7, 0.2], [0.4, 0.9]]))


def _full(name, order, delay=0.3):
    """A projection that reads the spikes of ``pre`` after a delay; ``Mg`` ones take recipes."""
    merged = "Mg" in name or "STDP" in name

    def make(net):
        given = {
            "pre": net.pre,
            "post": net.post,
            "delay": delay,
            "comm": _all_to_all(),
            "syn": bp.dyn.Expon.desc(NUM) if merged else bp.dyn.Expon(NUM),
            "out": bp.dyn.CUBA.desc() if merged and "Pre" not in name else bp.dyn.CUBA(),
        }
        return getattr(bp.dyn, name)(**{k: given[k] for k in order.split()})

    return lambda: Network(make)


def _half(name, **given):
    def make(net):
        return getattr(bp.dyn, name)(
            comm=_all_to_all(), post=net.post, **{k: v() for k, v in given.items()}
        )

    return lambda: Network(make, lambda net, x: net.link(x))


def _coupled(make):
    return lambda: Network(make, kind=bp.rates.FHN)


def _conn():
    return bm.asarray([[0.0, 0.3], [0.6, 0.0]])


#: What can't be made from a number of units alone.
MAKE = {
    "Conv1dLSTMCell": lambda: bp.rates.Conv1dLSTMCell((4,), 2, 3, 3, mode=BATCH),
    "Conv2dLSTMCell": lambda: bp.rates.Conv2dLSTMCell((3, 4), 1, 2, 3, mode=BATCH),
    "Conv3dLSTMCell": lambda: bp.rates.Conv3dLSTMCell((2, 3, 2), 1, 1, 2, mode=BATCH),
    "GRUCell": lambda: bp.rates.GRUCell(NUM, 3, mode=BATCH),
    "LSTMCell": lambda: bp.rates.LSTMCell(NUM, 3, mode=BATCH),
    "RNNCell": lambda: bp.rates.RNNCell(NUM, 3, mode=BATCH),
    "NVAR": lambda: bp.rates.NVAR(NUM, delay=2, order=2, mode=bm.BatchingMode(1)),
    "Reservoir": lambda: bp.rates.Reservoir(NUM, 5, mode=bm.BatchingMode(1)),
    "AdditiveCoupling": _coupled(
        lambda net: bp.dyn.AdditiveCoupling(net.pre.x, net.post.input, _conn())
    ),
    "DiffusiveCoupling": _coupled(
        lambda net: bp.dyn.DiffusiveCoupling(net.pre.x, net.post.x, net.post.input, _conn())
    ),
    "FullProjAlignPost": _full("FullProjAlignPost", "pre delay comm syn out post"),
    "FullProjAlignPostMg": _full("FullProjAlignPostMg", "pre delay comm syn out post"),
    "FullProjAlignPreDS": _full("FullProjAlignPreDS", "pre delay syn comm out post"),
    "FullProjAlignPreDSMg": _full("FullProjAlignPreDSMg", "pre delay syn comm out post"),
    "FullProjAlignPreSD": _full("FullProjAlignPreSD", "pre syn delay comm out post"),
    "FullProjAlignPreSDMg": _full("FullProjAlignPreSDMg", "pre syn delay comm out post"),
    "FullProjDelta": _full("FullProjDelta", "pre delay comm post"),
    "HalfProjAlignPost": _half("HalfProjAlignPost", syn=lambda: bp.dyn.Expon(NUM), out=bp.dyn.CUBA),
    "HalfProjAlignPostMg": _half(
        "HalfProjAlignPostMg", syn=lambda: bp.dyn.Expon.desc(NUM), out=bp.dyn.CUBA.desc
    ),
    "HalfProjDelta": _half("HalfProjDelta"),
    "VanillaProj": _half("VanillaProj", out=bp.dyn.CUBA),
    "STDP_Song2000": _full("STDP_Song2000", "pre delay syn comm out post"),
    "PoissonGroup": lambda: bp.dyn.PoissonGroup(NUM, 3000.0),
    "PoissonInput": lambda: Network(lambda net: bp.dyn.PoissonInput(net.post.V, 20, 1000.0, 0.5)),
    "SpikeTimeGroup": lambda: bp.dyn.SpikeTimeGroup(
        NUM, times=[0.0, 0.2, 0.2, 0.5], indices=[0, 0, 1, 1]
    ),
    "MixIons": lambda: bp.dyn.MixIons(bp.dyn.SodiumFixed(NUM), bp.dyn.PotassiumFixed(NUM)),
    "DelayCoupling": lambda: bp.dyn.DelayCoupling(
        bm.Variable(bm.zeros(NUM)), bm.Variable(bm.zeros(NUM)), _conn(), (NUM, NUM), None
    ),
    "SynConn": lambda: bp.dyn.SynConn(bp.dyn.Lif(NUM), bp.dyn.Lif(NUM)),
    "COBA": lambda: bp.dyn.COBA(0.0),
}

#: What is not said by the model itself.
NUM_IN = {
    "Conv1dLSTMCell": (4, 2),
    "Conv2dLSTMCell": (3, 4, 1),
    "Conv3dLSTMCell": (2, 3, 2, 1),
    "Reservoir": NUM,
    "COBA": NUM,
    "CUBA": NUM,
    "MgBlock": NUM,
    "SynConn": NUM,
    "SynOut": NUM,
    "Projection": NUM,
    "DynamicalSystem": NUM,
    "DelayCoupling": NUM,
}


def found():
    """Return every class of the two modules by name."""
    classes = {}
    for module in (bp.rates, bp.dyn):
        for name, value in vars(module).items():
            if inspect.isclass(value) and issubclass(value, bp.DynamicalSystem):
                classes.setdefault(value, name)
    return {name: value for value, name in classes.items()}


def make(name):
    """Make the model of a class."""
    if name in MAKE:
        return MAKE[name]()
    takes_size = "size" in inspect.signature(MODELS[name].__init__).parameters
    return MODELS[name](NUM) if takes_size else MODELS[name]()


MODELS = found()
