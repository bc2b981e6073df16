"""Hopfield networks against their definitions, written out in NumPy, and their theorems."""

import itertools

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

import bp_rnn
from bp_rnn import hopfield
from bp_rnn.hopfield._sweep import random_order
from bp_rnn.hopfield.continuous import inverse_integral

N, M = 70, 6  # more units than are looked at together, and not a multiple of their number


def patterns(num_pattern=M, num=N, key=0, **options):
    return hopfield.random_patterns(key, num_pattern, num, **options)


def network(**options):
    net = bp_rnn.DiscreteHopfield(N, **options)
    net.store(patterns(coding=options.get("coding", "bipolar")))
    return net


def random_couplings(rng, num):
    w = rng.normal(size=(num, num))
    w = w + w.T
    np.fill_diagonal(w, 0)
    return w


# storing


def outer_product_by_hand(p):
    w = np.zeros((p.shape[1],) * 2)
    for row in p:
        w += np.outer(row, row)
    return (w - len(p) * np.eye(p.shape[1])) / p.shape[1]


def storkey_by_hand(p):
    num = p.shape[1]
    w = np.zeros((num, num))
    for row in p:
        h = np.zeros((num, num))
        for i, j in itertools.product(range(num), repeat=2):
            h[i, j] = sum(w[i, k] * row[k] for k in range(num) if k not in (i, j))
        new = w.copy()
        for i, j in itertools.product(range(num), repeat=2):
            if i != j:
                new[i, j] += (row[i] * row[j] - row[i] * h[j, i] - h[i, j] * row[j]) / num
        w = new
    return w


def pseudo_inverse_by_hand(p):
    w = np.linalg.pinv(p) @ p
    np.fill_diagonal(w, 0)
    return w


@pytest.mark.parametrize(
    ("rule", "by_hand"),
    [
        (hopfield.outer_product, outer_product_by_hand),
        (hopfield.storkey, storkey_by_hand),
        (hopfield.pseudo_inverse, pseudo_inverse_by_hand),
    ],
)
def test_rules(rule, by_hand):
    p = np.asarray(patterns(4, 9))
    np.testing.assert_allclose(rule(p), by_hand(p), atol=1e-12)


@pytest.mark.parametrize(("coding", "low"), [("bipolar", -1), ("binary", 0)])
def test_covariance(coding, low):
    p = np.asarray(patterns(4, 9, activity=0.3, coding=coding))
    variance = (1 - 0.3) * (0.3 - low)
    expected = sum(np.outer(row - 0.3, row - 0.3) for row in p) / (9 * variance)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(hopfield.covariance(p, 0.3, (low, 1)), expected, atol=1e-12)


def test_pseudo_inverse_of_dependent_patterns():
    p = patterns(4, 9)
    again = jnp.concatenate([p, p[:2], -p[1:3]])
    np.testing.assert_allclose(
        hopfield.pseudo_inverse(again), hopfield.pseudo_inverse(p), atol=1e-12
    )
    with pytest.raises(ValueError, match=r"fewer than 9 linearly independent patterns.*got 9"):
        hopfield.pseudo_inverse(patterns(40, 9))


def weights(p, **options):
    net = bp_rnn.DiscreteHopfield(p.shape[1], **options)
    for part in np.split(p, [1, 3]):
        net.store(part if len(part) > 1 else part[0])
    return net


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rule": "storkey"},
        {"rule": "pseudo_inverse"},
        {"rule": hopfield.outer_product},
        {"rule": "covariance", "activity": 0.2},
    ],
    ids=["outer_product", "storkey", "pseudo_inverse", "callable", "covariance"],
)
def test_storing_and_forgetting_one_by_one(options):
    p = np.asarray(patterns(5, 11, activity=0.2))
    net = weights(p, **options)
    whole = bp_rnn.DiscreteHopfield(11, **options)
    whole.store(p)
    np.testing.assert_allclose(net.w.value, whole.w.value, atol=1e-12)
    np.testing.assert_array_equal(net.patterns.value, p)
    net.forget(1)
    net.forget([-1, 0])
    few = bp_rnn.DiscreteHopfield(11, **options)
    few.store(p[2:4])
    np.testing.assert_allclose(net.w.value, few.w.value, atol=1e-12)
    np.testing.assert_array_equal(net.patterns.value, p[2:4])
    assert net.overlap.shape == (2,)
    net.forget([0, 1])
    np.testing.assert_allclose(net.w.value, 0, atol=1e-12)


