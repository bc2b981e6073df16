"""Gradients at a fixed point: against autodiff, closed forms, and each other."""

import functools

import brainpy as bp
import brainpy.math as bm
import cases
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import oracle
import pytest

import bp_rnn
from bp_rnn.equilibrium.equilibrium_propagation import measure_asymmetry

NUM_IN, NUM_OUT = cases.NUM_IN, cases.NUM_OUT


def samples(cell, num=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(num, cell.num_in)), rng.normal(size=(num, cell.num_out))


def unrolled(cell, x, y, steps):
    """jax.grad of the loss after ``steps`` steps of the cell."""

    def one(params, x, y):
        start = jax.lax.stop_gradient(cell.initial_state(params))
        last = jax.lax.scan(lambda s, _: (cell.step(params, s, x), 0), start, length=steps)[0]
        return jnp.mean((cell.output(params, last) - y) ** 2)

    def loss(params):
        return jax.vmap(one, (None, 0, 0))(params, jnp.asarray(x), jnp.asarray(y)).mean()

    return jax.jit(jax.grad(loss))(cell.params())


def error(found, exact):
    return max(
        float(jnp.linalg.norm(found[k] - v) / jnp.linalg.norm(v))
        for k, v in exact.items()
        if v.any()
    )


@functools.cache
def large():
    """n = 50, batch 16, and the gradient through 1000 steps of relaxation."""
    w = bp.init.Normal(0.0, 0.8 / np.sqrt(50), seed=0)
    cell = bp_rnn.RateRNN(NUM_IN, 50, num_out=NUM_OUT, w=w, dt=0.2)
    x, y = samples(cell, 16)
    return cell, x, y, unrolled(cell, x, y, 1000)


@functools.cache
def symmetric():
    w = bp.init.Normal(0.0, 0.15, seed=0)
    cell = bp_rnn.EnergyRNN(NUM_IN, 6, num_out=NUM_OUT, w=w, b=0.1, dt=0.2)
    x, y = samples(cell)
    return cell, x, y, bp_rnn.Implicit(cell, solver="direct", tol=1e-14).gradient(x, y).grads


@pytest.mark.parametrize(
    "make",
    [
        bp_rnn.Implicit,
        functools.partial(bp_rnn.Implicit, solver="direct", search="newton"),
        functools.partial(bp_rnn.Implicit, solver="gmres", search="anderson"),
        bp_rnn.RecurrentBackprop,
    ],
    ids=["bicgstab", "direct", "gmres", "recurrent_backprop"],
)
def test_it_is_the_gradient_of_the_unrolled_relaxation(make):
    cell, x, y, exact = large()
    found = make(cell, tol=1e-13).gradient(x, y)
    assert error(found.grads, exact) < 1e-8
    assert found.report.usable.shape == (16,)
    assert found.report.growth.max() < 0


@pytest.mark.parametrize("cell_name", ["RateRNN-rk4", "CTRNN", "LSTM-start", "BrainPyCell-own"])
def test_every_kind_of_cell(cell_name):
    cell = cases.CELLS[cell_name]()
    for variable in cell.train_params().values():
        variable.value = 0.5 * variable.value  # so that all samples rest, and soon
    x, y = samples(cell)
    net = bp_rnn.Implicit(cell, solver="direct", search="anderson", tol=1e-13)
    exact = unrolled(cell, x, y, 1000)
    found = net.gradient(x, y).grads
    assert set(found) == set(exact)
    assert error(found, exact) < 1e-8
    if cell.trains_start:
        assert not found["s0"].any()  # a fixed point forgets its start


@pytest.mark.parametrize(
    ("factors", "order", "betas"),
    [
        ("one-sided", 1, 0.05 / 10 ** np.arange(4.0)),
        ("symmetric", 2, 0.05 / 10 ** np.arange(4.0)),
        ((-2, -1, 1, 2), 4, 0.04 / 2 ** np.arange(4.0)),
        ((1, 2), 2, 0.01 / 10 ** np.arange(3.0)),
    ],
)
def test_the_error_of_equilibrium_propagation_falls_with_beta(factors, order, betas):
    cell, x, y, exact = symmetric()
    net = bp_rnn.EquilibriumPropagation(
        cell, factors=factors, tol=1e-15, max_iter=400, check_stability=False
    )

    def gradient(beta):
        vars(net)["beta"] = beta  # traced, so that all strengths share one program
        return net._gradient(cell.params(), jnp.asarray(x), jnp.asarray(y)).grads

    found = jax.lax.map(gradient, jnp.asarray(betas))
    errors = [error({k: v[i] for k, v in found.items()}, exact) for i in range(len(betas))]
    slopes = np.diff(np.log(errors)) / np.diff(np.log(betas))
    np.testing.assert_allclose(slopes, order, atol=0.15 if order < 4 else 0.3)


