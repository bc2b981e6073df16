"""What from_brainpy makes of users' classes: time, outputs, names, types, noise, gradients."""

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import bp_rnn
from bp_rnn import analysis
from bp_rnn.functional.dependence import dependence

NUM_STEP = 6


class Clock(bp.DynamicalSystem):
    """A decay driven by a wave that reads the time, and a count of the steps."""

    num_in = 1

    def __init__(self):
        super().__init__()
        self.w = bm.TrainVar(bm.ones(1))
        self.r = bm.Variable(bm.zeros(1))

    def reset_state(self, batch_size=None):
        self.r.value = bm.zeros(1)

    def update(self, x):
        wave = bm.cos(bp.share["t"]) * self.w
        self.r.value = self.r + bp.share["dt"] * (wave + x - self.r)
        return self.r.value


def by_hand(num_step, xs=0.0, w=1.0, dt=0.1):
    r, rs = 0.0, []
    for i in range(num_step):
        r += dt * (w * np.cos(i * dt) + xs - r)
        rs.append(r)
    return np.array(rs)


class Returns(bp.DynamicalSystem):
    num_in = 2

    def __init__(self, what):
        super().__init__()
        self.what = what
        self.u = bm.Variable(bm.zeros(2))
        self.seen = bm.Variable(bm.zeros(2, int))

    def update(self, x):
        self.u.value = bm.tanh(2 * self.u + x)
        self.seen.value = self.seen + 70_000
        return self.what(self)


class Leaf(bp.DynamicalSystem):
    def __init__(self, **names):
        super().__init__()
        for name, value in names.items():
            setattr(self, name, value)


class SameNames(bp.DynamicalSystem):
    """``a.b_w`` and ``a_b.w``."""

    num_in = 1

    def __init__(self):
        super().__init__()
        self.a = Leaf(b_w=bm.TrainVar(bm.ones(1)))
        self.a_b = Leaf(w=bm.TrainVar(2 * bm.ones(1)))
        self.s = bm.Variable(bm.zeros(1))

    def reset_state(self, *args):
        self.s.value = bm.zeros(1)

    def update(self, x):
        self.s.value = self.a.b_w * x + bm.tanh(self.a_b.w * self.s)
        return self.s.value


class Noisy(bp.DynamicalSystem):
    num_in = 1

    def __init__(self, own=False, mode=None):
        super().__init__(mode=mode)
        self.rng = bm.random.RandomState(3) if own else bm.random
        self.s = bp.init.variable_(bm.zeros, (2,), self.mode)

    def reset_state(self, batch_size=None):
        self.s.value = bp.init.variable_(bm.zeros, (2,), batch_size or self.mode).value

    def update(self, x):
        self.s.value = 0.5 * self.s + x + self.rng.normal(size=self.s.shape)
        return self.s.value


class Spiking(bp.DynamicalSystem):
    num_in = 3

    def __init__(self, num=4):
        super().__init__(mode=bm.TrainingMode(1))
        options = {"mode": bm.TrainingMode(1)}
        self.into = bp.dnn.Dense(
            3 + num, num, W_initializer=bp.init.Normal(0, 2, seed=1), **options
        )
        self.lif = bp.dyn.Lif(
            num, V_th=1.0, V_rest=0.0, V_reset=0.0, tau=10.0, spk_reset="soft", **options
        )
        self.out = bp.dnn.Dense(num, 2, W_initializer=bp.init.Normal(0, 1, seed=2), **options)
        self.last = bp.init.variable_(bm.zeros, (num,), self.mode)

    def reset_state(self, batch_size=1):
        self.last.value = bm.zeros((batch_size, self.last.shape[1]))

    def update(self, x):
        spikes = self.lif(self.into(bm.concatenate([x, self.last], -1)))
        self.last.value = spikes
        return self.out(spikes)


@pytest.fixture(autouse=True)
def _double():
    with bm.environment(x64=True, dt=0.1):
        yield