def test_a_mask_dilutes_and_the_default_bias_follows():
    rng = np.random.default_rng(0)
    mask = np.triu(rng.random((9, 9)) < 0.5, 1)
    mask = mask | mask.T
    p = patterns(4, 9, activity=0.3)
    net = bp_rnn.DiscreteHopfield(9, rule="covariance", activity=0.3, mask=mask)
    net.store(p)
    full = np.asarray(hopfield.covariance(p, 0.3))
    np.testing.assert_allclose(net.w.value, full * mask, atol=1e-12)
    np.testing.assert_allclose(net.b.value, 0.3 * mask.sum(1) / 8, atol=1e-12)


def test_random_patterns_and_corrupt():
    p = np.asarray(patterns(200, 500, activity=0.2, coding="binary"))
    assert np.isin(p, (0, 1)).all()
    assert abs(p.mean() - 0.2) < 0.01
    for values in (p, 2 * p - 1):
        probes = np.asarray(hopfield.corrupt(1, values, 0.1))
        assert (probes != values).sum(1).tolist() == [50] * 200
        assert np.isin(probes, np.unique(values)).all()
    assert np.std((probes != values).sum(0)) > 1  # not the same units in each
    assert (np.asarray(patterns(key=3)) != np.asarray(patterns(key=4))).any()


# retrieval


def algorithm_1(w, x, order, b, low, high):
    """The lecture's Algorithm 1, one sweep in whole numbers, with sign(0) keeping the state."""
    x, flips, ties = x.copy(), 0, 0
    for unit in order:
        h = w[unit] @ x + b[unit]
        new = high if h > 0 else low if h < 0 else x[unit]
        flips += new != x[unit]
        ties += h == 0
        x[unit] = new
    return x, flips, ties


@pytest.mark.parametrize(
    ("coding", "precision"), [("bipolar", "float64"), ("bipolar", "float32"), ("binary", "float32")]
)
def test_sweeps_are_algorithm_1(coding, precision):
    with bm.environment(x64=precision == "float64"):
        rng = np.random.default_rng(0)
        w = np.triu(rng.integers(-3, 4, (N, N)), 1)
        w, b = w + w.T, rng.integers(-3, 4, N)  # whole numbers, whose fields of zero are zero
        net = bp_rnn.DiscreteHopfield(N, coding=coding, w=w / N, b=b / N)
        low, high = (int(v) for v in net.levels)
        params, key = net.params(), jax.random.key(1)
        order = np.asarray(random_order(jax.random.split(key)[0], N))
        starts = np.asarray(patterns(40, key=2, coding=coding))
        step = jax.jit(lambda x: net.advance(params, x, net.fields(params, x), key))
        moved = step(jnp.asarray(starts))
        ties = 0
        for x, found, flips in zip(starts.astype(int), moved.state, moved.flips, strict=True):
            expected, num, zeros = algorithm_1(w, x, order, b, low, high)
            np.testing.assert_array_equal(found, expected)
            assert flips == num
            ties += zeros
        assert ties > 20
        np.testing.assert_allclose(moved.field, net.fields(params, moved.state), atol=1e-5)
        assert moved.state.dtype == bm.float_
        alone = step(jnp.asarray(starts[3:4]))
        np.testing.assert_array_equal(alone.state[0], moved.state[3])