def feedforward(params, x):
    x_1 = jnp.tanh(params["w_1"] @ x + params["b_1"])
    return x_1, jnp.tanh(params["w_2"] @ x_1 + params["b_2"])


direct = functools.partial(bp_rnn.Implicit, solver="direct")


@pytest.mark.parametrize("make", [direct, bp_rnn.RecurrentBackprop])
def test_two_layers_are_backpropagation(make):
    cell = bp_rnn.LayeredRNN(NUM_IN, [4, NUM_OUT], tau=0.2, dt=0.2)
    x, y = samples(cell)
    net = make(cell, tol=1e-15)
    states, zs, report = net.settle(x)
    params = cell.params()
    x_1, x_2 = jax.vmap(functools.partial(feedforward, params))(jnp.asarray(x))
    np.testing.assert_allclose(states, np.hstack([x_1, x_2]), atol=1e-15)
    np.testing.assert_array_equal(zs, states[:, 4:])
    assert report.num_iter.max() == 2  # as many steps as layers, with dt = tau

    def loss(params):
        out = jax.vmap(lambda x: feedforward(params, x)[1])(jnp.asarray(x))
        return jnp.mean((out - y) ** 2)

    found = net.gradient(x, y)
    exact = jax.grad(loss)(params)
    assert error(found.grads, exact) < 1e-12
    assert float(found.loss) == pytest.approx(float(loss(params)), rel=1e-12)


def test_v_is_what_the_lecture_derives_for_two_layers():
    """J is lower triangular, v_2 = dl/dx_2 and v_1 = v_2 f'(w_2 x_1) w_2."""
    cell = bp_rnn.LayeredRNN(NUM_IN, [4, NUM_OUT], dt=0.5)
    x, y = samples(cell, 1)
    net = bp_rnn.RecurrentBackprop(cell, loss="l2_loss")
    runner = bp.DSRunner(net, dt=0.5, monitors=["x_1", "x_2", "v"], progress_bar=False)
    runner.run(inputs=(np.repeat(x, 80, 0), np.repeat(y, 80, 0)))
    p, mon = cell.params(), runner.mon
    x_1, x_2 = feedforward(p, x[0])
    np.testing.assert_allclose(mon.x_1[-1], x_1, atol=1e-12)
    v_2 = (x_2 - y[0]) / NUM_OUT  # dl/dx_2 of the mean of squares halved
    v_1 = (v_2 * (1 - x_2**2)) @ p["w_2"]
    np.testing.assert_allclose(mon.v[-1], np.concatenate([v_1, v_2]), atol=1e-10)
    assert np.abs(mon.v[-1] - mon.v[-2]).max() < 1e-10 < np.abs(mon.v[10] - mon.v[9]).max()


def test_v_comes_to_rest_in_a_batch_too():
    cell = bp_rnn.RateRNN(NUM_IN, 5, num_out=NUM_OUT, w=0.1, dt=0.5, mode=bm.TrainingMode(3))
    x, y = samples(cell, 3)
    net = bp_rnn.RecurrentBackprop(cell)
    runner = bp.DSRunner(net, dt=0.5, monitors=["r", "v"], progress_bar=False)
    runner.run(inputs=(np.repeat(x[:, None], 90, 1), np.repeat(y[:, None], 90, 1)))
    params = cell.params()
    for i in range(3):
        r = runner.mon.r[i, -1]
        jac = jax.jacobian(lambda s, i=i: cell.derivative(params, s, jnp.asarray(x[i])))(r)
        dl_dr = jax.grad(lambda s, i=i: jnp.mean((cell.output(params, s) - y[i]) ** 2))(r)
        np.testing.assert_allclose(runner.mon.v[i, -1], -dl_dr @ np.linalg.inv(jac), atol=1e-9)


