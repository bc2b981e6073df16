"""Liquid state machines: against a NumPy loop, the theory's properties, and a task."""

import functools

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bp_rnn
from bp_rnn import reservoir, tasks
from bp_rnn.reservoir import _column

DATA = tasks.spike_templates(3, num_sample=12, duration=120.0, rate=60.0)


def lsm(num=40, **options):
    return bp_rnn.LSM(4, num, **{"scaling": 0.3, "num_out": 2, "dt": 1.0, "key": 1, **options})


@functools.cache
def shared(neurons="lif"):
    return lsm(neurons=neurons)


def read(net, states, name):
    return np.asarray(jax.vmap(lambda s: net.views({}, s)[name])(states))


def by_hand(net, xs):
    """Spikes, potentials and liquid states of integrate-and-fire neurons."""
    w, w_in, e = np.asarray(net.w.value), np.asarray(net.w_in.value), net.num_exc
    num = len(w)
    rest, count = np.where(np.arange(num) < e, 3, 2), np.full(num, 10**6)
    v, spike, g_exc, g_inh, trace = np.full(num, 13.5), *np.zeros((4, num))
    found = []
    for x in xs:
        g_exc = g_exc * np.exp(-1 / 3) + w[:, :e] @ spike[:e] + w_in @ x
        g_inh = g_inh * np.exp(-1 / 6) + w[:, e:] @ spike[e:]
        end = 13.5 + g_exc + g_inh
        count = count + 1
        v = np.where(count <= rest, v, end + (v - end) * np.exp(-1 / 30))
        spike = (v >= 15.0).astype(float)
        v, count = np.where(spike > 0, 13.5, v), np.where(spike > 0, 0, count)
        trace = trace * np.exp(-1 / 30) + spike
        found.append((spike, v, trace))
    return [np.stack(part) for part in zip(*found, strict=True)]