def test_retrieval_by_hand_and_by_key():
    net = network()
    probe = hopfield.corrupt(1, patterns()[0], 0.3)
    w, x = np.rint(np.asarray(net.w.value) * N).astype(int), np.asarray(probe, int)
    key, total, moving = jax.random.key(5), 0, True
    while moving:  # the keys of settle and advance
        key, now = jax.random.split(key)
        order = np.asarray(random_order(jax.random.split(now)[0], N))
        x, moving, _ = algorithm_1(w, x, order, np.zeros(N, int), -1, 1)
        total += moving
    found = net.retrieve(probe, key=5)
    np.testing.assert_array_equal(found.state, x)
    assert found.flips == total
    assert found.converged
    assert not found.cycle
    np.testing.assert_allclose(found.overlap, patterns() @ x / N)
    np.testing.assert_allclose(found.energy, -x @ np.asarray(net.w.value) @ x / 2)
    again = net.retrieve(probe, key=5)
    assert all((a == b).all() for a, b in zip(found, again, strict=True))
    batch = hopfield.corrupt(1, patterns(), 0.4)
    many = net.retrieve(batch, key=5)
    one = net.retrieve(batch[2], key=5)
    np.testing.assert_array_equal(many.state[2], one.state)
    assert many.overlap.shape == (M, M)
    others = [net.retrieve(batch, key=k).state for k in range(5)]
    assert any((s != many.state).any() for s in others)
    assert not net.retrieve(probe, num_step=1).converged


def test_energy_never_rises_and_every_size_comes_to_rest():
    net = bp_rnn.DiscreteHopfield(64)
    step = jax.jit(lambda p, x, key: net.advance(p, x, net.fields(p, x), key))
    rng = np.random.default_rng(0)
    for size in range(2, 65):
        w = np.zeros((64, 64))  # units without couplings or bias keep their state
        w[:size, :size] = random_couplings(rng, size)
        params = {"w": jnp.asarray(w), "b": jnp.asarray(np.zeros(64))}
        x = rng.choice([-1.0, 1.0], size=(3, 64))
        energy = -np.einsum("bi,ij,bj->b", x, w, x) / 2
        for sweep in itertools.count():
            moved = step(params, x, jax.random.key(sweep))
            x = np.asarray(moved.state)
            new = -np.einsum("bi,ij,bj->b", x, w, x) / 2
            assert (new <= energy + 1e-12).all()
            assert ((new < energy - 1e-12) == (np.asarray(moved.flips) > 0)).all()
            np.testing.assert_allclose(
                net.energy_of(params, moved.state, moved.field), new, atol=1e-9
            )
            energy = new
            if not moved.moving.any():
                break
            assert sweep < 60
        assert (x * (x @ w) >= -1e-12).all()


@pytest.mark.parametrize("num", [1, 65])
def test_retrieval_ends_at_a_fixed_point(num):
    rng = np.random.default_rng(num)
    w, b = random_couplings(rng, num), rng.normal(size=num)
    net = bp_rnn.DiscreteHopfield(num, w=w, b=b)
    found = net.retrieve(patterns(10, num))
    x = np.asarray(found.state)
    assert found.converged.all()
    assert (x * (x @ w + b) >= -1e-12).all()
    np.testing.assert_allclose(found.energy, -np.einsum("bi,ij,bj->b", x, w, x) / 2 - x @ b)


def test_two_cycles_of_synchronous_updates():
    net = bp_rnn.DiscreteHopfield(2, dynamics="synchronous", w=[[0, 1], [1, 0]])
    found = net.retrieve([[1.0, -1.0], [1.0, 1.0]])
    assert found.cycle.tolist() == [True, False]
    assert found.converged.tolist() == [False, True]
    net.set_state([1.0, -1.0])
    runner = bp.DSRunner(net, monitors=["state", "cycle", "flips"], progress_bar=False)
    runner.run(duration=0.4)
    assert runner.mon.state[:, 0].tolist() == [-1, 1, -1, 1]
    assert runner.mon.cycle.tolist() == [False, True, True, True]
    assert runner.mon.flips.tolist() == [2, 2, 2, 2]