def test_truncation_is_the_neumann_series():
    cell, x, y, exact = large()
    errors = []
    for steps in (5, 20, 80):
        net = bp_rnn.RecurrentBackprop(cell, truncation=steps, tol=1e-13)
        assert net.kind == "approximate"
        errors.append(error(net.gradient(x, y).grads, exact))
    assert errors[0] > 2 * errors[1] > 40 * errors[2]
    state, x_0 = net.settle(x)[0][0], jnp.asarray(x[0])
    params, dl_ds = cell.params(), jnp.arange(50.0)
    jac = jax.jacobian(lambda s: cell.derivative(params, s, x_0))(state)
    step, series, term = np.eye(50) + 0.2 * jac, 0.0, dl_ds
    for _ in range(80):
        series, term = series + 0.2 * term, term @ step
    rate = functools.partial(net._rate, params, x_0)
    v = jax.jit(lambda: net.adjoint(rate, state, dl_ds, None).v)()
    np.testing.assert_allclose(v, series, rtol=1e-10)


class TestEnergy:
    def test_the_dynamics_are_the_slope_of_the_energy(self):
        cell = bp_rnn.EnergyRNN(NUM_IN, 6, tau=2.0, b=0.3)
        rng = np.random.default_rng(0)
        params = cell.params() | {"w": jnp.asarray(rng.normal(size=(6, 6)))}  # not symmetric
        state, x = jnp.asarray(rng.normal(size=6)), jnp.asarray(rng.normal(size=NUM_IN))
        slope = jax.grad(cell.potential, 1)(params, state, x)
        np.testing.assert_allclose(cell.derivative(params, state, x), -slope / 2, rtol=1e-12)
        jac = jax.jacobian(cell.derivative, 1)(params, state, x)
        np.testing.assert_allclose(jac, jac.T, atol=1e-14)

    def test_it_never_rises(self):
        cell = bp_rnn.EnergyRNN(NUM_IN, 20, init_state=np.linspace(-2, 2, 20), key=3)
        x = np.repeat(samples(cell, 1)[0], 200, 0)
        runner = bp.DSRunner(cell, monitors=["energy", "r"], progress_bar=False)
        runner.run(inputs=x)
        energy = runner.mon.energy
        assert (np.diff(energy) <= 1e-12).all()
        assert energy[0] - energy[-1] > 1
        last = cell.potential(cell.params(), runner.mon.r[-1], jnp.asarray(x[0]))
        assert energy[-1] == pytest.approx(float(last), rel=1e-12)

    def test_it_follows_the_state_inside_an_algorithm_and_in_a_batch(self):
        cell = bp_rnn.EnergyRNN(NUM_IN, 4, mode=bm.TrainingMode(2))
        assert cell.energy.shape == (2,)
        net = bp_rnn.EquilibriumPropagation(cell)
        x = samples(cell, 2)[0]
        net.update(x, np.zeros((2, 4)), 0.1)
        potential = jax.vmap(functools.partial(cell.potential, cell.params()))
        np.testing.assert_allclose(net.energy.value, potential(cell.r.value, x), rtol=1e-12)
        net.reset_state(3)
        np.testing.assert_array_equal(cell.energy.value, np.zeros(3))


def test_the_phases_in_a_runner():
    cell, x, y, _ = symmetric()
    net = bp_rnn.EquilibriumPropagation(cell, beta=0.5)
    betas = np.repeat([0.0, 0.5], 150)
    runner = bp.DSRunner(net, dt=0.2, monitors=["r"], progress_bar=False)
    cell.reset_state()
    runner.run(inputs=(np.repeat(x[:1], 300, 0), np.repeat(y[:1], 300, 0), betas))
    params, x_0 = cell.params(), jnp.asarray(x[0])
    free, nudged = runner.mon.r[149], runner.mon.r[-1]
    assert np.abs(cell.derivative(params, free, x_0)).max() < 1e-7
    force = 0.5 * net.signal(params, nudged, jnp.asarray(y[0]))
    np.testing.assert_allclose(cell.derivative(params, nudged, x_0), force, atol=1e-7)
    loss = [np.mean((cell.output(params, r) - y[0]) ** 2) for r in (free, nudged)]
    assert loss[1] < loss[0]