def test_everything_sees_the_time():
    cell = bp_rnn.from_brainpy(Clock())
    xs, want = jnp.zeros((NUM_STEP, 1)), by_hand(NUM_STEP)
    start = cell.initial_state(cell.params())
    _, states = cell.rollout(cell.params(), start, xs)
    np.testing.assert_allclose(states[:, 0], want, rtol=1e-13)
    np.testing.assert_allclose([cell.update(x)[0] for x in xs], want, rtol=1e-13)
    trainer = bp_rnn.OfflineTrainer(
        cell, method="rtrl", optimizer=optax.sgd(0.1), progress_bar=False
    )
    np.testing.assert_allclose(trainer.predict(xs)[:, 0], want, rtol=1e-13)
    loss = trainer.fit((xs, jnp.ones((NUM_STEP, 1))), num_epoch=1)
    np.testing.assert_allclose(loss, np.mean((want - 1) ** 2), rtol=1e-13)


@pytest.mark.parametrize("algorithm", ["RTRL", "BPTT", "BlockRTRL"])
def test_gradients_see_the_time(algorithm):
    cell = bp_rnn.from_brainpy(Clock())
    ys = np.ones((NUM_STEP, 1))
    net = getattr(bp_rnn, algorithm)(cell)
    trainer = bp_rnn.OfflineTrainer(net, optimizer=optax.sgd(1.0), progress_bar=False)
    trainer.fit((0 * ys, ys), num_epoch=1)
    # r is linear in w
    r = by_hand(NUM_STEP)
    np.testing.assert_allclose(1 - cell.system.w.value, 2 * np.mean((r - 1) * r), rtol=1e-12)


def test_an_algorithm_in_a_runner_sees_its_time():
    zs = []
    for make in (Clock, lambda: bp_rnn.RTRL(bp_rnn.from_brainpy(Clock()))):
        run = bp.DSRunner(make(), t0=0.7, progress_bar=False)
        zs.append(np.asarray(run.run(inputs=np.zeros((NUM_STEP, 1)))))
    np.testing.assert_allclose(zs[1], zs[0], rtol=1e-13)


def test_a_runner_leaves_no_time_behind():
    cell = bp_rnn.from_brainpy(Clock())
    bp.DSRunner(cell, progress_bar=False).run(inputs=np.zeros((3, 1)))
    more = [cell.update(np.zeros(1))[0] for _ in range(NUM_STEP - 3)]
    np.testing.assert_allclose(more, by_hand(NUM_STEP)[3:], rtol=1e-13)
    with pytest.raises(ValueError, match=r"dt of the run is 0\.5"), bm.environment(dt=0.5):
        cell.update(np.zeros(1))


def test_analyses_ask_for_the_time():
    calls = (
        lambda t: analysis.find_fixed_points(Clock(), num_start=8, max_round=1, t=t).state,
        lambda t: analysis.linearise(Clock(), [[0.2]], t=t).jac,
        lambda t: analysis.lyapunov_spectrum(Clock(), num_step=20, num_transient=0, t=t).exponents,
        lambda t: analysis.perturb(Clock(), [0.1], np.zeros((4, 1)), t=t).rate[:1],
    )
    wants = (np.cos(0.4), 0.9, np.log(0.9) / 0.1, np.log(0.9) / 0.1)
    for call, want in zip(calls, wants, strict=True):
        with pytest.raises(ValueError, match=r"t must be given: system Clock reads the time"):
            call(None)
        np.testing.assert_allclose(call(0.4), want, rtol=1e-6)


def test_a_run_of_an_analysis_goes_through_time():
    found = analysis.lyapunov_spectrum(Clock(), [0.0], num_step=NUM_STEP, num_transient=0, t=0.0)
    np.testing.assert_allclose(found.state, by_hand(NUM_STEP)[-1:], rtol=1e-13)


