"""Echo state networks: the equation, how they are drawn, what is fitted, and free runs."""

import brainpy as bp
import brainpy.math as bm
import cases
import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
import scipy.sparse
from compilations import counted

import bp_rnn
from bp_rnn import tasks
from bp_rnn.functional import trajectory
from bp_rnn.reservoir import _harvest, spectral_radius

TOPOLOGIES = ["dense", "sparse", "diagonals", "ring", "delay_line", "orthogonal"]
T = 60
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(T, 3)), RNG.normal(size=(T, 2))


def esn(num_in=3, num=20, **options):
    return bp_rnn.ESN(num_in, num, **{"num_out": 2, **options})


def full(matrix):
    return matrix.toarray() if scipy.sparse.issparse(matrix) else matrix


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [*(("RTRL", name) for name in cases.RESERVOIRS), ("BPTT", "ESN"), ("BlockRTRL", "ESN-sparse")],
)
def test_exact_gradients_are_exact(algorithm, name):
    net = cases.shared(algorithm, name)
    xs, ys, state = oracle.data(net.cell, 2, 5)
    loss = trajectory.step_loss(net.output, oracle.half_square)
    trace = net.start(net.cell.params(), state)
    targets = trajectory.mean_targets(ys)
    found = jax.jit(net.window, static_argnums=5)(
        net.cell.params(), state, trace, xs, targets, loss
    )
    _, exact = oracle.gradient(net.cell, state, xs, ys)
    assert oracle.relative_error(found.grads, exact) < 1e-10


def test_the_state_after_pieces_is_that_of_the_whole_run():
    """Cross-validation cuts 58 steps into five pieces, of which the last is shorter."""
    net = esn(spectral_radius=0.99)
    net.fit(X[:58], Y[:58], ridge=[1e-6, 1e-3], progress_bar=False)
    np.testing.assert_allclose(net.state.value, net.states(X[:58])[-1], rtol=1e-12)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_step_is_the_equation(topology):
    drawn = topology in ("dense", "sparse", "diagonals")
    density = 0.2 if drawn else None
    net = bp_rnn.ESN(
        3, 20, num_out=2, topology=topology, density=density, leak=0.4, bias_scaling=0.5, w_out=0.1
    )
    w, p, h = full(net.matrix()), net.params(), np.zeros(20)
    states = np.asarray(net.states(X))
    for t in range(8):
        h = 0.6 * h + 0.4 * np.tanh(w @ h + p["w_in"] @ X[t] + p["b"])
        np.testing.assert_allclose(states[t], h, rtol=1e-12)
        np.testing.assert_allclose(net.update(X[t]), p["w_out"] @ h, rtol=1e-11)
    assert 0.1 < np.abs(p["b"]).max() <= 0.5


def test_feedback_is_the_output_of_the_step_before():
    net = esn(feedback_scaling=0.7, w_out=0.2, b_out=0.1)
    w, p, h = net.matrix(), net.params(), np.zeros(20)
    states, taught = net.states(X), net.states(X, y=Y)
    z = p["w_out"] @ h + p["b_out"]
    forced = h
    for t in range(8):
        h = np.tanh(w @ h + p["w_in"] @ X[t] + p["w_fb"] @ z)
        z = p["w_out"] @ h + p["b_out"]
        np.testing.assert_allclose(states[t], h, rtol=1e-11)
        fed = Y[t - 1] if t else np.zeros(2)
        forced = np.tanh(w @ forced + p["w_in"] @ X[t] + p["w_fb"] @ fed)
        np.testing.assert_allclose(taught[t], forced, rtol=1e-11)
    np.testing.assert_allclose(net.predict(X)[7], z, rtol=1e-11)


def test_features_are_state_input_and_squares():
    net = esn(input_features=True, squares=True)
    f = np.asarray(net.hidden({}, jnp.arange(23.0)))
    np.testing.assert_array_equal(f, [*range(23), *(v**2 for v in range(23))])
    net.update(X[0])
    np.testing.assert_array_equal(net.state.value[20:], X[0])
    np.testing.assert_array_equal(net.state.value[:20], net.h.value)
    np.testing.assert_array_equal(net.states(X)[:, 20:], X)