def test_synchronous_updates_end_in_a_point_or_a_cycle():
    noise = random_couplings(np.random.default_rng(0), N)  # no field is zero
    w = np.asarray(hopfield.outer_product(patterns())) + 1e-3 * noise
    net = bp_rnn.DiscreteHopfield(N, dynamics="synchronous", w=w)
    found = net.retrieve(patterns(50))
    cycle, x = np.asarray(found.cycle), np.asarray(found.state)
    assert (cycle ^ np.asarray(found.converged)).all()
    assert 0 < cycle.sum() < 50
    after = np.sign(x @ w)
    np.testing.assert_array_equal((after != x).any(1), cycle)
    np.testing.assert_array_equal(np.sign(after @ w), x)


@pytest.mark.parametrize("coding", ["bipolar", "binary"])
def test_glauber_dynamics_samples_boltzmanns_distribution(coding):
    w = random_couplings(np.random.default_rng(0), 3)
    b = np.array([0.3, -0.2, 0.1])
    net = bp_rnn.DiscreteHopfield(
        3, w=w, b=b, coding=coding, temperature=1.5, mode=bm.BatchingMode(400)
    )
    states = np.array(list(itertools.product(net.levels, repeat=3)))
    weight = np.exp((np.einsum("si,ij,sj->s", states, w, states) / 2 + states @ b) / 1.5)
    runner = bp.DSRunner(net, monitors=["state", "energy", "converged"], progress_bar=False)
    net.reset_state(400)
    runner.run(duration=12.0)
    assert not runner.mon.converged.any()
    x = runner.mon.state
    energy = -np.einsum("bti,ij,btj->bt", x, w, x) / 2 - x @ b
    np.testing.assert_allclose(runner.mon.energy, energy, atol=1e-10)
    seen = (runner.mon.state[:, 20:, None] == states).all(-1).mean((0, 1))
    np.testing.assert_allclose(seen, weight / weight.sum(), atol=0.01)


def test_runner_sees_every_quantity():
    net = network()
    probe = hopfield.corrupt(1, patterns()[0], 0.3)
    names = ["state", "overlap", "energy", "flips", "converged", "cycle"]
    runner = bp.DSRunner(net, monitors=names, progress_bar=False)
    net.set_state(probe)
    before = net.energy.value
    runner.run(duration=0.6)
    mon = runner.mon
    assert mon.converged[-1]
    assert not mon.cycle.any()
    assert mon.flips[0] > 0
    assert mon.flips[-1] == 0
    energy = np.array([before, *mon.energy])
    assert ((np.diff(energy) < 0) == (mon.flips > 0)).all()
    np.testing.assert_allclose(mon.overlap, mon.state @ patterns().T / N)
    net.forget(0)  # the runner follows
    runner.run(duration=0.2)
    assert runner.mon.overlap.shape == (2, M - 1)


def test_currents_and_batches_in_a_run():
    net = network(mode=bm.BatchingMode(3))
    net.set_state(hopfield.corrupt(1, patterns()[:3], 0.2))
    target = np.asarray(patterns()[5])
    runner = bp.DSRunner(net, monitors=["state", "energy", "overlap"], progress_bar=False)
    runner.run(inputs=np.broadcast_to(2.0 * target, (3, 2, N)))
    assert (runner.mon.state[:, -1] == target).all()
    assert runner.mon.overlap.shape == (3, 2, M)
    expected = -target @ np.asarray(net.w.value) @ target / 2 - 2 * N
    np.testing.assert_allclose(runner.mon.energy[:, -1], expected)
    net.reset_state(2)
    assert net.state.shape == (2, N)
    assert net.overlap.shape == (2, M)
    assert (net.state.value == -1).all()