def test_an_asymmetric_network_is_refused_with_the_measured_asymmetry():
    cell = bp_rnn.RateRNN(NUM_IN, 5, w=bp.init.Normal(0.0, 0.2, seed=0))
    with pytest.raises(ValueError, match=r"symmetric J .* of RateRNN\d+ is 0\.\d+; EnergyRNN"):
        bp_rnn.EquilibriumPropagation(cell)
    net = bp_rnn.EquilibriumPropagation(cell, allow_asymmetric=True)
    x, y = samples(cell)
    assert net.gradient(x, y).report.usable.all()
    w = jnp.asarray(np.random.default_rng(0).normal(size=(200, 200)))
    right = np.linalg.norm(w - w.T) / np.linalg.norm(w + w.T)
    found = measure_asymmetry(lambda s: w @ s, jnp.zeros(200))
    assert float(found) == pytest.approx(right, rel=0.15)


class Drifting(bp_rnn.EnergyRNN):
    """J stops being symmetric far from where it is looked at first."""

    def derivative(self, params, state, x):
        bend = jnp.maximum(jnp.abs(x[0]) - 50.0, 0.0) * jnp.roll(jnp.tanh(state), 1)
        return super().derivative(params, state, x) + 0.01 * bend


def test_asymmetry_that_comes_later_is_reported_per_sample():
    cell = Drifting(NUM_IN, 5, w=0.1, w_in=0.01)
    x, y = samples(cell)
    net = bp_rnn.EquilibriumPropagation(cell)
    assert net.gradient(x, y).report.usable.all()
    x[2, 0] = 80.0
    with pytest.raises(FloatingPointError, match=r"sample 2 has a J that is not symmetric .*= 0"):
        net.gradient(x, y)


def unstable():
    """At x = 0 the state 0 is a fixed point with eigenvalue 1; a large input has a stable one."""
    cell = bp_rnn.RateRNN(None, 4, w=2 * np.eye(4))
    x = np.array([[3.0] * 4, [0.0] * 4, [-3.0] * 4])
    return cell, x, np.zeros((3, 4))


def test_an_unstable_fixed_point_is_reported_and_not_used():
    cell, x, y = unstable()
    for make in (direct, bp_rnn.RecurrentBackprop):
        net = make(cell)
        _, zs, report = net.settle(x)
        np.testing.assert_array_equal(report.usable, [True, False, True])
        np.testing.assert_array_equal(report.converged, [True] * 3)
        assert report.growth[1] == pytest.approx(1, abs=0.1)
        np.testing.assert_array_equal(np.isnan(zs).all(1), [False, True, False])
        with pytest.raises(FloatingPointError, match=r"sample 1 rests at a point .* not stable"):
            net.gradient(x, y)
    skipping = bp_rnn.RecurrentBackprop(cell, skip_unusable=True)
    found = skipping.gradient(x, y)
    without = net.gradient(x[[0, 2]], y[[0, 2]])
    same = functools.partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-12)
    jax.tree.map(same, found[:2], without[:2])
    with pytest.raises(FloatingPointError, match="sample 0 rests"):
        skipping.gradient(x[[1]], y[[1]])


def test_a_network_that_does_not_rest_is_reported_and_nothing_is_changed():
    turning = 3 * np.array([[0.0, 1.0], [-1.0, 0.0]])
    cell = bp_rnn.RateRNN(None, 2, w=turning + 2 * np.eye(2), init_state=0.1)
    trainer = bp_rnn.EquilibriumTrainer(
        bp_rnn.Implicit(cell, solver="direct", max_iter=300), progress_bar=False
    )
    before = {k: v.value for k, v in trainer.net.vars().unique().items()}
    x = np.array([[20.0, 20.0], [0.0, 0.0], [20.0, -20.0], [20.0, 20.0]])
    message = r"no gradient at epoch 1 of this fit: sample 1 did not come to rest in 300 iterations"
    for options in ({}, {"batch_size": 2}):
        with pytest.raises(FloatingPointError, match=message):
            trainer.fit((x, x), num_epoch=5, **options)
    np.testing.assert_array_equal(trainer.report.converged[1], False)
    for name, variable in trainer.net.vars().unique().items():
        np.testing.assert_array_equal(variable.value, before[name], name)
    trainer.predict(x)
    np.testing.assert_array_equal(trainer.report.usable, [True, False, True, True])


