"""Rules of plasticity against their definitions in NumPy, and their theorems."""

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compilations import counted
from scipy import integrate, linalg

import bp_rnn
from bp_rnn import plasticity
from bp_rnn.plasticity import _network

NUM_IN, NUM = 7, 3
THETA = 0.3


def samples(num, num_in=NUM_IN, key=0, mean=0.2):
    return mean + np.random.default_rng(key).normal(size=(num, num_in))


def layer(rule, num_in=NUM_IN, num=NUM, **options):
    if not {"lr", "tau_w"} & options.keys():
        options["lr"] = 0.02
    return bp_rnn.PlasticLayer(num_in, num, rule, **options)


def fit(net, inputs, **options):
    return net.fit(inputs, progress_bar=False, **options)


def with_correlations(values, key=0):
    """As many samples as inputs, with eigenvalues ``values`` of Q in random directions."""
    rng = np.random.default_rng(key)
    vectors = np.linalg.qr(rng.normal(size=(len(values),) * 2))[0].T
    mix = np.linalg.qr(rng.normal(size=(len(values),) * 2))[0]
    return mix @ (np.sqrt(len(values) * np.asarray(values))[:, None] * vectors), vectors


# definitions


def by_hand(name, w, u, v):
    """tau_w dW/dt of one sample, one synapse after the other; the threshold is THETA."""
    dw = np.zeros_like(w)
    for i in range(len(w)):
        for j in range(w.shape[1]):
            dw[i, j] = {
                "Hebb": v[i] * u[j],
                "Covariance-post": (v[i] - THETA) * u[j],
                "Covariance-pre": v[i] * (u[j] - THETA),
                "BCM": v[i] * (v[i] - THETA) * u[j],
                "SubtractiveNormalization": v[i] * u[j] - v[i] * u.sum() / len(u),
                "Oja": v[i] * u[j] - 0.7 * v[i] ** 2 * w[i, j],
                "OjaSubspace": v[i] * (u[j] - 0.7 * sum(v[k] * w[k, j] for k in range(len(w)))),
                "Sanger": v[i] * (u[j] - 0.7 * sum(v[k] * w[k, j] for k in range(i + 1))),
                "Decay": v[i] * u[j] - 0.7 * v[i] ** 2 * w[i, j] - 0.1 * w[i, j],
            }[name]
    return dw


RULES = {
    "Hebb": plasticity.Hebb(),
    "Covariance-post": plasticity.Covariance(theta=THETA),
    "Covariance-pre": plasticity.Covariance("pre", theta=[THETA] * NUM_IN),
    "BCM": plasticity.BCM(5.0),
    "SubtractiveNormalization": plasticity.SubtractiveNormalization(),
    "Oja": plasticity.Oja(0.7),
    "OjaSubspace": plasticity.OjaSubspace(0.7),
    "Sanger": plasticity.Sanger(0.7),
    "Decay": plasticity.Decay(plasticity.Oja(0.7), 0.1),
}


@pytest.mark.parametrize("batch", [1, 2, 20])
@pytest.mark.parametrize("name", RULES)
def test_rules_are_their_equations(name, batch):
    """A batch of 2 is below the size from which products of batches are cheaper."""
    rng, num = np.random.default_rng(0), 6
    w, u = rng.normal(size=(num, NUM_IN)), rng.normal(size=(batch, NUM_IN))
    v = rng.normal(size=(batch, num))
    expected = np.mean([by_hand(name, w, *sample) for sample in zip(u, v, strict=True)], 0)
    memory = {"theta_post": jnp.full(num, THETA)}
    found = RULES[name].derivative(*(jnp.asarray(a) for a in (w, u, v)), memory)
    np.testing.assert_allclose(found, expected, atol=1e-12)


ALL = {
    **RULES,
    "Covariance-post-running": plasticity.Covariance(tau_theta=5.0),
    "Covariance-pre-running": plasticity.Covariance("pre", tau_theta=5.0),
    "HardBounds": plasticity.HardBounds(plasticity.BCM(5.0), -0.5, 0.5),
    "SoftBounds": plasticity.SoftBounds(plasticity.Sanger(), -1.5, 1.5),
    "Normalized": plasticity.Normalized(plasticity.Hebb()),
}
START = 0.15 * np.random.default_rng(5).normal(size=(NUM, NUM_IN))


@pytest.mark.parametrize("name", ALL)
def test_sample_by_sample_and_in_blocks(name):
    """Two blocks and a rest, against one step after another."""
    inputs, rule = samples(2 * _network.BLOCK + 3), ALL[name]
    net, other = (layer(rule, phi="tanh", w=START) for _ in range(2))
    step = jax.jit(other._network.step)
    state = other._read()
    for u in inputs:
        state = step(state, u[None], other.lr.value)
    norms = fit(net, inputs)
    np.testing.assert_allclose(net.w.value, state.w, atol=1e-11)
    np.testing.assert_allclose(net.v.value, state.v[0], atol=1e-11)
    np.testing.assert_allclose(norms, np.linalg.norm(state.w, axis=1)[None])
    for key, value in state.memory.items():
        np.testing.assert_allclose(getattr(net, key).value, value, atol=1e-11)
    assert (np.asarray(net.w.value) != START).any()