def test_sparse_patterns_need_the_covariance_rule():
    p = patterns(60, 400, activity=0.1, coding="binary")
    sparse = bp_rnn.DiscreteHopfield(400, coding="binary", rule="covariance", activity=0.1)
    plain = bp_rnn.DiscreteHopfield(400, coding="binary")
    for net, low, high in ((sparse, 0.95, 1.1), (plain, -9, 0.5)):
        net.store(p)
        end = np.asarray(net.retrieve(p).state)
        kept = ((end * p).sum(1) / p.sum(1) * (end.sum(1) < 1.5 * p.sum(1))).mean()
        assert low <= kept <= high
    own = np.asarray(sparse.overlap_of(sparse.params(), p, p))
    active = np.asarray(p.sum(1))
    np.testing.assert_allclose(np.diag(own), active * 0.9 / (400 * 0.09), rtol=1e-12)


def test_pseudo_inverse_stores_half_as_many_patterns_as_units():
    p = patterns(100, 200)
    for rule, kept in (("pseudo_inverse", True), ("outer_product", False)):
        net = bp_rnn.DiscreteHopfield(200, rule=rule)
        net.store(p)
        field = net.fields(net.params(), p)
        assert bool((field * p > 1e-6).all()) is kept  # fixed points, every one


def test_storkey_beats_the_outer_product_at_load_one_fifth():
    p = patterns(40, 200)
    found = {}
    for rule in ("storkey", "outer_product"):
        net = bp_rnn.DiscreteHopfield(200, rule=rule)
        net.store(p)
        found[rule] = np.diag(net.retrieve(hopfield.corrupt(1, p, 0.05)).overlap).mean()
    assert found["storkey"] > 0.95
    assert found["outer_product"] < 0.8


# the continuous network

R, C = np.linspace(0.5, 2.0, 20), np.linspace(1.5, 0.7, 20)


def graded(**options):
    rng = np.random.default_rng(0)
    w, b = random_couplings(rng, 20), rng.normal(size=20)
    return bp_rnn.ContinuousHopfield(20, w=w, b=b, resistance=R, capacitance=C, **options)


def test_energy_of_the_continuous_network():
    net = graded(gain=3.0)
    v = np.random.default_rng(1).normal(size=20)
    x = (1 - np.exp(-3 * v)) / (1 + np.exp(-3 * v))
    integral = [integrate.quad(lambda s: np.log((1 + s) / (1 - s)) / 3, 0, end)[0] for end in x]
    w, b = np.asarray(net.w.value), np.asarray(net.b.value)
    net.set_state(v)
    np.testing.assert_allclose(net.x.value, x)
    np.testing.assert_allclose(net.energy.value, -x @ w @ x / 2 + (integral / R).sum() - b @ x)


def test_the_flow_goes_down_the_energy():
    """Along a trajectory dE/dt = -sum C phi'(v) (dv/dt)^2, for dE/dv = -C phi'(v) dv/dt."""
    net = graded(gain=3.0)
    params = net.params()
    v = jnp.asarray(np.random.default_rng(1).normal(size=(1, 20)))
    slope = jax.grad(lambda v: net.energy_of(params, v, net.fields(params, v))[0])(v)
    gain = jax.grad(lambda v: net.output(params, v).sum())(v)
    np.testing.assert_allclose(slope, -C * gain * net.derivative(params, v), atol=1e-12)


@pytest.mark.parametrize("integrator", ["euler", "rk4"])
def test_energy_never_rises_along_trajectories(integrator):
    net = graded(gain=3.0, integrator=integrator, dt=0.01, mode=bm.BatchingMode(8))
    bm.set_dt(0.01)
    net.set_state(np.random.default_rng(1).normal(size=(8, 20)))
    runner = bp.DSRunner(net, monitors=["energy", "v"], progress_bar=False)
    runner.run(duration=8.0)
    energy = runner.mon.energy
    assert np.diff(energy, axis=1).max() <= 1e-10
    assert (energy[:, 0] - energy[:, -1] > 1).all()
    found = net.retrieve(runner.mon.v[:, -1], num_step=20_000)
    assert found.converged.all()
    assert (found.energy <= energy[:, -1] + 1e-10).all()
    change = np.abs(net.derivative(net.params(), found.state)) * net.resistance * net.capacitance
    assert (change.max(1) < net.rest * np.abs(found.state).max(1)).all()