class TestTrainer:
    def make(self, method, **options):
        w = bp.init.Normal(0, 0.2, seed=1)
        cell = bp_rnn.EnergyRNN(NUM_IN, 6, num_out=NUM_OUT, w=w, dt=0.5)
        return bp_rnn.EquilibriumTrainer(cell, method=method, progress_bar=False, **options)

    def test_all_methods_follow_the_same_gradient(self):
        ends = {}
        for method in ("implicit", "recurrent_backprop", "equilibrium_propagation"):
            trainer = self.make(method, optimizer=bp.optim.SGD(lr=0.1))
            data = samples(trainer.cell, 8)
            losses = trainer.fit(data, num_epoch=40)
            assert losses[-1] < 0.8 * losses[0]
            np.testing.assert_array_equal(trainer.report.usable, [True] * 8)
            ends[method] = trainer.cell.params()
        assert oracle.relative_error(ends["recurrent_backprop"], ends["implicit"]) < 1e-7
        assert oracle.relative_error(ends["equilibrium_propagation"], ends["implicit"]) < 0.1
        z = trainer.predict(data[0])
        assert float(np.mean((z - data[1]) ** 2)) == pytest.approx(losses[-1], rel=0.05)

    def test_labels_minibatches_penalties_and_constraints(self):
        trainer = self.make(
            "implicit", loss="cross_entropy_loss", penalties=[bp_rnn.RateL2(0.1)], clip_norm=1.0
        )
        bp_rnn.constrain(trainer.cell, w=bp_rnn.NoSelf())
        x = samples(trainer.cell, 8)[0]
        y = (x[:, 0] > 0).astype(int)
        trainer.fit((x, y), num_epoch=100, batch_size=4)
        assert (np.argmax(trainer.predict(x), 1) == y).all()
        assert not np.diag(trainer.cell.w.value).any()
        np.testing.assert_allclose(trainer.cell.w.value, trainer.cell.w.value.T, atol=1e-14)
        saved = trainer.state_dict()
        other = self.make("implicit", loss="cross_entropy_loss")
        other.load_state_dict(saved)
        np.testing.assert_array_equal(other.predict(x), trainer.predict(x))

    def test_float32(self, float32):
        cell = bp_rnn.EnergyRNN(NUM_IN, 6, num_out=NUM_OUT, w=0.1, dt=0.5)
        net = bp_rnn.EquilibriumPropagation(cell, factors="one-sided", check_stability=False)
        trainer = bp_rnn.EquilibriumTrainer(net, progress_bar=False)
        data = samples(cell)
        trainer.fit(data, num_epoch=2)
        assert trainer.predict(data[0]).dtype == jnp.float32
        assert trainer.report.usable.all()

    def test_noise_is_left_out(self):
        cell = bp_rnn.RateRNN(NUM_IN, 4, w=0.2 * np.eye(4), noise=0.5, dt=0.5)
        net = direct(cell, check_stability=False)
        data, before = samples(cell), cell.params()
        right = net.gradient(*data).grads
        trainer = bp_rnn.EquilibriumTrainer(net, optimizer=bp.optim.SGD(lr=1.0), progress_bar=False)
        trainer.fit(data, num_epoch=1)
        found = {k: before[k] - v for k, v in cell.params().items()}
        assert error(found, right) < 1e-12

    @pytest.mark.parametrize(
        ("data", "error", "message"),
        [
            ((np.zeros((4, 2)), 0), ValueError, r"x must have shape \(samples, 3\), got \(4, 2\)"),
            ((np.zeros(3), 0), ValueError, r"x must have shape \(samples, 3\), got \(3,\)"),
            ((np.full((4, 3), np.nan), 0), ValueError, "x must be finite, got nan at index"),
            ((np.zeros((4, 3)), np.zeros((3, 2))), ValueError, r"y must have shape \(4, 2\)"),
            ((np.zeros((4, 3)), [0, 1, 2, 0]), ValueError, "y must hold class labels from 0 to 1"),
            (np.zeros((4, 3)), TypeError, r"data must be a pair \(x, y\), got ndarray"),
        ],
    )
    def test_bad_data(self, data, error, message):
        trainer = self.make("implicit")
        before = trainer.cell.params()
        with pytest.raises(error, match=message):
            trainer.fit(data, num_epoch=1)
        assert all(before[k] is v for k, v in trainer.cell.params().items())