def test_step_by_hand_and_under_a_runner():
    """The rates that made the change, then the weights, then the threshold, by the old ones."""
    inputs = samples(5)
    net = layer(plasticity.BCM(5.0), phi="tanh", w=START)
    runner = bp.DSRunner(net, monitors=["w", "v", "theta_post"], progress_bar=False)
    out = runner.run(inputs=inputs)
    w, theta = START.copy(), np.zeros(NUM)
    for t, u in enumerate(inputs):
        v = np.tanh(w @ u)
        w = w + 0.02 * np.outer(v * (v - theta), u)
        theta = theta + (v**2 - theta) / 5.0
        np.testing.assert_allclose(out[t], v, atol=1e-12)
        np.testing.assert_allclose(runner.mon.v[t], v, atol=1e-12)
        np.testing.assert_allclose(runner.mon.w[t], w, atol=1e-12)
        np.testing.assert_allclose(runner.mon.theta_post[t], theta, atol=1e-12)
    net.reset_state()
    assert not np.asarray(net.v.value).any()
    np.testing.assert_allclose(net.w.value, w, atol=1e-12)


def test_batches_are_averaged():
    inputs = samples(12)
    one = layer(plasticity.BCM(5.0), w=START)
    fit(one, inputs, batch_size=4)
    net = layer(plasticity.BCM(5.0), w=START, mode=bm.BatchingMode(4))
    runner = bp.DSRunner(net, monitors=["v"], progress_bar=False)
    runner.run(inputs=inputs.reshape(3, 4, NUM_IN).swapaxes(0, 1))
    assert runner.mon.v.shape == (4, 3, NUM)
    np.testing.assert_allclose(net.w.value, one.w.value, atol=1e-12)
    w, theta = START.copy(), np.zeros(NUM)
    for batch in inputs.reshape(3, 4, NUM_IN):
        v = batch @ w.T
        w = w + 0.02 * (v * (v - theta)).T @ batch / 4
        theta = theta + ((v**2).mean(0) - theta) / 5
    np.testing.assert_allclose(net.w.value, w, atol=1e-12)
    np.testing.assert_allclose(net.theta_post.value, theta, atol=1e-12)
    again = layer(plasticity.BCM(5.0), w=START, mode=bm.BatchingMode(4))
    fit(again, inputs)
    np.testing.assert_allclose(again.w.value, w, atol=1e-12)
    np.testing.assert_allclose(again.v.value, net.v.value, atol=1e-12)
    again.reset_state(2)
    assert again.v.shape == (2, NUM)


# theorems


def test_averaged_hebb_is_an_exponential():
    """w(t) = exp(Q t / tau_w) w(0), and the norm grows by 2 <v^2> / tau_w."""
    inputs = samples(50)
    q = plasticity.correlation_matrix(inputs)
    np.testing.assert_allclose(q, np.mean([np.outer(u, u) for u in inputs], 0))
    options = {"tau_w": 10.0, "dt": 0.1, "integrator": "rk4", "w": START}
    net = layer(plasticity.AveragedHebb(q), **options)
    runner = bp.DSRunner(net, monitors=["w"], dt=0.1, progress_bar=False)
    runner.run(inputs=np.zeros((100, NUM_IN)))
    for step in (1, 40, 100):
        exact = START @ linalg.expm(q * step * 0.1 / 10.0)
        np.testing.assert_allclose(runner.mon.w[step - 1], exact, atol=1e-6)
    values, vectors = linalg.eigh(q)  # the lecture's eq. 2.20
    exact = (START @ vectors * np.exp(values * 100 * 0.1 / 10.0)) @ vectors.T
    np.testing.assert_allclose(net.w.value, exact, atol=1e-6)
    hebb = layer(plasticity.Hebb(), **options)
    fit(hebb, np.tile(inputs, (100, 1)), batch_size=50)
    np.testing.assert_allclose(hebb.w.value, net.w.value, atol=1e-11)
    # the slope of |w|^2 along that trajectory
    runner.run(inputs=np.zeros((2, NUM_IN)))
    squared = (runner.mon.w**2).sum(2)
    v = inputs @ runner.mon.w[0].T
    slope = (squared[1] - (before := (np.asarray(hebb.w.value) ** 2).sum(1))) / 0.2
    assert (before < squared[0]).all()
    np.testing.assert_allclose(slope, 2 * (v**2).mean(0) / 10.0, rtol=1e-3)
    np.testing.assert_allclose(
        plasticity.norm_growth(hebb, inputs),
        2 * ((inputs @ np.asarray(hebb.w.value).T) ** 2).mean(0),
    )