@pytest.mark.parametrize("num", [50, 400])
@pytest.mark.parametrize("topology", ["dense", "sparse", "diagonals"])
def test_the_matrix_has_the_radius_or_norm_and_density_asked_for(topology, num):
    options = {"num": num, "topology": topology, "density": 0.1}
    w = full(esn(spectral_radius=1.3, **options).matrix())
    assert np.abs(np.linalg.eigvals(w)).max() == pytest.approx(1.3, rel=3e-4)
    sources = (w != 0).sum(1)
    assert sources.mean() == pytest.approx(num / 10, rel=0.1)
    if topology != "dense":
        assert (sources == num // 10).all()
    w = full(esn(spectral_norm=0.7, distribution="normal", **options).matrix())
    assert np.linalg.norm(w, 2) == pytest.approx(0.7, rel=1e-5)
    assert (np.abs(w[w != 0]) > 1.1 * w.std()).mean() > 0.05


def test_simple_topologies_pass_states_on():
    ring = full(esn(topology="ring", spectral_radius=0.8).matrix())
    np.testing.assert_allclose(ring, 0.8 * np.roll(np.eye(20), 1, axis=0))
    line = full(esn(topology="delay_line", spectral_radius=0.8).matrix())
    np.testing.assert_allclose(line, 0.8 * np.eye(20, k=-1))
    turn = full(esn(topology="orthogonal", spectral_radius=0.8).matrix())
    np.testing.assert_allclose(turn @ turn.T, 0.64 * np.eye(20), atol=1e-12)
    offset = esn(topology="diagonals", density=0.2).product.offsets
    assert len(set(offset)) == 4


def test_input_weights_are_scaled_by_range_or_norm():
    w = np.asarray(esn(num=2000, topology="ring", input_scaling=[0.1, 1.0, 5.0]).w_in.value)
    np.testing.assert_allclose(np.abs(w).max(0), [0.1, 1.0, 5.0], rtol=0.01)
    np.testing.assert_allclose(w.std(0) * 3**0.5, [0.1, 1.0, 5.0], rtol=0.1)
    w = np.asarray(esn(input_norm=2.0).w_in.value)
    assert np.linalg.norm(w, 2) == pytest.approx(2.0)
    w = np.asarray(esn(num=2000, topology="ring", input_distribution="normal").w_in.value)
    assert w.std() == pytest.approx(1.0, rel=0.05)
    w = np.asarray(esn(num=2000, topology="ring", input_density=0.3).w_in.value)
    assert (w != 0).mean() == pytest.approx(0.3, abs=0.03)


def test_each_matrix_has_its_own_distribution():
    plain, normal, inputs = (
        esn(**options)
        for options in ({}, {"distribution": "normal"}, {"input_distribution": "normal"})
    )
    np.testing.assert_array_equal(normal.w_in.value, plain.w_in.value)
    np.testing.assert_array_equal(inputs.w.value, plain.w.value)
    assert (normal.w.value != plain.w.value).any()
    assert (inputs.w_in.value != plain.w_in.value).any()


def test_the_key_alone_decides_in_both_precisions():
    def weights(**options):
        return [np.asarray(v) for v in esn(feedback_scaling=1.0, **options).params().values()]

    for a, b in zip(weights(), weights(key=jax.random.key(0)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (weights()[0] != weights(key=1)[0]).all()
    with bm.environment(x64=False):
        for a, b in zip(weights(), weights(key=0), strict=True):
            assert a.dtype == np.float32
            np.testing.assert_array_equal(a, b)
        single = weights()
    for a, b in zip(single, weights(), strict=True):
        np.testing.assert_array_equal(a, b.astype(np.float32))


def design(states):
    return np.c_[np.ones(len(states)), states]


def test_fit_is_least_squares_on_the_states():
    net = esn()
    learner = net.fit(X, Y, washout=10, ridge=0.0)
    states = np.asarray(net.states(X))
    right = np.linalg.lstsq(design(states[10:]), Y[10:])[0]
    np.testing.assert_allclose(net.w_out.value, right[1:].T, rtol=1e-6)
    np.testing.assert_allclose(net.b_out.value, right[0], rtol=1e-6)
    np.testing.assert_allclose(net.predict(X), design(states) @ right, atol=1e-8)
    np.testing.assert_allclose(net.state.value, states[-1], rtol=1e-12)
    np.testing.assert_allclose(net.z.value, net.predict(X)[-1], rtol=1e-9)
    assert learner.best_ridge == 0
    no_bias = esn(b_out=None)
    no_bias.fit(X, Y, ridge=0.0)
    right = np.linalg.lstsq(states, Y)[0]
    np.testing.assert_allclose(no_bias.w_out.value, right.T, rtol=1e-6)


def test_pieces_give_what_the_whole_gives(monkeypatch):
    whole, small = esn(input_features=True), esn(input_features=True)
    x, y = np.stack([X, X[::-1]]), np.stack([Y, Y[::-1]])
    whole.fit(x, y, washout=5, ridge=1e-3)
    zs = whole.predict(x)
    monkeypatch.setattr(_harvest, "PIECE", 23 * 17)
    pieces = [
        p.time for p in small._harvest.pieces("hidden", small.states(x)[:, 0], x, np.full(2, T))
    ]
    assert len(pieces) > 4
    assert [t.start for t in pieces[1:]] == [t.stop for t in pieces[:-1]]
    assert pieces[-1].stop == T
    small.fit(x, y, washout=5, ridge=1e-3, progress_bar=False)
    np.testing.assert_allclose(small.w_out.value, whole.w_out.value, rtol=1e-9)
    np.testing.assert_allclose(small.predict(x), zs, rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(small.state.value, whole.state.value)


def test_a_batch_is_its_sequences():
    net = esn()
    x, y = np.stack([X, X[::-1]]), np.stack([Y, Y[::-1]])
    for i in range(2):
        np.testing.assert_allclose(net.states(x)[i], net.states(x[i]), rtol=1e-11)
    net.fit(x, y, washout=5, ridge=1e-3, lengths=[60, 30])
    states = [net.states(x[0])[5:], net.states(x[1])[5:30]]
    expected = bp_rnn.Ridge(20, 2, ridge=1e-3).fit(
        np.concatenate(states), np.concatenate([y[0, 5:], y[1, 5:30]])
    )
    np.testing.assert_allclose(net.w_out.value, expected.w.value, rtol=1e-8)


def test_cross_validation_chooses_among_strengths():
    net = esn()
    learner = net.fit(X, Y, washout=5, ridge=[1e-6, 1e-2, 10.0])
    assert learner.errors.shape == (3,)
    assert learner.best_ridge == [1e-6, 1e-2, 10.0][learner.errors.argmin()]


def test_narma_is_solved_in_both_precisions_and_at_every_strength():
    """Single precision costs at most 5 % where the input is no smaller than this one."""
    x, y = (v[:, None] for v in tasks.narma(1, num_step=2500))
    ridges = [0.0, *10.0 ** np.arange(-16, 1)]

    def nrmse(z):
        return np.sqrt(np.mean((np.asarray(z)[1500:] - y[1500:]) ** 2) / y.var())

    def errors():
        options = {"num_out": 1, "spectral_radius": 0.986, "bias_scaling": 0.347}
        net = esn(1, 60, topology="diagonals", density=0.1, input_scaling=0.064, **options)
        learner = net.fit(x[:1500], y[:1500], washout=200, ridge=ridges, progress_bar=False)
        path = learner.path()
        states = np.asarray(net.states(x), float)
        return nrmse(net.predict(x)), [nrmse(states @ w.T + b) for w, b in map(path, ridges)]

    double, double_path = errors()
    with bm.environment(x64=False):
        single, single_path = errors()
    assert double < 1.05 * min(double_path) < 0.4
    assert single < 1.05 * double
    assert max(double_path + single_path) < 1


@pytest.mark.parametrize("pool", ["last", "mean", "all"])
def test_one_label_for_a_sequence(pool):
    net = esn()
    x = RNG.normal(size=(30, 12, 3))
    labels = (x[..., 0].mean(1) > 0).astype(int)
    lengths = np.r_[np.full(29, 12), 7]
    net.fit(x, labels, washout=2, pool=pool, lengths=lengths, ridge=1e-3)
    states = [np.asarray(net.states(s))[2:n] for s, n in zip(x, lengths, strict=True)]
    goal = np.eye(2)[labels]
    read = {
        "last": lambda s: s[-1:],
        "mean": lambda s: s.mean(0, keepdims=True),
        "all": lambda s: s,
    }[pool]
    expected = bp_rnn.Ridge(20, 2, ridge=1e-3).fit(
        np.concatenate([read(s) for s in states]),
        np.repeat(goal, [len(read(s)) for s in states], axis=0),
    )
    np.testing.assert_allclose(net.w_out.value, expected.w.value, rtol=1e-7, atol=1e-9)
    found = net.predict(x, pool=pool, lengths=lengths)
    zs = net.predict(x)
    mine = zs[3, -1] if pool == "last" else zs[3].mean(0)
    np.testing.assert_allclose(found[3], mine, rtol=1e-8)
    last = zs[-1, 6] if pool == "last" else zs[-1, :7].mean(0)
    np.testing.assert_allclose(found[-1], last, rtol=1e-8)


def test_other_readouts_learn_the_same_states():
    net = esn()
    ridge = net.fit(X, Y, ridge=1e-4)
    online = net.fit(X, Y, readout=bp_rnn.RLS(20, 2, ridge=1e-4))
    np.testing.assert_allclose(online.w.value, ridge.w.value, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(net.w_out.value, online.w.value)
    labels = (Y[:, 0] > 0).astype(int)
    net.fit(X, labels, readout=bp_rnn.Softmax(20, 2, ridge=1.0))
    assert (net.predict(X).argmax(1) == labels).mean() > 0.6


def test_a_free_run_feeds_outputs_to_inputs():
    net = esn(2, w_in=0.3, w_out=0.1, b_out=0.2)
    state = net.states(Y)[-1]
    found = net.generate(5, warmup=Y)
    for z in found:
        expected = net.output(net.params(), state)
        np.testing.assert_allclose(z, expected, rtol=1e-12)
        state = net.step(net.params(), state, expected)
    np.testing.assert_allclose(net.generate(5, init_state=net.states(Y)[-1]), found, rtol=1e-12)
    both = net.generate(5, init_state=np.asarray(net.states(Y))[[-1, 3]])
    np.testing.assert_allclose(both[0], found, rtol=1e-12)
    net.fit(Y[:-1], Y[1:], ridge=1e-3)
    np.testing.assert_allclose(net.generate(3), net.generate(3, warmup=Y[:-1]), rtol=1e-9)


def test_a_sine_from_feedback_alone_goes_on():
    time = np.arange(400)
    x, y = np.ones((400, 1)), 0.5 * np.sin(time / 8)[:, None]
    net = bp_rnn.ESN(1, 60, num_out=1, feedback_scaling=1.0, spectral_radius=0.7, input_scaling=0.2)
    net.fit(x[:300], y[:300], washout=50, teacher_noise=1e-4, ridge=1e-8)
    found = net.predict(x[300:], warmup=(x[:300], y[:300]))
    np.testing.assert_allclose(found, y[300:], atol=0.02)
    # the last target is fed back at the first step, what the network gives at the others
    params, h, fed = net.params(), net.states(x[:300], y=y[:300])[-1], y[299]
    for t in range(300, 310):
        drive = net.matrix() @ h + params["w_in"] @ x[t] + params["w_fb"] @ fed
        h = jnp.tanh(drive + params["b"])
        fed = net.output(params, h)
        np.testing.assert_allclose(found[t - 300], fed, rtol=1e-7)


def test_nothing_compiles_twice():
    nets = esn(2), esn(2, key=3)
    for net in nets:
        with counted() as compiled:
            net.fit(Y[:-1], Y[1:])
            net.predict(Y)
            net.generate(4)
            net.fit(Y[:-1], Y[1:], readout=bp_rnn.RLS(len(net.h), 2))
    assert not compiled


def test_it_runs_in_brainpys_runner_and_trainer():
    net = esn(leak=0.5)
    net.fit(X, Y, ridge=1e-3)
    runner = bp.DSRunner(net, monitors=["h", "z"], progress_bar=False)
    runner.run(inputs=X, reset_state=True)
    np.testing.assert_allclose(runner.mon.z, net.predict(X), rtol=1e-9)
    np.testing.assert_allclose(runner.mon.h, net.states(X), rtol=1e-11)

    class Net(bp.DynamicalSystem):
        def __init__(self):
            super().__init__()
            self.reservoir = bp_rnn.ESN(3, 20, leak=0.5, mode=bm.batching_mode)
            self.readout = bp.dnn.Dense(20, 2, mode=bm.training_mode)

        def update(self, x):
            return self.readout(self.reservoir(x))

    with bm.batching_environment():
        theirs = Net()
    trainer = bp.RidgeTrainer(theirs, alpha=1e-9, progress_bar=False)
    trainer.fit([bm.asarray(X[None]), bm.asarray(Y[None])], reset_state=True)
    found = trainer.predict(bm.asarray(X[None]), reset_state=True)[0]
    net.fit(X, Y, ridge=1e-9)
    np.testing.assert_allclose(bm.as_numpy(found), net.predict(X), atol=1e-3)


def nan(a):
    a = a.copy()
    a[4, 1] = np.nan
    return a


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num": 0}, ValueError, "num must be at least 1, got 0"),
        ({"leak": 0.0}, ValueError, "leak must be positive, got 0.0"),
        ({"leak": 1.1}, ValueError, "leak must be at most 1, got 1.1"),
        ({"density": 0.0}, ValueError, "density must be positive, got 0.0"),
        ({"density": 1.5}, ValueError, "density must be at most 1, got 1.5"),
        ({"input_density": 2.0}, ValueError, "input_density must be at most 1, got 2.0"),
        ({"topology": "star"}, ValueError, "unknown topology 'star'; expected one of"),
        ({"distribution": "beta"}, ValueError, "unknown distribution 'beta'"),
        ({"input_distribution": "beta"}, ValueError, "unknown input_distribution 'beta'"),
        ({"spectral_radius": -1.0}, ValueError, "spectral_radius must not be negative, got -1.0"),
        (
            {"spectral_radius": 0.9, "spectral_norm": 0.9},
            ValueError,
            "spectral_radius must be None with spectral_norm=0.9, got 0.9",
        ),
        (
            {"input_scaling": [1.0]},
            ValueError,
            r"input_scaling must be a number or of shape \(3,\)",
        ),
        ({"density": 1e-9}, ValueError, "spectral_radius of 0, which can't be scaled"),
        (
            {"feedback_scaling": 1.0, "num_out": None},
            ValueError,
            "feedback_scaling needs num_out, got None",
        ),
        ({"w": np.zeros((3, 3))}, ValueError, r"w must have shape \(20, 20\), got \(3, 3\)"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        esn(**options)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"x": nan(X)}, ValueError, r"x must be finite, got nan at index \(4, 1\)"),
        ({"y": nan(Y)}, ValueError, r"y must be finite, got nan at index \(4, 1\)"),
        ({"x": X[:, :2]}, ValueError, r"x must have shape \(time, 3\)"),
        ({"y": Y[:5]}, ValueError, r"y must have shape \(60, 2\)"),
        ({"washout": 60}, ValueError, "washout must be below the 60 steps of x, got 60"),
        ({"washout": -1}, ValueError, "washout must be at least 0, got -1"),
        ({"ridge": -1.0}, ValueError, "ridge must not be negative"),
        ({"pool": "max"}, ValueError, "unknown pool 'max'"),
        ({"teacher_noise": -1.0}, ValueError, "teacher_noise must not be negative"),
        ({"readout": "rls"}, TypeError, "readout must be a Readout, got str"),
        ({"readout": bp_rnn.RLS(3, 2)}, ValueError, "readout must have num_in=20, num_out=2"),
        ({"init_state": np.zeros(3)}, ValueError, "init_state must have shape"),
    ],
)
def test_bad_data_change_nothing(given, error, message):
    net = esn()
    before = {k: v.value for k, v in net.vars().unique().items()}
    with pytest.raises(error, match=message):
        net.fit(**{"x": X, "y": Y, **given})
    assert all(before[k] is v.value for k, v in net.vars().unique().items())


def test_what_a_network_can_not_do():
    with pytest.raises(ValueError, match="num_out must be given to ESN for a read-out"):
        bp_rnn.ESN(3, 20).fit(X, X)
    with pytest.raises(ValueError, match="generate needs a network without feedback whose out"):
        esn().generate(3)
    with pytest.raises(ValueError, match="num_step must be at least 1, got 0"):
        esn(2).generate(0)
    with pytest.raises(ValueError, match="warmup must have 1 sequences, got 2"):
        esn().predict(X, warmup=np.stack([X, X]))
    for size in (np.zeros((2, 3)), np.zeros(3)):
        with pytest.raises(ValueError, match="w must be a square matrix"):
            bp_rnn.reservoir.spectral_radius(size)


def test_large_sparse_matrices_have_their_radius_from_products_alone():
    found = bp_rnn.ESN(1, 400, topology="sparse", density=0.025, spectral_radius=0.9).matrix()
    assert found.nnz == 4000
    right = np.abs(np.linalg.eigvals(found.toarray())).max()
    assert right == pytest.approx(0.9, rel=3e-4)
    assert bp_rnn.reservoir.spectral_norm(found) == pytest.approx(
        np.linalg.norm(found.toarray(), 2), rel=1e-5
    )


def test_layers_are_networks_one_above_the_other():
    below = bp_rnn.ESN(3, 12, squares=True)
    above = bp_rnn.ESN(24, 8, leak=0.5, key=1)
    first = below.states(X)
    second = above.states(np.c_[first, first**2])
    net = bp_rnn.DeepESN([below, above], num_out=2)
    np.testing.assert_allclose(net.states(X), np.c_[first, second], rtol=1e-11)
    net.fit(X, Y, washout=5, ridge=1e-3)
    expected = bp_rnn.Ridge(20, 2, ridge=1e-3).fit(np.c_[first, second][5:], Y[5:])
    np.testing.assert_allclose(net.w_out.value, expected.w.value, rtol=1e-8)
    np.testing.assert_array_equal(net.h_1.value, above.h.value)
    np.testing.assert_allclose(net.h_1.value, second[-1], rtol=1e-11)
    np.testing.assert_allclose(net.update(X[0]).shape, 2)
    bad = [
        ([bp_rnn.GRU(3, 4)], TypeError, r"layers\[0\] must be an ESN, got GRU"),
        ([esn()], ValueError, r"layers\[0\] must have no read-out, got num_out=2"),
        ([below, bp_rnn.ESN(5, 5)], ValueError, r"layers\[1\] must have num_in=24"),
    ]
    for layers, error, message in bad:
        with pytest.raises(error, match=message):
            bp_rnn.DeepESN(layers, num_out=2)


def test_a_bidirectional_network_reads_from_both_ends():
    forward, backward = bp_rnn.ESN(3, 12), bp_rnn.ESN(3, 8, key=1)
    x, lengths = np.stack([X, X[::-1]]), [60, 40]
    states = [
        np.c_[forward.states(v[:n]), backward.states(v[:n][::-1])[::-1]]
        for v, n in zip(x, lengths, strict=True)
    ]
    net = bp_rnn.BidirectionalESN(forward, backward, num_out=2)
    np.testing.assert_allclose(net.states(X), states[0], rtol=1e-11)
    net.fit(x, np.stack([Y, Y]), ridge=1e-3, lengths=lengths)
    expected = bp_rnn.Ridge(20, 2, ridge=1e-3).fit(np.concatenate(states), np.r_[Y, Y[:40]])
    np.testing.assert_allclose(net.w_out.value, expected.w.value, rtol=1e-8)
    net.fit(x, [0, 1], pool="last", lengths=lengths, ridge=1e-3)
    found = net.predict(x, pool="last", lengths=lengths)
    last = np.stack([s[-1] for s in states]) @ net.w_out.value.T + net.b_out.value
    np.testing.assert_allclose(found, last, rtol=1e-8)
    with pytest.raises(ValueError, match="is bidirectional"):
        net.update(X[0])
    with pytest.raises(ValueError, match="forward must have no read-out"):
        bp_rnn.BidirectionalESN(esn(), backward, num_out=2)


class TestFORCE:
    def make(self, **options):
        net = bp_rnn.ESN(1, 80, num_out=1, feedback_scaling=1.0, spectral_radius=1.2, leak=0.3)
        return bp_rnn.FORCE(net, **options)

    def test_a_step_is_the_network_and_a_step_of_rls(self):
        learner, x, y = self.make(), np.ones(1), np.array([0.5])
        cell, rls = learner.cell, bp_rnn.RLS(80, 1, ridge=1.0)
        params = cell.params()
        h = cell.step(params, cell.state.value, x)
        rls.update(h, y)
        learner.update(x, y)
        np.testing.assert_allclose(cell.w_out.value, rls.w.value, rtol=1e-10)
        np.testing.assert_allclose(cell.b_out.value, rls.b.value, rtol=1e-10)
        np.testing.assert_allclose(learner.error.value, 0.5, rtol=1e-12)
        np.testing.assert_allclose(cell.z.value, 0.5, rtol=1e-9)
        again = cell.step(cell.params(), h, x)  # with the new output fed back
        learner.update(x)
        np.testing.assert_allclose(cell.h.value, again, rtol=1e-10)

    def test_it_learns_a_sum_of_sines_and_goes_on_alone(self):
        time = np.arange(3000)
        y = (0.5 * np.sin(time / 10) + 0.3 * np.sin(time / 5))[:, None]
        learner = self.make(ridge=1e-3)
        errors = learner.fit(np.zeros((2500, 1)), y[:2500])
        assert np.abs(errors[-100:]).max() < 0.01 < 0.2 < np.abs(errors[:10]).max()
        free = learner.cell.predict(np.zeros((200, 1)), init_state=learner.cell.state.value)
        np.testing.assert_allclose(free, y[2500:2700], atol=0.1)

    def test_it_runs_in_brainpys_runner(self):
        y = np.sin(np.arange(40) / 5)[:, None]
        first, second = self.make(), self.make()
        errors = first.fit(np.zeros((40, 1)), y)
        runner = bp.DSRunner(second, monitors=["error", "w_out", "h"], progress_bar=False)
        runner.run(inputs=(bm.zeros((40, 1)), bm.asarray(y)))
        np.testing.assert_allclose(runner.mon.error, errors, rtol=1e-6, atol=1e-9)
        second.reset()
        assert not np.asarray(second.cell.h.value).any()
        assert np.asarray(second.cell.w_out.value).any()

    def test_bad_input(self):
        with pytest.raises(TypeError, match="cell must be a Reservoir, got GRU"):
            bp_rnn.FORCE(bp_rnn.GRU(1, 3))
        with pytest.raises(ValueError, match="cell must have feedback and no batches"):
            bp_rnn.FORCE(esn())
        with pytest.raises(ValueError, match="forgetting must be at most 1"):
            self.make(forgetting=2.0)
        learner = self.make()
        with pytest.raises(ValueError, match=r"y must have shape \(5, 1\)"):
            learner.fit(np.zeros((5, 1)), np.zeros((4, 1)))
        with pytest.raises(ValueError, match=r"x must have shape \(time, 1\), got a batch"):
            learner.fit(np.zeros((2, 5, 1)), np.zeros((2, 5, 1)))
        assert not np.asarray(learner.cell.w_out.value).any()


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array])
def test_the_radius_is_found_where_arnoldis_method_does_not_settle(kind):
    """All eigenvalues of one size, or none but zero."""
    num = 400
    turn, shift = np.roll(np.eye(num), 1, axis=0), np.eye(num, k=1)
    order = np.random.default_rng(0).permutation(num)
    for one in (turn, turn.T):
        assert spectral_radius(kind(0.7 * one)) == pytest.approx(0.7, rel=1e-6)
    assert spectral_radius(kind(-3 * np.eye(num))) == 3
    for none in (shift, shift.T, 0 * turn):
        assert spectral_radius(kind(none)) == 0
    assert spectral_radius(kind(shift[order][:, order])) < 1