@pytest.mark.parametrize(
    ("what", "output", "want"),
    [
        (lambda s: None, None, lambda u: u),
        (lambda s: None, "u", lambda u: u),
        (lambda s: None, "seen", lambda u: 0 * u + 70_000),
        (lambda s: s.u, None, lambda u: u),
        (lambda s: (s.u.value * 2, s.u.sum()), None, lambda u: [*(2 * u), u.sum()]),
        (lambda s: {"b": s.u > 0, "a": s.u[:1]}, None, lambda u: [u[0], *(u > 0)]),
        (lambda s: s.u.value.reshape(2, 1) * bm.ones(3), None, lambda u: np.repeat(u, 3)),
    ],
)
def test_whatever_update_returns(what, output, want):
    cell = bp_rnn.from_brainpy(Returns(what), output=output)
    x = np.array([0.3, -0.2])
    z = cell.update(x)
    np.testing.assert_allclose(z, want(np.tanh(x)), rtol=1e-14)
    assert analysis.linearise(cell, np.zeros((1, 2))).jac.shape == (1, 2, 2)


def test_whole_numbers_are_exact_in_single_precision():
    with bm.environment(x64=False):
        cell = bp_rnn.from_brainpy(Returns(lambda s: s.u))
        assert cell.state.dtype == jnp.float32
        for _ in range(1000):
            cell.update(np.zeros(2))
        assert cell.value_of(cell.state.value, "seen").tolist() == [70_000_000] * 2
    with pytest.raises(ValueError, match="unknown name 'nothing'"):
        cell.value_of(cell.state.value, "nothing")


def test_names_that_look_alike():
    cell = bp_rnn.from_brainpy(SameNames())
    assert sorted(cell.params()) == ["a_b__w", "a_b_w"]
    net = bp_rnn.RTRL(cell)
    assert {f"p_{k}" for k in cell.params()} <= set(vars(net))
    before = cell.params()
    trainer = bp_rnn.OfflineTrainer(net, optimizer=optax.sgd(0.1), progress_bar=False)
    trainer.fit((np.ones((5, 1)), np.zeros((5, 1))), num_epoch=1)
    assert all((v != before[k]).all() for k, v in cell.params().items())
    assert cell.system.a.b_w.value != 1
    assert cell.system.a_b.w.value != 2


@pytest.mark.parametrize("own", [False, True])
def test_noise_has_the_numbers_of_brainpy(own):
    xs, zs = np.ones((NUM_STEP, 1)), []
    for make in (lambda: Noisy(own), lambda: bp_rnn.from_brainpy(Noisy(own))):
        target = make()
        bm.random.seed(5)
        zs.append(np.asarray(bp.DSRunner(target, progress_bar=False).run(inputs=xs)))
    np.testing.assert_array_equal(zs[0], zs[1])