@pytest.mark.parametrize("key", range(5))
def test_covariance_on_either_side(key):
    """With thresholds at the averages both sides give C w, whatever the inputs."""
    rng = np.random.default_rng(key)
    inputs = rng.exponential(size=(40, NUM_IN)) @ rng.normal(size=(NUM_IN, NUM_IN))
    w = rng.normal(size=(NUM, NUM_IN))
    theta_post, theta_pre = (inputs @ w.T).mean(0), inputs.mean(0)
    post = layer(plasticity.Covariance("post", theta=theta_post), w=w).derivative(inputs)
    pre = layer(plasticity.Covariance("pre", theta=theta_pre), w=w).derivative(inputs)
    exact = w @ np.cov(inputs.T, bias=True)
    np.testing.assert_allclose(post, exact, atol=1e-12 * abs(exact).max())
    np.testing.assert_allclose(pre, exact, atol=1e-12 * abs(exact).max())
    np.testing.assert_allclose(plasticity.covariance_matrix(inputs), np.cov(inputs.T, bias=True))
    growth = plasticity.norm_growth(layer(plasticity.Covariance(theta=theta_post), w=w), inputs)
    np.testing.assert_allclose(growth, 2 * (inputs @ w.T).var(0))


@pytest.mark.parametrize("side", ["post", "pre"])
def test_running_thresholds_reach_the_averages(side):
    inputs = np.tile(samples(20, mean=1.0), (30, 1))
    net = layer(plasticity.Covariance(side, tau_theta=50.0), w=START, lr=1e-9)
    fit(net, inputs)
    mean = inputs.mean(0) if side == "pre" else inputs.mean(0) @ START.T
    found = net.theta_pre if side == "pre" else net.theta_post
    np.testing.assert_allclose(found.value, mean, atol=0.2)


@pytest.mark.parametrize("nonnegative", [False, True])
def test_subtractive_normalization_conserves_the_sum(nonnegative):
    w = np.random.default_rng(0).uniform(0, 0.3, (NUM, NUM_IN))
    net = layer(plasticity.SubtractiveNormalization(nonnegative), w=w)
    for _ in range(3):
        fit(net, samples(40, mean=0.5))
        np.testing.assert_allclose(net.w.value.sum(1), w.sum(1), rtol=1e-13)
    assert (np.asarray(net.w.value).min() == 0) == nonnegative
    if nonnegative:  # competition: the winner takes all
        fit(net, samples(40, mean=0.5), num_epoch=300, batch_size=40)
        np.testing.assert_allclose(net.w.value.max(1), w.sum(1), rtol=1e-13)


def test_onto_simplex_is_the_nearest_point():
    """Karush-Kuhn-Tucker: one shift for all weights above zero, more for those at zero."""
    w = np.random.default_rng(0).normal(size=(30, NUM_IN))
    total = np.random.default_rng(1).uniform(0.1, 3, 30)
    found = np.asarray(plasticity.subtractive.onto_simplex(jnp.asarray(w), jnp.asarray(total)))
    np.testing.assert_allclose(found.sum(1), total)
    shift = w - found
    for row, s in zip(found, shift, strict=True):
        positive = row > 0
        np.testing.assert_allclose(s[positive], s[positive][0], atol=1e-12)
        assert (s[~positive] <= s[positive][0] + 1e-12).all()
    inside = np.abs(w)
    np.testing.assert_allclose(
        plasticity.subtractive.onto_simplex(jnp.asarray(inside), jnp.asarray(inside.sum(1))),
        inside,
        atol=1e-12,
    )


def test_oja_finds_the_first_component():
    """Ten covariances whose first eigenvalue is twice the second."""
    net = layer(plasticity.Oja(alpha=0.25), 8, 2, lr=0.05)
    start = np.asarray(net.w.value)
    for key in range(10):
        values = np.r_[2.0, 1.0, np.random.default_rng(key).uniform(0, 1, 6)]
        inputs, vectors = with_correlations(values, key)
        net.w.value = jnp.asarray(start)
        norms = fit(net, inputs, num_epoch=400, batch_size=8)
        np.testing.assert_allclose(norms[-1] ** 2, 4.0, rtol=0.01)
        assert plasticity.angles(net.w.value, vectors[0]).max() < 1
    growth = plasticity.norm_growth(net, inputs)
    np.testing.assert_allclose(growth, 0, atol=1e-3)


def test_oja_online():
    """Sample by sample, in ever smaller steps."""
    rng = np.random.default_rng(0)
    basis, vectors = with_correlations([2.0, 1.0, 0.6, 0.3, 0.1])
    inputs = rng.normal(size=(20_000, 5)) @ basis / np.sqrt(5)
    net = layer(plasticity.Oja(), 5, 1)
    for lr in (1e-2, 1e-3, 1e-4, 3e-5):
        net.lr.value = jnp.asarray(lr)
        norms = fit(net, inputs, key=1)
    first = plasticity.principal_components(inputs)
    np.testing.assert_allclose(norms[-1] ** 2, 1, rtol=0.01)
    assert plasticity.angles(net.w.value, first.vectors).max() < 1
    assert plasticity.angles(first.vectors[:1], vectors[:1]).max() < 3