class TestDynamics:
    def test_integrate_and_fire_is_a_plain_loop(self):
        net = shared()
        states = net.states(DATA.x)
        for x, state in zip(DATA.x[:3], states, strict=False):
            spike, v, trace = by_hand(net, x)
            assert 100 < spike.sum() < 2000
            assert spike[:, net.num_exc :].any()
            np.testing.assert_array_equal(read(net, state, "spike"), spike)
            np.testing.assert_allclose(read(net, state, "V"), v, rtol=1e-12)
            np.testing.assert_allclose(read(net, state, "trace"), trace, rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(net.features(DATA.x), read_all(net, states, "trace"))

    def test_izhikevich_neurons_fire_and_keep_their_recovery(self):
        net = shared("izhikevich")
        states = net.states(DATA.x)
        spike = read_all(net, states, "spike")
        assert set(np.unique(spike)) == {0, 1}
        assert 0.005 < spike.mean() < 0.2
        v = read_all(net, states, "V")
        np.testing.assert_allclose(v[spike > 0], -65.0, atol=1e-6)
        quiet = net.states(np.zeros_like(DATA.x))
        np.testing.assert_allclose(read_all(net, quiet, "V"), -70.0, atol=1e-9)

    @pytest.mark.parametrize("neurons", ["lif", "izhikevich"])
    def test_a_later_input_gives_the_same_states_later(self, neurons):
        net, delay = shared(neurons), 30
        x = DATA.x[:12].copy()
        x[:, -delay:] = 0
        later = np.roll(x, delay, axis=1)
        first, second = (np.asarray(net.features(v)) for v in (x, later))
        np.testing.assert_allclose(second[:, delay:], first[:, :-delay], rtol=1e-9, atol=1e-9)
        assert not second[:, :delay].any()

    def test_a_runner_sees_the_same(self):
        bm.set_dt(1.0)
        net = lsm(mode=bm.BatchingMode(12))
        names = ["trace", "spike", "V", "z"]
        runner = bp.DSRunner(net, monitors=names, progress_bar=False, data_first_axis="B")
        runner.run(inputs=bm.asarray(DATA.x), reset_state=True)
        states = shared().states(DATA.x)
        for name in names[:3]:
            np.testing.assert_allclose(
                np.asarray(runner.mon[name]), read_all(net, states, name), rtol=1e-12, atol=1e-12
            )
        net.reset_state()
        assert not np.asarray(net.trace.value).any()
        assert (np.asarray(net.V.value) == 13.5).all()

    def test_another_time_step_is_refused(self):
        bm.set_dt(0.1)
        with pytest.raises(ValueError, match=r"dt of the run is 0.1, but LSM\d+ was built with"):
            lsm().update(np.zeros(4))
        net = bp_rnn.LSM(4, 5)
        assert net.dt == 0.1
        net.update(jnp.zeros(4))

    def test_a_step_leaves_brainpys_time_alone(self):
        bp.share.save(t=7.0, dt=0.5)
        net = shared()
        net.step(net.params(), net.initial_state({}), jnp.ones(4))
        assert (bp.share.load("t"), bp.share.load("dt")) == (7.0, 0.5)

    def test_single_precision_has_the_same_liquid(self, float32):
        net = lsm()
        assert net.state.dtype == np.float32
        np.testing.assert_allclose(net.w.value, shared().w.value, rtol=1e-6)
        np.testing.assert_allclose(net.w_in.value, shared().w_in.value, rtol=1e-6)
        assert net.features(DATA.x).dtype == np.float32

    def test_neurons_of_ones_own(self):
        slow = functools.partial(bp.dyn.LifRef, V_th=0.1, tau=10.0, tau_ref=5.0, spk_reset="hard")
        net = lsm(neurons=slow)
        spike = read_all(net, net.states(DATA.x), "spike")
        assert spike.any()
        gaps = np.diff(np.flatnonzero(spike[0, :, spike[0].sum(0).argmax()]))
        assert gaps.min() == 6


def read_all(net, states, name):
    return np.asarray(jax.vmap(jax.vmap(lambda s: net.views({}, s)[name]))(states))


class TestWiring:
    def test_the_key_alone_decides(self):
        first, second, other = lsm(), lsm(key=jax.random.key(1)), lsm(key=2)
        for name in ("w", "w_in"):
            a, b, c = (np.asarray(getattr(n, name).value) for n in (first, second, other))
            np.testing.assert_array_equal(a, b)
            assert (a != c).any()
        np.testing.assert_array_equal(first.positions, second.positions)

    def test_types_and_signs(self):
        net = lsm(135)
        w = np.asarray(net.w.value)
        assert net.num_exc == 108
        assert (w[:, :108] >= 0).all()
        assert (w[:, 108:] <= 0).all()
        assert not w.diagonal().any()
        assert lsm(inhibitory=0.0).num_exc == 40
        assert lsm(inhibitory=1.0).num_exc == 0

    def test_neurons_stand_in_a_column(self):
        points = lsm(135).positions
        assert (points.max(0) == [2, 2, 14]).all()
        assert len({tuple(p) for p in points}) == 135
        assert (lsm(40, width=2).positions.max(0) == [1, 1, 9]).all()

    def test_connections_and_sizes_have_their_distributions(self):
        num, length = 900, 2.0
        net = bp_rnn.LSM(4, num, length=length, scaling=0.5, width=6)
        w, points = np.asarray(net.w.value), net.positions
        d = np.linalg.norm(points[:, None].astype(float) - points, axis=-1)
        kinds = (np.arange(num) >= 720).astype(int)
        probability = {(0, 0): 0.3, (1, 0): 0.2, (0, 1): 0.4, (1, 1): 0.1}
        size = {(0, 0): 30, (1, 0): 60, (0, 1): 19, (1, 1): 19}
        for post, pre in probability:
            pairs = (kinds[:, None] == post) & (kinds == pre) & ~np.eye(num, dtype=bool)
            for near in (pairs & (d < 1.5), pairs & (d > 1.5) & (d < 4)):
                p = probability[post, pre] * np.exp(-((d[near] / length) ** 2))
                found = (w[near] != 0).sum()
                assert abs(found - p.sum()) < 5 * np.sqrt((p * (1 - p)).sum())
            sizes = np.abs(w[pairs & (w != 0)])
            assert sizes.mean() == pytest.approx(0.5 * size[post, pre], rel=0.2)
            assert sizes.std() == pytest.approx(sizes.mean(), rel=0.4)  # exponential
        drive = np.asarray(net.w_in.value)
        assert (drive != 0).mean() == pytest.approx(0.3, abs=0.03)
        assert drive[:720][drive[:720] > 0].mean() == pytest.approx(18, rel=0.15)
        assert drive[720:][drive[720:] > 0].mean() == pytest.approx(9, rel=0.25)

    def test_random_connections_know_no_distance(self):
        net = bp_rnn.LSM(4, 300, connectivity="random", density=0.2)
        there = np.asarray(net.w.value) != 0
        d = _column.distances(net.positions)
        for pairs in (d > 10, (d > 0) & (d < 3)):
            assert there[pairs].mean() == pytest.approx(0.2, abs=0.02)

    def test_given_weights_are_used(self):
        w = np.arange(9.0).reshape(3, 3)
        net = bp_rnn.LSM(4, 3, w=w, w_in=2.0, dt=1.0)
        np.testing.assert_array_equal(net.w.value, w)
        assert (np.asarray(net.w_in.value) == 2).all()


class TestMeasures:
    def test_the_distance_of_two_inputs(self):
        w_in = np.array([[2.0, 0.0], [0.0, 3.0]])
        blind = bp_rnn.ESN(2, 2, w=0.0, w_in=w_in, phi="identity")
        u, v = np.random.default_rng(0).normal(size=(2, 5, 10, 2))
        found = reservoir.separation(blind, u, v)
        np.testing.assert_allclose(found, np.linalg.norm((u - v) @ w_in, axis=-1))
        np.testing.assert_allclose(reservoir.separation(blind, u[0], v[0]), found[0])

    def test_a_linear_network_forgets_at_its_own_rate(self):
        rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
        net = bp_rnn.ESN(2, 6, w=0.9 * rotation, phi="identity")
        past = np.random.default_rng(1).normal(size=(4, 20, 2))
        found = reservoir.fading_memory(net, past, np.ones((50, 2)))
        expected = found.distance[0] * 0.9 ** np.arange(51)
        np.testing.assert_allclose(found.distance, expected, rtol=1e-9)
        assert found.steps() == 10  # 0.9**9 is above 1/e
        assert found.steps(0.5) == 7
        assert found.steps(1e-9) is None

    def test_a_liquid_separates_inputs_and_forgets_them(self):
        net = lsm(scaling=0.1)
        same = reservoir.separation(net, DATA.x, DATA.x)
        assert not same.any()
        u, v = (np.repeat(t[None], 12, axis=0) for t in DATA.templates)
        apart = reservoir.separation(net, u, v).mean()
        copies = reservoir.separation(net, DATA.x, np.where(DATA.y[:, None, None], v, u)).mean()
        assert apart > 1.2 * copies > 0
        found = reservoir.fading_memory(net, DATA.x[:, :60], np.zeros((60, 4)))
        assert found.steps() < 60

    def test_different_inputs_span_more_than_copies_of_one(self):
        net = shared()
        different = tasks.spike_templates(5, num_sample=12, num_class=12, duration=120.0, rate=60.0)
        copies = tasks.spike_templates(
            5, num_sample=12, num_class=1, duration=120.0, rate=60.0, jitter=1.0
        )
        one = np.repeat(copies.templates, 12, axis=0)
        ranks = [reservoir.kernel_rank(net, x) for x in (one, copies.x, different.x)]
        assert ranks[0] == 1
        assert ranks[0] < ranks[1] < ranks[2] == 12

    def test_bad_input(self):
        net = shared()
        with pytest.raises(TypeError, match="net must be a Reservoir, got GRU"):
            reservoir.separation(bp_rnn.GRU(4, 3), DATA.x, DATA.x)
        with pytest.raises(ValueError, match=r"v must have the shape of u, \(12, 120, 4\), got"):
            reservoir.separation(net, DATA.x, DATA.x[0])
        with pytest.raises(TypeError, match="net must be a Reservoir, got GRU"):
            reservoir.fading_memory(bp_rnn.GRU(4, 3), DATA.x, DATA.x[0])
        for past in (DATA.x[0], DATA.x[:1], DATA.x[..., :3]):
            with pytest.raises(ValueError, match=r"past must have shape \(inputs, time, 4\)"):
                reservoir.fading_memory(net, past, DATA.x[0])
        with pytest.raises(ValueError, match=r"x must have shape \(time, 4\), got"):
            reservoir.fading_memory(net, DATA.x, DATA.x)
        found = reservoir.fading_memory(bp_rnn.ESN(4, 3), DATA.x, DATA.x[0])
        with pytest.raises(ValueError, match="share must be positive, got 0"):
            found.steps(0)


class TestClassification:
    @pytest.mark.parametrize("key", range(5))
    def test_two_classes_of_jittered_templates(self, key):
        x, y, _ = tasks.spike_templates(key, num_sample=100)
        net = bp_rnn.LSM(4, 60, num_out=2, dt=1.0, key=key)
        net.fit(x[:50], y[:50], pool="last", ridge=[0.01, 0.1, 1.0])
        right = np.asarray(net.predict(x[50:], pool="last")).argmax(-1) == y[50:]
        assert right.mean() >= 0.9

    def test_synapses_bring_together_what_no_neuron_hears(self):
        x, y, _ = tasks.spike_xor(0, num_sample=400)
        sizes = np.random.default_rng(0).exponential(18.0, size=(135, 1))
        w_in = sizes * np.eye(4)[np.arange(135) % 4]  # each neuron hears one spike train
        net = bp_rnn.LSM(4, 135, num_out=2, w_in=w_in, dt=1.0)

        def right():
            net.fit(x[:200], y[:200], pool="last", ridge=[0.1, 1.0, 10.0])
            return (np.asarray(net.predict(x[200:], pool="last")).argmax(-1) == y[200:]).mean()

        assert right() > 0.85  # more than three of four pairs: no linear read-out of the input
        net.w.value = jnp.zeros_like(net.w.value)
        assert right() < 0.6

    def test_every_read_out(self):
        net = shared()
        for readout in (bp_rnn.Softmax(40, 2, ridge=1.0), bp_rnn.RLS(40, 2, ridge=0.1)):
            net.fit(DATA.x, DATA.y, pool="mean", readout=readout)
            found = np.asarray(net.predict(DATA.x, pool="mean")).argmax(-1)
            assert (found == DATA.y).mean() > 0.7, type(readout).__name__
        # a gradient step a trial: it has begun to learn after so few
        learner = net.fit(DATA.x, DATA.y, pool="mean", readout=bp_rnn.LMS(40, 2, lr=0.001))
        np.testing.assert_array_equal(net.w_out.value, learner.w.value)
        zs = net.predict(DATA.x, pool="mean")
        assert ((zs - np.eye(2)[DATA.y]) ** 2).mean() < 0.5  # that of zero weights


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num": 0}, ValueError, "num must be at least 1, got 0"),
        ({"neurons": "hh"}, ValueError, r"unknown neurons 'hh'; expected one of \['izh"),
        ({"neurons": 3}, TypeError, "neurons must be a name or a callable, got 3"),
        (
            {"neurons": lambda num, mode: bp.dyn.Expon(num, mode=mode)},
            TypeError,
            "neurons must return a bp.dyn.NeuDyn with V and spike, got Expon",
        ),
        ({"inhibitory": 1.5}, ValueError, "inhibitory must be at most 1, got 1.5"),
        ({"inhibitory": -0.1}, ValueError, "inhibitory must not be negative, got -0.1"),
        ({"connectivity": "ring"}, ValueError, "unknown connectivity 'ring'; expected one of"),
        ({"length": 0.0}, ValueError, "length must be positive, got 0.0"),
        ({"width": 0}, ValueError, "width must be at least 1, got 0"),
        (
            {"connectivity": "random", "density": 1.1},
            ValueError,
            "density must be at most 1, got 1.1",
        ),
        ({"density": 0.1}, ValueError, "density has no effect beside connectivity='distance'"),
        (
            {"connectivity": "random", "length": 2.0},
            ValueError,
            "length has no effect beside connectivity='random'",
        ),
        ({"w": 0.1}, ValueError, "scaling has no effect beside w; leave it out, got 0.3"),
        (
            {"w_in": 0.1, "input_density": 0.5},
            ValueError,
            "input_density has no effect beside w_in",
        ),
        ({"num_out": None, "w_out": 0.1}, ValueError, "w_out has no effect beside num_out=None"),
        ({"scaling": -1.0}, ValueError, "scaling must not be negative, got -1.0"),
        ({"scaling": np.nan}, ValueError, "scaling must be finite, got nan"),
        ({"input_scaling": "a"}, TypeError, "input_scaling must hold real numbers"),
        ({"input_density": 0.0}, ValueError, "input_density must be positive, got 0.0"),
        ({"tau_exc": 0.0}, ValueError, "tau_exc must be positive, got 0.0"),
        ({"tau_inh": -1.0}, ValueError, "tau_inh must be positive, got -1.0"),
        ({"tau_trace": np.inf}, ValueError, "tau_trace must be finite, got inf"),
        ({"dt": 0.0}, ValueError, "dt must be positive, got 0.0"),
        ({"key": "a"}, TypeError, "key must be an integer or a JAX key"),
        (
            {"w": np.zeros((3, 4)), "scaling": None},
            ValueError,
            r"w must have shape \(40, 40\), got \(3, 4\)",
        ),
        ({"w_in": np.nan}, ValueError, "w_in must be finite, got nan"),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        lsm(**options)


def test_bad_data():
    net = shared()
    before = np.asarray(net.w_out.value)
    bad = DATA.x.copy()
    bad[3, 7, 1] = np.nan
    with pytest.raises(ValueError, match=r"x must be finite, got nan at index \(3, 7, 1\)"):
        net.fit(bad, DATA.y, pool="last")
    with pytest.raises(ValueError, match=r"x must have shape \(time, 4\) or \(batch, time, 4\)"):
        net.fit(DATA.x[..., :3], DATA.y, pool="last")
    with pytest.raises(ValueError, match="washout must be below the 120 steps of x, got 120"):
        net.fit(DATA.x, DATA.y, pool="last", washout=120)
    with pytest.raises(ValueError, match="num_out must be given to LSM for a read-out"):
        lsm(num_out=None).fit(DATA.x, DATA.y, pool="last")
    np.testing.assert_array_equal(net.w_out.value, before)


class TestTask:
    def test_rates_tell_nothing(self):
        x, y, templates = tasks.spike_templates(0, num_sample=9, num_class=3, num_channel=2)
        assert x.shape == (9, 250, 2)
        assert templates.shape == (3, 250, 2)
        assert (np.bincount(y) == 3).all()
        assert (x.sum(1) == 5).all()
        assert (templates.sum(1) == 5).all()

    def test_copies_are_moved_by_the_jitter(self):
        options = {"num_sample": 400, "num_class": 1, "duration": 1000.0, "rate": 1.0, "dt": 0.5}
        exact = tasks.spike_templates(1, jitter=0.0, **options)
        np.testing.assert_array_equal(exact.x, np.repeat(exact.templates, 400, axis=0))
        moved = tasks.spike_templates(1, jitter=5.0, **options)
        np.testing.assert_array_equal(moved.templates, exact.templates)
        inside = exact.templates[0].argmax(0) > 100
        step = (moved.x.argmax(1) - exact.x.argmax(1))[:, inside] * 0.5
        assert inside.sum() > 1
        assert step.mean() == pytest.approx(0, abs=0.5)
        assert step.std() == pytest.approx(5, rel=0.1)

    def test_a_channel_without_spikes_is_refused(self):
        with pytest.raises(ValueError, match=r"duration must be enough for a spike at rate=20.0"):
            tasks.spike_templates(0, duration=20.0)

    def test_an_exclusive_or_needs_both_halves(self):
        options = {"num_sample": 40, "num_channel": 5, "duration": 100.0, "rate": 60.0}
        x, y, templates = tasks.spike_xor(2, jitter=0.0, **options)
        assert x.shape == (40, 100, 5)
        assert templates.shape == (4, 100, 5)
        pair = (x[:, None] == templates).all((2, 3)).argmax(1)
        np.testing.assert_array_equal(x, templates[pair])
        np.testing.assert_array_equal(y, np.array([0, 1, 1, 0])[pair])
        assert (np.sort(pair.reshape(10, 4)) == np.arange(4)).all()
        assert len({tuple(p) for p in pair.reshape(10, 4)}) > 3
        same = (templates[:, None] == templates).all(2)  # (pair, pair, channel)
        ends = np.arange(4) // 2, np.arange(4) % 2
        for half, end in ((slice(0, 2), ends[0]), (slice(2, 5), ends[1])):
            np.testing.assert_array_equal(same[..., half].all(-1), end[:, None] == end)
        assert (x.sum(1) == 6).all()  # rates tell nothing
        assert tasks.spike_xor(2, **{**options, "num_sample": 5}).x.shape == (5, 100, 5)
        moved = tasks.spike_xor(2, **options)
        np.testing.assert_array_equal(moved.templates, templates)
        assert (moved.x != x).any()
        with pytest.raises(ValueError, match="num_channel must be at least 2, got 1"):
            tasks.spike_xor(0, num_channel=1)
        with pytest.raises(ValueError, match=r"jitter must not be negative, got -1.0"):
            tasks.spike_xor(0, jitter=-1.0)
        with pytest.raises(ValueError, match=r"duration must be enough for a spike at rate=20.0"):
            tasks.spike_xor(0, duration=20.0)