def test_a_steep_continuous_network_is_the_discrete_one():
    p = patterns()
    discrete = network()
    probes = hopfield.corrupt(1, p, 0.15)
    rest = discrete.retrieve(probes)
    gaps = []
    for gain in (50.0, 500.0):
        net = bp_rnn.ContinuousHopfield(N, gain=gain)
        net.store(p)
        found = net.retrieve(probes)
        assert found.converged.all()
        np.testing.assert_array_equal(jnp.sign(found.state), rest.state)
        x = net.output(net.params(), found.state)
        gaps.append(np.abs(x - rest.state).max() + np.abs(found.energy - rest.energy).max() / N)
    assert gaps[1] < gaps[0] / 5
    assert gaps[1] < 0.02


def test_integral_at_large_potentials():
    v = jnp.asarray([-1e3, 0.0, 1e3])
    np.testing.assert_allclose(inverse_integral(v, 4.0), [np.log(2) / 2, 0, np.log(2) / 2])


# dense memories


def dense_energy(order, p, x, beta):
    z, num = p @ x, p.shape[1]
    if order == "exponential":
        return -np.log(np.exp(beta * z).sum()) / beta
    return -num / order * ((z / num) ** order).sum()


@pytest.mark.parametrize("order", [2, 3, 4, "exponential"])
def test_a_dense_memory_goes_down_its_energy(order):
    p = np.asarray(patterns(30, 12))
    options = {"order": order, "beta": 0.7}
    both = bp_rnn.DenseHopfield(12, **options)
    both.store(p)
    params = both.params()
    starts = np.asarray(patterns(5, 12, key=1))
    moved = both.advance(params, starts, both.fields(params, starts), None)
    for x, new in zip(starts, np.asarray(moved.state), strict=True):
        here = dense_energy(order, p, x, 0.7)
        turned = x * (1 - 2 * np.eye(12))
        better = np.array([dense_energy(order, p, y, 0.7) < here - 1e-12 for y in turned])
        np.testing.assert_array_equal(new, np.where(better, -x, x))
    net = bp_rnn.DenseHopfield(12, dynamics="asynchronous", mode=bm.BatchingMode(5), **options)
    net.store(p)
    net.set_state(starts)
    runner = bp.DSRunner(net, monitors=["state", "energy", "flips"], progress_bar=False)
    energy = [[dense_energy(order, p, x, 0.7)] for x in starts]
    runner.run(duration=0.6)
    expected = [[dense_energy(order, p, x, 0.7) for x in row] for row in runner.mon.state]
    np.testing.assert_allclose(runner.mon.energy, expected)
    fall = np.diff(np.hstack([energy, runner.mon.energy]), axis=1)
    assert (fall <= 1e-12).all()
    assert ((fall < -1e-12) == (runner.mon.flips > 0)).all()
    assert (runner.mon.flips[:, -1] == 0).all()


def test_order_two_is_the_outer_product():
    p, x = patterns(), np.asarray(patterns(1, key=1))[0]
    dense, plain = bp_rnn.DenseHopfield(N, order=2), network()
    dense.store(p)
    for net in (dense, plain):
        net.set_state(x)
    # the diagonal of W, which the plain network leaves out, adds M / 2
    np.testing.assert_allclose(dense.energy.value, plain.energy.value - M / 2)


def test_one_exponential_step_is_attention_without_the_unit_itself():
    p, x = patterns(30, 12), patterns(5, 12, key=1)
    net = bp_rnn.DenseHopfield(12, order="exponential", beta=0.7)
    net.store(p)
    mean = jax.nn.softmax(0.7 * x @ p.T) @ p
    params = net.params()
    new = net.advance(params, x, net.fields(params, x), None).state
    np.testing.assert_array_equal(new, np.sign(mean - x * np.tanh(0.7)))