def test_sanger_finds_the_components_in_order():
    values = 2.0 ** -np.arange(10)
    inputs, vectors = with_correlations(values)
    components = plasticity.principal_components(inputs)
    np.testing.assert_allclose(components.values, values, rtol=1e-9)
    assert plasticity.angles(components.vectors, vectors).max() < 1e-6
    net = layer(plasticity.Sanger(alpha=2.0), 10, 5, lr=0.3)
    norms = fit(net, inputs, num_epoch=600, batch_size=10)
    assert plasticity.angles(net.w.value, vectors).max() < 2
    np.testing.assert_allclose(norms[-1] ** 2, 0.5, rtol=0.01)
    online = layer(plasticity.Sanger(), 10, 5, lr=0.02)
    fit(online, inputs, num_epoch=1000, key=0)
    online.lr.value = jnp.asarray(0.005)
    fit(online, inputs, num_epoch=1000, key=1)
    assert plasticity.angles(online.w.value, vectors).max() < 2


def test_oja_subspace_spans_the_components():
    inputs, vectors = with_correlations(2.0 ** -np.arange(8))
    net = layer(plasticity.OjaSubspace(), 8, 3, lr=0.3)
    fit(net, inputs, num_epoch=600, batch_size=8)
    assert plasticity.subspace_angle(net.w.value, vectors[:3]) < 1
    w = np.asarray(net.w.value)
    np.testing.assert_allclose(w @ w.T, np.eye(3), atol=0.01)
    assert plasticity.angles(w, vectors).max() > 5  # some other basis of that space


def test_anti_hebb_decorrelates():
    """With Oja's rule: uncorrelated outputs that span the principal subspace (Földiák)."""
    inputs, vectors = with_correlations(2.0 ** -np.arange(8))
    net = layer(plasticity.Oja(), 8, 3, lr=0.2, lateral=plasticity.AntiHebb(gamma=2.0))
    fit(net, inputs, num_epoch=2000, batch_size=8)
    v = np.asarray(net.response(inputs))
    np.testing.assert_allclose(
        v, inputs @ np.asarray(net.w.value).T @ np.linalg.inv(np.eye(3) - np.asarray(net.m.value)).T
    )
    q = plasticity.correlation_matrix(v)
    np.testing.assert_allclose(q / np.sqrt(np.outer(np.diag(q), np.diag(q))), np.eye(3), atol=1e-9)
    assert plasticity.subspace_angle(net.w.value, vectors[:3]) < 1e-6
    assert not np.diag(net.m.value).any()


def test_lateral_weights_that_stay():
    """v = W u + M v at once, with M not symmetric."""
    m, inputs = np.array([[0.0, 0.5, 0.0], [-0.2, 0.0, 0.1], [0.3, 0.0, 0.0]]), samples(3)
    net = layer(plasticity.Hebb(), w=START, m=m)
    fit(net, inputs)
    w = START.copy()
    for u in inputs:
        v = np.linalg.inv(np.eye(NUM) - m) @ w @ u
        w = w + 0.02 * np.outer(v, u)
    np.testing.assert_allclose(net.w.value, w, atol=1e-12)
    np.testing.assert_allclose(net.v.value, v, atol=1e-12)
    np.testing.assert_array_equal(net.m.value, m)
    fit(net, inputs, batch_size=3)
    np.testing.assert_allclose(net.v.value, v, atol=1e-12)  # a batch has no place there


# BCM


def bcm_flow(rates, tau_theta):
    """d(v_1, v_2, theta)/dt by two orthogonal unit inputs, each half of the time; tau_w = 1."""
    net = layer(plasticity.BCM(tau_theta), 2, 1, lr=1.0, w=np.asarray(rates[:2])[None])
    rule, u = net.rule, jnp.eye(2)

    def flow(y):
        v = u @ y[None, :2].T
        memory = {"theta_post": y[2:]}
        dw = rule.derivative(y[None, :2], u, v, memory)[0]
        return jnp.concatenate([dw, rule.memory_derivative(u, v, memory)["theta_post"]])

    return flow(jnp.asarray(rates)), jax.jacobian(flow)(jnp.asarray(rates))


@pytest.mark.parametrize(
    ("point", "stable"),
    [((2.0, 0.0, 2.0), True), ((0.0, 2.0, 2.0), True), ((1.0, 1.0, 1.0), False)],
)
def test_bcm_fixed_points(point, stable):
    """Selective points are stable, the point that answers to both patterns is a saddle."""
    flow, jacobian = bcm_flow(point, tau_theta=0.1)
    np.testing.assert_allclose(flow, 0, atol=1e-12)
    eigenvalues = np.linalg.eigvals(jacobian)
    assert (eigenvalues.real < 0).all() == stable
    if not stable:
        assert (eigenvalues.real > 0).sum() == 1


