"""What is measured of a reservoir, on networks whose answer is known."""

import numpy as np
import pytest

import bp_rnn
from bp_rnn import reservoir

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))


def esn(w, **options):
    w = np.asarray(w, float)
    return bp_rnn.ESN(3, len(w), w=w, **options)


def rotation(size):
    return size * np.linalg.qr(RNG.normal(size=(12, 12)))[0]


def shear():
    """Spectral radius 0.5 and norm above one."""
    return 0.5 * np.eye(12) + 2.0 * np.eye(12, k=1)


class TestEchoState:
    def test_a_contraction_has_the_property(self):
        found = reservoir.echo_state_property(esn(rotation(0.8)), X)
        assert found.spectral_norm == pytest.approx(0.8)
        assert found.spectral_radius == pytest.approx(0.8)
        assert found.sufficient
        assert found.necessary
        assert found.measured
        assert found.lyapunov < np.log(0.8)
        bound = 0.8 ** np.arange(1, 301)
        assert (found.distance <= bound * (1 + 1e-9)).all()

    def test_a_radius_above_one_fails_without_input(self):
        net = esn(rotation(1.5))
        found = reservoir.echo_state_property(net, np.zeros((300, 3)))
        assert not found.sufficient
        assert not found.necessary
        assert not found.measured
        assert found.washout is None
        driven = reservoir.echo_state_property(net, 50 * X)
        assert driven.measured  # a strong input holds the units where they are flat

    def test_between_the_two_measurement_decides(self):
        found = reservoir.echo_state_property(esn(shear()), X)
        assert found.necessary
        assert not found.sufficient
        assert found.measured
        assert found.spectral_radius == pytest.approx(0.5)

    def test_the_exponent_and_the_washout_of_a_linear_network(self):
        net = esn(rotation(0.9), phi="identity", leak=0.5)
        found = reservoir.echo_state_property(net, X)
        linear = 0.5 * np.eye(12) + 0.5 * net.matrix()
        radius = np.abs(np.linalg.eigvals(linear)).max()
        assert found.spectral_radius == pytest.approx(radius)
        assert found.lyapunov == pytest.approx(np.log(radius), abs=0.01)
        assert found.distance[found.washout] < reservoir.echo_state.FORGOTTEN
        assert found.distance[found.washout - 1] >= reservoir.echo_state.FORGOTTEN

    def test_sparse_networks_and_features(self):
        net = bp_rnn.ESN(3, 400, topology="diagonals", input_features=True, leak=0.7)
        found = reservoir.echo_state_property(net, X)
        w = 0.3 * np.eye(400) + 0.7 * net.matrix().toarray()
        radius = np.abs(np.linalg.eigvals(w)).max()
        assert found.spectral_radius == pytest.approx(radius, rel=1e-3)
        assert found.measured

    def test_bad_input(self):
        with pytest.raises(TypeError, match="esn must be an ESN, got GRU"):
            reservoir.echo_state_property(bp_rnn.GRU(3, 4), X)
        net = bp_rnn.ESN(3, 5, num_out=1, feedback_scaling=1.0)
        with pytest.raises(ValueError, match="esn must have no feedback"):
            reservoir.echo_state_property(net, X)
        with pytest.raises(ValueError, match=r"x must have shape \(time, 3\), got a batch"):
            reservoir.echo_state_property(esn(rotation(0.8)), X[None])