def cell():
    return bp_rnn.EnergyRNN(NUM_IN, 4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: bp_rnn.Implicit(3), TypeError, "cell must be a bp_rnn Cell, got int"),
        (
            lambda: bp_rnn.Implicit(cases.WHOLE_SEQUENCE_CELLS["Bidirectional"]()),
            ValueError,
            "depends on inputs after it",
        ),
        (lambda: bp_rnn.Implicit(cell(), search="x"), ValueError, "unknown search 'x'"),
        (lambda: bp_rnn.Implicit(cell(), solver="lu"), ValueError, "unknown solver 'lu'"),
        (lambda: bp_rnn.Implicit(cell(), tol=0.0), ValueError, "tol must be positive, got 0.0"),
        (lambda: bp_rnn.Implicit(cell(), max_iter=0), ValueError, "max_iter must be at least 1"),
        (lambda: bp_rnn.Implicit(cell(), loss="l3"), ValueError, "unknown loss 'l3'"),
        (
            lambda: bp_rnn.RecurrentBackprop(cell(), truncation=0),
            ValueError,
            "truncation must be at least 1, got 0",
        ),
        (
            lambda: bp_rnn.EquilibriumPropagation(cell(), beta=-1.0),
            ValueError,
            "beta must be positive, got -1.0",
        ),
        (
            lambda: bp_rnn.EquilibriumPropagation(cell(), factors=(1, 1)),
            ValueError,
            "factors must be numbers that differ from each other and from 0",
        ),
        (
            lambda: bp_rnn.EquilibriumPropagation(cell(), factors="both"),
            ValueError,
            "unknown factors 'both'",
        ),
        (
            lambda: bp_rnn.EquilibriumTrainer(cell(), method="bptt"),
            ValueError,
            "unknown method 'bptt'",
        ),
        (
            lambda: bp_rnn.EquilibriumTrainer(bp_rnn.Implicit(cell()), loss="l2_loss"),
            ValueError,
            "loss is 'l2_loss', but target is already Implicit",
        ),
        (
            lambda: bp_rnn.EquilibriumTrainer(bp_rnn.BPTT(cell())),
            TypeError,
            "target must learn at fixed points, got BPTT; use OfflineTrainer",
        ),
        (
            lambda: bp_rnn.OfflineTrainer(bp_rnn.Implicit(cell())),
            TypeError,
            "learns at fixed points; use EquilibriumTrainer",
        ),
        (
            lambda: bp_rnn.EquilibriumTrainer(cell(), penalties=[bp_rnn.Omega()]),
            ValueError,
            "penalties must not hold Omega",
        ),
        (lambda: bp_rnn.LayeredRNN(3, []), ValueError, "num must hold at least one layer"),
        (lambda: bp_rnn.LayeredRNN(3, [4, 0]), ValueError, r"num\[1\] must be at least 1, got 0"),
        (
            lambda: bp_rnn.RecurrentBackprop(cell()).update(np.zeros(3), np.zeros(5)),
            ValueError,
            r"y must have shape \(4,\) at each step, or be a label, got float64\(5,\)",
        ),
    ],
)
def test_bad_options(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_every_public_algorithm_is_tested_here():
    found = cases.leaves(bp_rnn.equilibrium, bp_rnn.EquilibriumAlgorithm)
    assert {c.__name__ for c in found} == {
        "EquilibriumPropagation",
        "Implicit",
        "RecurrentBackprop",
    }


def test_the_picture_of_the_phases():
    betas = np.repeat([0.0, 0.5, -0.5], 10)
    _, ax = plt.subplots()
    found = bp_rnn.plot.plot_phases(np.ones((30, 2)), betas, dt=0.1, ax=ax)
    assert found is ax
    assert [t.get_text() for t in ax.texts] == ["free", r"$\beta$ = 0.5", r"$\beta$ = -0.5"]
    assert len(ax.lines) == 2
    assert len(ax.patches) == 2
    np.testing.assert_allclose(ax.get_xlim(), (0, 3))
    plt.close()