@pytest.mark.parametrize(("tau_theta", "stable"), [(0.9, True), (1.1, False)])
def test_bcm_needs_a_fast_threshold(tau_theta, stable):
    """The selective point loses its stability just at tau_theta = tau_w, to an oscillation."""
    _, jacobian = bcm_flow((2.0, 0.0, 2.0), tau_theta)
    assert (np.linalg.eigvals(jacobian).real < 0).all() == stable
    net = layer(plasticity.BCM(tau_theta), 2, 1, tau_w=1.0, dt=0.02, w=np.array([[1.9, 0.05]]))
    net.theta_post.value = jnp.array([2.0])
    deviations = []
    for _ in range(2):
        fit(net, np.tile(np.eye(2), (500, 1)), batch_size=2)
        deviations.append(abs(net.w.value - jnp.array([[2.0, 0.0]])).max())
    assert (deviations[1] < deviations[0]) == stable


def test_bcm_becomes_selective():
    """Ten linearly independent patterns; each of 20 random starts ends at a single one."""
    rng = np.random.default_rng(0)
    inputs = rng.uniform(size=(10, 12)) + 2 * np.eye(10, 12)
    inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
    net = layer(
        plasticity.BCM(100.0), 12, 20, lr=0.002, phi="relu", w=rng.uniform(0, 0.3, (20, 12))
    )
    fit(net, inputs, num_epoch=8000, key=0)
    v = np.asarray(net.response(inputs))
    assert plasticity.selectivity(v).min() > 0.9
    assert len(set(v.argmax(0))) > 1
    np.testing.assert_allclose(v.max(0), 10, rtol=0.1)


# continuous time


@pytest.mark.parametrize("integrator", ["euler", "rk4"])
def test_rates_weights_and_threshold_in_continuous_time(integrator):
    """Against SciPy, with lateral weights that learn, a nonlinearity and a sliding threshold."""
    dt, num_step = (0.001, 2000) if integrator == "euler" else (0.02, 100)
    u, gamma = samples(1)[0], 0.5
    net = layer(
        plasticity.BCM(0.7),
        tau_w=3.0,
        tau_r=0.4,
        dt=dt,
        w=START,
        m=0.1 * (1 - np.eye(NUM)),
        lateral=plasticity.AntiHebb(gamma),
        phi="tanh",
        integrator=integrator,
    )

    def flow(t, y):
        w, m, v, theta = np.split(y, np.cumsum([NUM * NUM_IN, NUM**2, NUM]))
        w, m = w.reshape(NUM, NUM_IN), m.reshape(NUM, NUM)
        dm = -gamma * np.outer(v, v) * (1 - np.eye(NUM)) / 3
        dw = np.outer(v * (v - theta), u) / 3
        dv = (-v + np.tanh(w @ u + m @ v)) / 0.4
        return np.concatenate([dw.ravel(), dm.ravel(), dv, (v**2 - theta) / 0.7])

    start = np.concatenate([START.ravel(), net.m.value.ravel(), np.zeros(2 * NUM)])
    exact = integrate.solve_ivp(flow, (0, 2), start, rtol=1e-10, atol=1e-12).y[:, -1]
    fit(net, np.tile(u, (num_step, 1)))
    found = [net.w.value.ravel(), net.m.value.ravel(), net.v.value, net.theta_post.value]
    np.testing.assert_allclose(
        np.concatenate(found), exact, atol=2e-3 if integrator == "euler" else 1e-7
    )


def test_time_step_of_a_run():
    net = layer(plasticity.Hebb(), tau_w=10.0, dt=0.5)
    assert net.lr.value == 0.05
    with pytest.raises(ValueError, match=r"dt of the run is 0\.1, but .* built with dt=0\.5"):
        net.update(np.zeros(NUM_IN))
    layer(plasticity.Hebb()).update(np.zeros(NUM_IN))  # a sample has no time


# around a rule


def test_bounds_decay_and_normalisation():
    inputs = samples(30, mean=0.5)
    hard = layer(plasticity.HardBounds(plasticity.Hebb(), -0.2, 0.4), w=0.1)
    fit(hard, inputs)
    assert (np.asarray(hard.w.value) == 0.4).any()
    assert np.asarray(hard.w.value).max() <= 0.4
    w, u = jnp.asarray(START), jnp.asarray(inputs)
    plain = plasticity.Hebb().derivative(w, u, u @ w.T, {})
    soft = plasticity.SoftBounds(plasticity.Hebb(), -1.0, 2.0).derivative(w, u, u @ w.T, {})
    expected = np.where(plain > 0, (2.0 - START) * plain, (START + 1.0) * plain)
    np.testing.assert_allclose(soft, expected, atol=1e-12)
    slow = layer(plasticity.SoftBounds(plasticity.Hebb(), 0.0, 1.0), w=0.1, lr=10.0)
    fit(slow, np.abs(inputs))
    np.testing.assert_allclose(slow.w.value, 1)
    unit = layer(plasticity.Normalized(plasticity.Hebb(), 2.0), 8, 2, lr=1.0)
    inputs, vectors = with_correlations(2.0 ** -np.arange(8))
    norms = fit(unit, inputs, num_epoch=60, batch_size=8)
    np.testing.assert_allclose(norms, 2, rtol=1e-12)
    assert plasticity.angles(unit.w.value, vectors[0]).max() < 1e-2
    both = plasticity.HardBounds(plasticity.SubtractiveNormalization(True), 0.0, 0.3)
    bounded = layer(both, w=0.1)
    fit(bounded, samples(200, mean=0.5))
    assert np.asarray(bounded.w.value).min() == 0
    assert np.asarray(bounded.w.value).max() == 0.3


