"""A network lives in the precision that it was built in."""

import brainpy as bp
import brainpy.math as bm
import cases
import jax.numpy as jnp
import numpy as np
import pytest
from test_saving import SYSTEMS, use

import bp_rnn
from bp_rnn import analysis, hopfield

X = np.random.default_rng(0).normal(size=(20, 2))
told = pytest.raises(ValueError, match=r"built in \w+ precision, but x64 is (on|off) now")


def bits(system):
    values = system.vars(method="relative").unique().values()
    return [(v.dtype, np.asarray(bm.as_jax(v)).tobytes()) for v in values]


def usable(name):
    """Networks that look ahead are used through a trainer or ``fit`` alone."""
    return name not in cases.WHOLE_SEQUENCE_CELLS


@pytest.mark.parametrize("name", filter(usable, SYSTEMS))
def test_another_precision_is_refused_and_changes_nothing(name):
    for built in (False, True):
        with bm.environment(x64=built):
            system = SYSTEMS[name]()
            before = bits(system)
        with bm.environment(x64=not built):
            with told:
                use(system)
            assert bits(system) == before


def jobs(net, trainer, memory, layer):
    return [
        lambda: net.fit(X, X, progress_bar=False),
        lambda: net.predict(X),
        lambda: net.generate(3),
        lambda: net.states(X),
        lambda: trainer.fit((X, X), num_epoch=1),
        lambda: trainer.predict(X),
        lambda: memory.store(np.ones(5)),
        lambda: memory.retrieve(np.ones(5)),
        lambda: layer.fit(X),
        lambda: layer.response(X),
        lambda: analysis.find_fixed_points(trainer.cell),
        lambda: analysis.lyapunov_spectrum(trainer.cell),
        lambda: bp.DSRunner(trainer.cell, progress_bar=False).run(inputs=X),
    ]


@pytest.mark.parametrize("built", [False, True])
def test_each_way_to_use_a_network_refuses(built):
    with bm.environment(x64=built):
        net = bp_rnn.ESN(2, 6, num_out=2)
        trainer = bp_rnn.OfflineTrainer(bp_rnn.GRU(2, 3, num_out=2), progress_bar=False)
        memory = bp_rnn.DiscreteHopfield(5)
        layer = bp_rnn.PlasticLayer(2, 2, bp_rnn.plasticity.Oja(), lr=0.01)
    with bm.environment(x64=not built):
        for job in jobs(net, trainer, memory, layer):
            with told:
                job()


def test_a_reservoir_in_double_precision_for_a_while():
    with bm.environment(x64=False):
        with bm.environment(x64=True):
            net = bp_rnn.ESN(2, 6, num_out=2)
            net.fit(X, X, progress_bar=False)
            other = bp_rnn.ESN(2, 6, num_out=2)
            other.load_state_dict(net.state_dict())
            for z in (net.predict(X), net.generate(3), other.predict(X)):
                assert z.dtype == jnp.float64
        assert net.w_out.dtype == jnp.float64
        with told:
            net.predict(X)


def test_memories_in_the_other_precision_keep_their_patterns():
    with bm.environment(x64=False):
        memory = bp_rnn.DiscreteHopfield(5)
        memory.store(hopfield.random_patterns(0, 2, 5))
    with told:
        memory.forget(0)
    assert memory.patterns.shape == (2, 5)