def test_the_exponential_memory_holds_exponentially_many():
    p = patterns(2**10, 40)
    probes = hopfield.corrupt(1, p, 0.05)
    kept = {}
    for order in (3, "exponential"):
        net = bp_rnn.DenseHopfield(40, order=order)
        net.store(p)
        kept[order] = float((net.retrieve(probes, num_step=1).state == p).all(1).mean())
    assert kept["exponential"] > 0.99
    assert kept[3] < 0.5


def test_softmax_memory_is_attention():
    p = np.random.default_rng(0).normal(size=(9, 16))
    x = np.random.default_rng(1).normal(size=(3, 16))
    net = bp_rnn.SoftmaxHopfield(16, beta=0.6)
    net.store(p)
    found = net.retrieve(x, num_step=1)
    one_head = (1, -1, 1, 16)
    query, keys = jnp.asarray(x.reshape(one_head)), jnp.asarray(p.reshape(one_head))
    attention = jax.nn.dot_product_attention(query, keys, keys, scale=0.6)
    np.testing.assert_allclose(found.state, attention[0, :, 0], atol=1e-6)  # float32 within
    energy = 0.5 * (np.asarray(found.state) ** 2).sum(1) + np.log(9) / 0.6
    energy += 0.5 * (p**2).sum(1).max()
    energy -= np.log(np.exp(0.6 * found.state @ p.T).sum(1)) / 0.6
    np.testing.assert_allclose(found.energy, energy)
    last = np.inf
    for step in range(1, 6):
        now = net.retrieve(x, num_step=step).energy
        assert (now <= last + 1e-12).all()
        assert (now >= 0).all()
        last = now
    assert net.retrieve(x).converged.all()
    np.testing.assert_allclose(net.retrieve(p[2] + 0.1).state, p[2], atol=0.1)


# bad input


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (
            np.full(N, 0.5),
            ValueError,
            r"patterns must hold -1 and 1 alone, got 0.5 at index \(0,\)",
        ),
        (np.zeros(N), ValueError, "patterns must hold -1 and 1 alone, got 0.0"),
        (np.ones(N + 1), ValueError, r"patterns must have shape \(70,\) or \(M, 70\), got \(71,\)"),
        (np.ones((0, N)), ValueError, r"patterns must have shape .* got \(0, 70\)"),
        (np.ones((1, 2, N)), ValueError, r"patterns must have shape .* got \(1, 2, 70\)"),
        (np.full(N, np.nan), ValueError, "patterns must be finite, got nan"),
        (["a"] * N, TypeError, "patterns must hold real numbers"),
    ],
)
def test_bad_patterns(value, error, message):
    net = network()
    before = {k: v.value for k, v in net.vars().items()}
    with pytest.raises(error, match=message):
        net.store(value)
    message = message.replace("patterns", "probe")
    for take in (net.set_state, net.retrieve):
        with pytest.raises(error, match=message):
            take(value)
    assert all(before[k] is v.value for k, v in net.vars().items())


