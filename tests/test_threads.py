"""Several threads, each with its own network, give the numbers of one."""

from concurrent.futures import ThreadPoolExecutor

import brainpy as bp
import brainpy.math as bm
import numpy as np
import pytest

import bp_rnn

X = np.random.default_rng(0).normal(size=(12, 2))
NUM_RUN = 20


def trained(key):
    cell = bp_rnn.CTRNN(2, 4, num_out=2, noise=0.1, key=key)
    trainer = bp_rnn.OnlineTrainer(bp_rnn.RTRL(cell), update_every=3, progress_bar=False)
    losses = trainer.fit((X, X), num_epoch=2)
    return losses, trainer.predict(X), trainer.net.p_w.value


def reservoir(key):
    net = bp_rnn.ESN(2, 10, num_out=2, key=key)
    net.fit(X, X, progress_bar=False)
    return net.w_out.value, net.predict(X), net.generate(3)


def memory(key):
    net = bp_rnn.DiscreteHopfield(12)
    patterns = bp_rnn.hopfield.random_patterns(key, 2, 12)
    net.store(patterns)
    return net.w.value, net.retrieve(patterns).state


def plastic(key):
    layer = bp_rnn.PlasticLayer(2, 2, bp_rnn.plasticity.Oja(), lr=0.01, key=key)
    layer.fit(X, num_epoch=2, progress_bar=False)
    return (layer.w.value,)


def settled(key):
    net = bp_rnn.Implicit(bp_rnn.RateRNN(2, 3, num_out=2, w=0.1, key=key))
    trainer = bp_rnn.EquilibriumTrainer(net, progress_bar=False)
    return trainer.fit((X, X), num_epoch=2), trainer.predict(X)


def runner(key):
    net = bp_rnn.RTRL(bp_rnn.GRU(2, 3 + key, key=key))
    found = bp.DSRunner(net, monitors=["h", "p_b"], progress_bar=False)
    found.run(inputs=X)
    return found.mon.h, found.mon.p_b


@pytest.mark.parametrize("job", [trained, reservoir, memory, plastic, settled, runner])
def test_two_threads_give_the_bits_of_one(job):
    num_run = 4 if job is runner else NUM_RUN  # a DSRunner compiles at every run
    alone = [job(key) for key in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(job, [0, 1] * num_run))
    for k, values in enumerate(found):
        for value, expected in zip(values, alone[k % 2], strict=True):
            np.testing.assert_array_equal(value, expected)


def in_a_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_a_thread_has_the_settings_of_the_main_thread_and_keeps_its_own():
    with bm.environment(dt=0.25, mode=bm.TrainingMode(3)):
        cell = in_a_thread(lambda: bp_rnn.RateRNN(2, 3))
    assert cell.dt == 0.25
    assert cell.state.shape == (3, 3)

    def with_its_own():
        bm.set_dt(0.5)
        return bp_rnn.RateRNN(2, 3).dt

    dt = bm.get_dt()
    assert in_a_thread(with_its_own) == 0.5
    assert bm.get_dt() == dt
    assert in_a_thread(bm.get_dt) == dt


def test_a_network_of_one_thread_works_in_another():
    net = bp_rnn.ESN(2, 10, num_out=2)
    fitted = in_a_thread(lambda: net.fit(X, X, progress_bar=False))
    assert fitted.w.shape == (2, 10)
    np.testing.assert_array_equal(in_a_thread(lambda: net.predict(X)), net.predict(X))