def test_wrappers_keep_what_the_rule_remembers():
    rule = plasticity.Normalized(plasticity.SoftBounds(plasticity.BCM(3.0), -2.0, 2.0))
    net = layer(rule, w=START)
    fit(net, samples(10))
    assert np.asarray(net.theta_post.value).min() > 0


# fit


def test_fit_compiles_once_and_goes_on(capsys):
    inputs = samples(10)
    net = layer(plasticity.Oja(), w=START)
    norms = net.fit(inputs, num_epoch=3, key=1)
    assert "3/3" in capsys.readouterr().err
    assert norms.shape == (3, NUM)
    net.lr.value = jnp.asarray(0.01)
    fit(net, inputs)
    other, more = layer(plasticity.Oja(), w=2 * START), samples(10, key=1)
    with counted() as compiled:
        fit(net, more, num_epoch=2, key=2)
        fit(other, inputs, key=3)
    assert not compiled
    assert not capsys.readouterr().err
    assert fit(net, inputs, num_epoch=0).shape == (0, NUM)
    ones = [layer(plasticity.Oja(), w=START) for _ in range(2)]
    whole, parts = ones
    fit(whole, inputs, num_epoch=4, key=7)
    program = parts._find_epochs()
    # another timing: one epoch at a time
    parts._find_epochs = lambda: lambda *args: program(*args[:-1], 1)
    fit(parts, inputs, num_epoch=4, key=7)
    np.testing.assert_array_equal(whole.w.value, parts.w.value)
    in_order = layer(plasticity.Oja(), w=START)
    fit(in_order, inputs, num_epoch=4)
    assert (np.asarray(in_order.w.value) != whole.w.value).any()


def test_weights_that_explode():
    net = layer(plasticity.Hebb(), w=START)
    with pytest.raises(FloatingPointError, match=r"not finite in epoch \d+ of this fit"):
        fit(net, samples(10, mean=3.0), num_epoch=1000)
    assert np.isfinite(net.w.value).all()
    assert abs(net.w.value).max() > 1e100


def test_an_interrupt_keeps_what_is_learnt(monkeypatch):
    net, inputs = layer(plasticity.Oja(), w=START), samples(10)
    program, calls = net._find_epochs(), []

    def epochs(*args):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return program(*args)

    monkeypatch.setattr(net, "_find_epochs", lambda: epochs)
    with pytest.raises(KeyboardInterrupt):
        fit(net, inputs, num_epoch=100)
    one = layer(plasticity.Oja(), w=START)
    fit(one, inputs)
    np.testing.assert_array_equal(net.w.value, one.w.value)


@pytest.mark.usefixtures("float32")
def test_single_precision():
    net = layer(plasticity.BCM(20.0), lateral=plasticity.AntiHebb())
    fit(net, samples(10))
    for variable in (net.w, net.m, net.v, net.theta_post, net.lr):
        assert variable.dtype == np.float32
    net.update(samples(1)[0])
    assert net.w.dtype == np.float32


def test_the_key_makes_the_weights():
    first, again = layer(plasticity.Hebb(), key=1), layer(plasticity.Hebb(), key=1)
    np.testing.assert_array_equal(first.w.value, again.w.value)
    other = layer(plasticity.Hebb(), 400, key=2)
    assert abs(np.std(other.w.value) * 20 - 1) < 0.1


# recurrent weights


def test_recurrent_weights_learn():
    """tau_w dW/dt = G(r, r, W) with the rates before the step."""
    w = 0.3 * np.random.default_rng(0).normal(size=(4, 4))
    cell = bp_rnn.RateRNN(3, 4, w=w, num_out=2, dt=0.1)
    net = bp_rnn.PlasticRNN(cell, plasticity.BCM(2.0), tau_w=5.0)
    inputs = samples(20, 3)
    runner = bp.DSRunner(net, monitors=["r", "w", "theta_post"], progress_bar=False)
    out = runner.run(inputs=inputs)
    assert out.shape == (20, 2)
    r, theta, w_in = np.zeros(4), np.zeros(4), np.asarray(cell.w_in.value)
    for t, x in enumerate(inputs):
        dw, dtheta = np.outer(r * (r - theta), r) / 5.0, (r**2 - theta) / 2.0
        r, w = r + 0.1 * (-r + np.tanh(w @ r + w_in @ x)), w + 0.1 * dw
        theta = theta + 0.1 * dtheta
        np.testing.assert_allclose(runner.mon.r[t], r, atol=1e-12)
        np.testing.assert_allclose(runner.mon.w[t], w, atol=1e-12)
        np.testing.assert_allclose(runner.mon.theta_post[t], theta, atol=1e-12)
    net.reset_state()
    assert not np.asarray(net.r.value).any()
    np.testing.assert_allclose(cell.w.value, w, atol=1e-12)