LOPSIDED = np.triu(np.ones((4, 4)), 1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num": 0}, ValueError, "num must be at least 1, got 0"),
        ({"rule": "hebb"}, ValueError, "unknown rule 'hebb'; expected one of .*storkey"),
        ({"rule": 3}, TypeError, "rule must be a name or a callable, got 3"),
        ({"rule": "covariance"}, ValueError, "activity belongs to the covariance rule, got None"),
        ({"activity": 0.1}, ValueError, "activity belongs to the covariance rule, got 0.1"),
        ({"rule": "covariance", "activity": 1}, ValueError, "activity must be between -1.0 and 1"),
        ({"rule": "storkey", "coding": "binary"}, ValueError, "'storkey' takes patterns of -1"),
        ({"coding": "ternary"}, ValueError, "unknown coding 'ternary'"),
        ({"dynamics": "serial"}, ValueError, "unknown dynamics 'serial'"),
        ({"temperature": -1}, ValueError, "temperature must not be negative, got -1"),
        ({"w": LOPSIDED}, ValueError, r"symmetric, got w\[0, 1\] = 1.0 and w\[1, 0\] = 0.0"),
        ({"w": np.ones((4, 3))}, ValueError, r"w must have shape \(4, 4\), got \(4, 3\)"),
        ({"w": np.full((4, 4), np.nan)}, ValueError, "w must be finite, got nan"),
        ({"w": np.eye(4)}, ValueError, "w must have a zero diagonal, got 1.0 at unit 0"),
        ({"mask": LOPSIDED}, ValueError, "mask must be symmetric"),
        ({"mask": np.full((4, 4), 0.5)}, ValueError, "mask must hold 0 and 1 alone"),
        ({"b": [1.0, 2.0]}, ValueError, r"b must be a number or of shape \(4,\), got \(2,\)"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        bp_rnn.DiscreteHopfield(**{"num": 4, **options})


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (bp_rnn.ContinuousHopfield, {"gain": 0.0}, ValueError, "gain must be positive"),
        (bp_rnn.ContinuousHopfield, {"resistance": -1}, ValueError, "resistance must be positive"),
        (
            bp_rnn.ContinuousHopfield,
            {"capacitance": [1.0, 2.0]},
            ValueError,
            r"capacitance must be a number or of shape \(4,\)",
        ),
        (bp_rnn.ContinuousHopfield, {"w": LOPSIDED}, ValueError, "w must be symmetric"),
        (bp_rnn.ContinuousHopfield, {"integrator": "eu"}, ValueError, "unknown integrator 'eu'"),
        (bp_rnn.ContinuousHopfield, {"rest": 0}, ValueError, "rest must be positive"),
        (bp_rnn.DenseHopfield, {"order": 1}, ValueError, "order must be at least 2, got 1"),
        (bp_rnn.DenseHopfield, {"order": 2.5}, TypeError, "order must be an integer, got 2.5"),
        (bp_rnn.DenseHopfield, {"order": "softmax"}, ValueError, "unknown order 'softmax'"),
        (bp_rnn.DenseHopfield, {"beta": 0}, ValueError, "beta must be positive, got 0"),
        (bp_rnn.SoftmaxHopfield, {"beta": -1}, ValueError, "beta must be positive, got -1"),
    ],
)
def test_bad_options_of_the_others(make, options, error, message):
    with pytest.raises(error, match=message):
        make(4, **options)


def test_bad_calls():
    net = network()
    with pytest.raises(IndexError, match="index must be below the 6 patterns stored, got 6"):
        net.forget(6)
    with pytest.raises(TypeError, match=r"index must be an integer or a list of them, got 1\.5"):
        net.forget(1.5)
    with pytest.raises(ValueError, match=r"probe must have shape \(70,\), got \(6, 70\)"):
        net.set_state(patterns())
    with pytest.raises(ValueError, match="num_step must be at least 1, got 0"):
        net.retrieve(patterns(), num_step=0)
    with pytest.raises(ValueError, match=r"fraction must be between 0 and 1, got 1\.5"):
        hopfield.corrupt(0, patterns(), 1.5)
    with pytest.raises(ValueError, match=r"activity must be between -1\.0 and 1\.0, got 2"):
        hopfield.random_patterns(0, 3, 4, activity=2)
    with pytest.raises(ValueError, match="DenseHopfield takes no input"):
        bp_rnn.DenseHopfield(4).update(jnp.ones(4))
    with pytest.raises(ValueError, match=r"x must have shape \(70,\) at each step, got \(6, 70\)"):
        net.update(patterns())
    with pytest.raises(ValueError, match=r"dt of the run is 0.1, but .* built with dt=0.2"):
        bp_rnn.ContinuousHopfield(4, dt=0.2).update()