class TestMemoryCapacity:
    def test_a_linear_ring_remembers_as_much_as_it_has_units(self):
        net = bp_rnn.ESN(1, 20, topology="ring", spectral_radius=0.9, phi="identity", key=1)
        found = reservoir.memory_capacity(net, num_step=2000)
        assert found.curve.shape == (40,)
        # with the state after the input of its step, lag zero is the first of 20
        assert found.capacity == pytest.approx(19, abs=0.2)
        wrapped = 1 - 0.9**40  # what of a lag comes round the ring once more
        np.testing.assert_allclose(found.curve[:18], wrapped, atol=2e-3)
        assert (found.curve[25:] < 0.05).all()

    def test_a_delay_line_remembers_each_unit_once(self):
        w_in = np.zeros((10, 1))
        w_in[0] = 1e-3
        net = bp_rnn.ESN(1, 10, topology="delay_line", spectral_radius=1.0, w_in=w_in)
        found = reservoir.memory_capacity(net, num_lag=12, num_step=1000, washout=20)
        np.testing.assert_allclose(found.curve[:9], 1, atol=1e-6)
        assert (found.curve[9:] < 0.02).all()
        assert not np.asarray(net.state.value).any()

    def test_strong_input_costs_memory(self):
        weak, strong = (
            reservoir.memory_capacity(
                bp_rnn.ESN(1, 20, topology="ring", input_scaling=size), num_step=1000
            ).capacity
            for size in (0.01, 3.0)
        )
        assert strong < 0.7 * weak

    def test_bad_input(self):
        with pytest.raises(ValueError, match="net must have one input and no feedback"):
            reservoir.memory_capacity(bp_rnn.ESN(2, 5))
        with pytest.raises(TypeError, match="net must be a Reservoir, got GRU"):
            reservoir.memory_capacity(bp_rnn.GRU(1, 5))


def test_the_rank_counts_what_is_kept_apart():
    x = RNG.normal(size=(15, 20, 3))
    rich = bp_rnn.ESN(3, 40, spectral_radius=0.9)
    assert reservoir.kernel_rank(rich, x) == 15
    assert reservoir.kernel_rank(rich, 1e-6 * x) > 1  # a small signal keeps inputs apart too
    assert reservoir.kernel_rank(rich, np.repeat(x[:5], 3, axis=0)) == 5
    last = x.copy()
    last[:, -1] = x[0, -1]
    blind = bp_rnn.ESN(3, 40, w=0.0)  # sees the last input alone
    assert reservoir.kernel_rank(blind, last) == 1
    low, high = (
        reservoir.generalisation_rank(rich, x[0], noise=n, num_input=15) for n in (1e-6, 1.0)
    )
    assert (low, high) == (1, 15)
    with pytest.raises(ValueError, match=r"x must have shape \(inputs, time, 3\)"):
        reservoir.kernel_rank(rich, x[0])
    with pytest.raises(ValueError, match=r"x must have shape \(time, features\)"):
        reservoir.generalisation_rank(rich, x)
    with pytest.raises(TypeError, match="net must be a Reservoir"):
        reservoir.kernel_rank(bp_rnn.GRU(3, 4), x)


def test_intrinsic_plasticity_gives_units_the_distribution_asked_for():
    net = bp_rnn.ESN(3, 30, bias_scaling=0.5)
    x = RNG.normal(size=(1000, 3))
    before = np.asarray(net.states(x))
    reservoir.intrinsic_plasticity(net, x, mean=0.1, deviation=0.2, lr=5e-4, num_epoch=15)
    after = np.asarray(net.states(x))
    assert before.std(0).min() > 0.4
    np.testing.assert_allclose(after.mean(0), 0.1, atol=0.06)
    np.testing.assert_allclose(after.std(0), 0.2, atol=0.06)


def test_a_step_of_intrinsic_plasticity_is_the_papers():
    net = bp_rnn.ESN(3, 4, bias_scaling=0.5)
    p = net.params()
    u = p["w_in"] @ X[0] + p["b"]
    y, mu, variance, lr = np.tanh(u), 0.1, 0.09, 0.01
    change = -lr * (-mu / variance + y / variance * (2 * variance + 1 - y**2 + mu * y))
    gain = 1 + lr + change * u
    reservoir.intrinsic_plasticity(net, X[:1], mean=mu, deviation=0.3, lr=lr, num_epoch=1)
    np.testing.assert_allclose(net.w.value, gain[:, None] * p["w"], rtol=1e-12)
    np.testing.assert_allclose(net.w_in.value, gain[:, None] * p["w_in"], rtol=1e-12)
    np.testing.assert_allclose(net.b.value, gain * p["b"] + change, rtol=1e-12)
    with pytest.raises(ValueError, match="esn must have phi='tanh' and no feedback"):
        reservoir.intrinsic_plasticity(bp_rnn.ESN(3, 4, phi="relu"), X)
    with pytest.raises(ValueError, match=r"deviation must be positive, got 0.0"):
        reservoir.intrinsic_plasticity(net, X, deviation=0.0)