def test_recurrent_weights_in_batches_and_within_bounds():
    """The rates phi(x) of a CTRNN; an anti-Hebbian rule and no self-connections."""
    mode = bm.BatchingMode(2)
    cell = bp_rnn.CTRNN(None, 4, mode=mode, init_state=0.5)
    bp_rnn.constrain(cell, w=[bp_rnn.NoSelf(), bp_rnn.Bounded(-0.2, 0.2)])
    before = np.asarray(cell.w.value)
    net = bp_rnn.PlasticRNN(cell, plasticity.Hebb(), lr=0.01)
    net.update(samples(2, 4))
    r = np.tanh(0.5)
    expected = np.clip(before + 0.01 * r**2, -0.2, 0.2)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(cell.w.value, expected, atol=1e-12)
    net.reset_state(3)
    assert net.state.shape == (3, 4)
    free = bp_rnn.RateRNN(None, 4, w=0.1, init_state=2.0)
    net = bp_rnn.PlasticRNN(free, plasticity.HardBounds(plasticity.Hebb(), 0.0, 0.2), lr=1.0)
    net.update(np.zeros(4))
    np.testing.assert_array_equal(free.w.value, 0.2)


# bad input


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: plasticity.Oja(0), ValueError, "alpha must be positive, got 0"),
        (lambda: plasticity.OjaSubspace(-1.0), ValueError, r"alpha must be positive, got -1\.0"),
        (lambda: plasticity.Sanger(float("nan")), ValueError, "alpha must be finite, got nan"),
        (lambda: plasticity.BCM(-2), ValueError, "tau_theta must be positive, got -2"),
        (lambda: plasticity.BCM([1.0]), TypeError, "tau_theta must be a number"),
        (lambda: plasticity.AntiHebb(0), ValueError, "gamma must be positive"),
        (lambda: plasticity.Covariance(), ValueError, "either theta or tau_theta"),
        (lambda: plasticity.Covariance(theta=1, tau_theta=2), ValueError, "either theta or"),
        (lambda: plasticity.Covariance(tau_theta=0), ValueError, "tau_theta must be positive"),
        (lambda: plasticity.Covariance("both", theta=1), ValueError, "unknown side 'both'"),
        (lambda: plasticity.Covariance(theta="a"), TypeError, "theta must hold real numbers"),
        (lambda: plasticity.AveragedHebb(np.ones((2, 3))), ValueError, r"q must have shape"),
        (lambda: plasticity.AveragedHebb([[1.0, 2.0], [0.0, 1.0]]), ValueError, "q must be symm"),
        (lambda: plasticity.HardBounds("Hebb"), TypeError, "rule must be a PlasticityRule, got"),
        (
            lambda: plasticity.HardBounds(plasticity.Hebb(), 1, 0),
            ValueError,
            "low must be below high, got 1 and 0",
        ),
        (
            lambda: plasticity.HardBounds(plasticity.Hebb(), 0, "a"),
            TypeError,
            "high must be a number, got 'a'",
        ),
        (
            lambda: plasticity.HardBounds(plasticity.Hebb(), float("nan")),
            ValueError,
            "low must be below high, got nan",
        ),
        (
            lambda: plasticity.SoftBounds(plasticity.Hebb(), 0, float("inf")),
            ValueError,
            "must be finite, got 0 and inf",
        ),
        (
            lambda: plasticity.Normalized(plasticity.Hebb(), 0),
            ValueError,
            "length must be positive",
        ),
        (lambda: plasticity.Decay(plasticity.Hebb(), 0), ValueError, "rate must be positive"),
        (
            lambda: plasticity.Decay(plasticity.HardBounds(plasticity.Hebb()), 1),
            TypeError,
            "rule must be a HebbianRule",
        ),
        (lambda: layer("oja"), TypeError, "rule must be a PlasticityRule, got 'oja'"),
        (lambda: layer(plasticity.Oja(), lateral=1), TypeError, "lateral must be a Plasticity"),
        (lambda: layer(plasticity.Oja(), 0), ValueError, "num_in must be at least 1, got 0"),
        (lambda: layer(plasticity.Oja(), num=1.5), TypeError, "num must be an integer"),
        (lambda: layer(plasticity.Oja(), lr=-1), ValueError, "lr must be positive, got -1"),
        (lambda: layer(plasticity.Oja(), tau_w=0), ValueError, "tau_w must be positive, got 0"),
        (lambda: layer(plasticity.Oja(), lr=1, tau_w=1), ValueError, "either lr.* or tau_w"),
        (lambda: bp_rnn.PlasticLayer(2, 2, plasticity.Oja()), ValueError, "either lr.* or tau_w"),
        (lambda: layer(plasticity.Oja(), lr=1, dt=0.1), ValueError, r"dt needs .*got dt=0\.1"),
        (lambda: layer(plasticity.Oja(), tau_w=1, dt=-1), ValueError, "dt must be positive"),
        (lambda: layer(plasticity.Oja(), lr=1, tau_r=1), ValueError, "tau_r needs continuous"),
        (lambda: layer(plasticity.Oja(), tau_w=1, tau_r=-1), ValueError, "tau_r must be positive"),
        (lambda: layer(plasticity.Oja(), phi="tan"), ValueError, "unknown phi 'tan'"),
        (lambda: layer(plasticity.Oja(), phi="tanh", m=0), ValueError, "phi must be 'identity'"),
        (lambda: layer(plasticity.Oja(), lr=1, integrator="rk4"), ValueError, "integrator 'rk4'"),
        (lambda: layer(plasticity.Oja(), integrator="no"), ValueError, "unknown integrator"),
        (lambda: layer(plasticity.Oja(), w=np.ones((2, 2))), ValueError, r"w must have shape"),
        (lambda: layer(plasticity.Oja(), m=np.ones(2)), ValueError, r"m must have shape"),
        (lambda: layer(plasticity.Oja(), w=float("inf")), ValueError, "w must be finite"),
        (
            lambda: layer(plasticity.SubtractiveNormalization(nonnegative=True)),
            ValueError,
            "w must not be negative at the start",
        ),
        (
            lambda: layer(plasticity.HardBounds(plasticity.Oja()), w=-1.0),
            ValueError,
            r"w must be from 0\.0 to inf at the start, got -1",
        ),
        (lambda: layer(plasticity.Normalized(plasticity.Oja()), w=0.0), ValueError, "w must not"),
        (lambda: layer(plasticity.AveragedHebb(np.eye(2))), ValueError, r"q must have shape \(7"),
        (lambda: layer(plasticity.Covariance(theta=[1, 2])), ValueError, r"or of shape \(3,\)"),
        (lambda: layer(plasticity.AntiHebb()), ValueError, "AntiHebb needs weights within"),
        (
            lambda: bp_rnn.PlasticRNN(bp.dyn.RNNCell(2, 3), plasticity.Hebb(), lr=1),
            TypeError,
            "cell must be a bp_rnn Cell, got RNNCell",
        ),
        (
            lambda: bp_rnn.PlasticRNN(bp_rnn.GRU(2, 3), plasticity.Hebb(), lr=1),
            ValueError,
            r"cell must have recurrent weights w of shape \(3, 3\)",
        ),
        (
            lambda: bp_rnn.PlasticRNN(bp_rnn.RateRNN(2, 3), plasticity.Hebb()),
            ValueError,
            "either lr.* or tau_w",
        ),
        (
            lambda: bp_rnn.PlasticRNN(
                bp_rnn.RateRNN(2, 3), plasticity.HardBounds(plasticity.Hebb()), lr=1
            ),
            ValueError,
            r"w must be from 0\.0",
        ),
    ],
)
def test_bad_construction(make, error, match):
    with pytest.raises(error, match=match):
        make()