def test_noise_of_a_batch():
    xs, zs = np.ones((3, NUM_STEP, 1)), []
    for make in (Noisy, lambda mode: bp_rnn.from_brainpy(Noisy(mode=mode))):
        target = make(mode=bm.BatchingMode(3))
        bm.random.seed(5)
        zs.append(np.asarray(bp.DSRunner(target, progress_bar=False).run(inputs=xs)))
    np.testing.assert_array_equal(zs[0], zs[1])
    cell = target
    driven = cell.inputs(jnp.asarray(xs), jax.random.key(0))
    run = jax.vmap(lambda s, x: cell.rollout({}, s, x)[1])
    one, two = (run(cell.state.value, driven) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert (one[0, :, :2] != one[1, :, :2]).all()
    with pytest.raises(ValueError, match="system Noisy draws random numbers"):
        analysis.find_fixed_points(cell)


def test_the_global_generator_is_left_alone():
    cell = bp_rnn.from_brainpy(Noisy())
    bm.random.seed(1)
    before = jax.random.key_data(bm.random.DEFAULT.value)
    jax.jit(cell.step)({}, cell.initial_state({}), jnp.zeros(1))
    np.testing.assert_array_equal(jax.random.key_data(bm.random.DEFAULT.value), before)


@pytest.fixture(scope="module")
def spikes():
    """A spiking network's data, and its gradient by bm.grad through bm.for_loop."""
    with bm.environment(x64=True, dt=0.1):
        net, rng = Spiking(), np.random.default_rng(0)
        x, y = rng.uniform(0, 12, (2, 12, 3)), rng.normal(size=(2, 12, 2))

        def loss():
            net.reset(2)
            zs = bm.for_loop(net, bm.asarray(np.swapaxes(x, 0, 1)), progress_bar=False)
            return bm.mean((zs - np.swapaxes(y, 0, 1)) ** 2)

        variables = {"into_W": net.into.W, "into_b": net.into.b, "out_W": net.out.W}
        found = bm.grad(loss, grad_vars=variables)()
        return x, y, {k: np.asarray(bm.as_jax(v)) for k, v in found.items()}


@pytest.mark.parametrize("algorithm", ["RTRL", "BPTT", "BlockRTRL"])
def test_gradients_of_a_spiking_network(algorithm, spikes):
    x, y, want = spikes
    cell = bp_rnn.from_brainpy(Spiking())
    before = cell.params()
    net = getattr(bp_rnn, algorithm)(cell)
    trainer = bp_rnn.OfflineTrainer(net, optimizer=optax.sgd(1.0), progress_bar=False)
    trainer.fit((x, y), num_epoch=1)
    for name, right in want.items():
        assert np.abs(right).max() > 1e-6
        np.testing.assert_allclose(before[name] - cell.params()[name], right, rtol=0, atol=1e-12)


def test_rest_of_a_neuron():
    """With the leak of Hodgkin and Huxley the rest is at -65 mV."""
    bm.random.seed(1)  # BrainPy draws the voltage; from this start F bends within 0.005 mV
    neuron = bp.neurons.HH(1, gL=0.3)
    points = analysis.find_fixed_points(neuron, num_start=32, max_round=2)
    assert points.state.shape == (1, 4)
    np.testing.assert_allclose(points.state[0, 0], -65, atol=0.01)


@pytest.mark.parametrize(
    ("make", "totals"),
    [
        (bp.rates.WilsonCowanModel, {"saddle": 1, "stable node": 2}),
        (bp.rates.ThresholdLinearModel, {"unstable node": 1}),
    ],
)
def test_fixed_points_of_rate_models(make, totals):
    assert analysis.find_fixed_points(make(1), num_start=64, max_round=6).totals() == totals


def test_what_has_no_map_of_one_step():
    delayed = bp.rates.FeedbackFHN(1, delay=1.0)
    with pytest.raises(ValueError, match=r"Variable 'x_delay.idx' of system FeedbackFHN"):
        analysis.linearise(delayed, np.zeros((1, 2)), t=0.0)


def test_a_step_keeps_the_precision_it_is_given():
    with bm.environment(x64=False):
        cell = bp_rnn.from_brainpy(bp.dyn.Lif(1))
        state, x = np.asarray(cell.state.value, float), np.ones(1)
    new = cell.step({}, jnp.asarray(state), jnp.asarray(x))
    assert new.dtype == jnp.float64
    assert new[0] != np.float32(new[0])


def test_an_input_acts_for_one_step():
    zero = bp.init.ZeroInit()
    cell = bp_rnn.from_brainpy(bp.rates.WilsonCowanModel(1, x_initializer=zero, y_initializer=zero))
    found = [cell.update(np.array([float(t == 0)]))[0] for t in range(6)]
    want = [0.00708, 0.00672, 0.00638, 0.00606, 0.00574, 0.00545]
    np.testing.assert_allclose(found, want, atol=6e-6)
    assert cell.system.input.value == 0
    assert cell.size == 2


def test_what_depends_on_what():
    def function(a, b, c):
        return a, jnp.where(b > 0, b, c), jax.jit(lambda v: v[0])((c, a)), jnp.zeros(2)

    found = dependence(function, *(jnp.ones(2) for _ in range(3)))
    assert found.reads == [{0}, {1, 2}, {2}, set()]
    assert found.same == [0, None, None, None]


def test_bad_arguments():
    with pytest.raises(ValueError, match="output must be one of u, seen, got 'v'"):
        bp_rnn.from_brainpy(Returns(lambda s: None), output="v")
    with pytest.raises(ValueError, match=r"can't be called on one input of shape \(3,\): .*shapes"):
        bp_rnn.from_brainpy(Returns(lambda s: None), 3)
    with pytest.raises(ValueError, match="num_in must be"):
        bp_rnn.from_brainpy(Returns(lambda s: None), -1)