@pytest.mark.parametrize(
    ("inputs", "options", "error", "match"),
    [
        (samples(4, 6), {}, ValueError, r"inputs must have shape \(samples, 7\), got \(4, 6\)"),
        (samples(4)[0], {}, ValueError, r"inputs must have shape"),
        (np.full((4, 7), np.nan), {}, ValueError, "inputs must be finite, got nan"),
        ([["a"] * 7], {}, TypeError, "inputs must hold real numbers"),
        (np.zeros((0, 7)), {}, ValueError, "inputs must have shape"),
        (samples(4), {"batch_size": 3}, ValueError, "must divide the 4 samples, got 3"),
        (samples(4), {"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        (samples(4), {"num_epoch": -1}, ValueError, "num_epoch must be at least 0"),
        (samples(4), {"key": "a"}, TypeError, "key must be an integer"),
    ],
)
def test_bad_data(inputs, options, error, match):
    net = layer(plasticity.Oja(), w=START)
    with pytest.raises(error, match=match):
        fit(net, inputs, **options)
    np.testing.assert_array_equal(net.w.value, START)


def test_bad_steps():
    net = layer(plasticity.Oja(), w=START)
    with pytest.raises(ValueError, match=r"u must have shape \(7,\) at each step, got \(6,\)"):
        net.update(np.zeros(6))
    with pytest.raises(ValueError, match=r"inputs must have shape \(\.\.\., 7\)"):
        net.response(np.zeros(6))
    slow = layer(plasticity.Oja(), tau_w=1.0, tau_r=1.0, m=0.0, phi="tanh")
    for options in ({"batch_size": 2}, {"key": 1}):
        with pytest.raises(ValueError, match="the rates have a past: batch_size must be 1"):
            fit(slow, samples(4), **options)
    with pytest.raises(ValueError, match="response needs phi='identity' with lateral weights"):
        slow.response(samples(4))
