"""What each network does, against closed forms and its limits."""

import brainpy as bp
import brainpy.math as bm
import cases
import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
import scipy.linalg

import bp_rnn

ALL = {
    **cases.CELLS,
    **cases.WHOLE_SEQUENCE_CELLS,
    **cases.EQUILIBRIUM_CELLS,
    **cases.RESERVOIRS,
}
every_cell = pytest.mark.parametrize("cell_name", ALL)


def run(cell, xs, state=None, params=None):
    """States (T, S) of one sample."""
    params = cell.params() if params is None else params
    state = cell.initial_state(params) if state is None else state
    return jax.jit(cell.rollout)(params, state, xs)[1]


def outputs(cell, states):
    return jax.vmap(cell.output, (None, 0))(cell.params(), states)


def inputs(num_step, num_in=cases.NUM_IN, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(num_step, num_in)))


@pytest.mark.parametrize("make", [bp_rnn.RateRNN, bp_rnn.CTRNN])
@pytest.mark.parametrize(("integrator", "order"), [("euler", 1), ("rk2", 2), ("rk4", 4)])
def test_integration_converges_to_the_matrix_exponential(make, integrator, order):
    tau, total = np.array([1.0, 2.0, 0.5, 3.0, 1.5]), 2.0
    x, state = inputs(1)[0], jnp.arange(5.0)
    errors = []
    for dt in (0.1, 0.05, 0.025):
        cell = make(cases.NUM_IN, 5, phi="identity", tau=tau, b=0.3, dt=dt, integrator=integrator)
        p = {k: np.asarray(v) for k, v in cell.params().items()}
        jac = (p["w"] - np.eye(5)) / tau[:, None]
        rest = np.linalg.solve(np.eye(5) - p["w"], p["w_in"] @ x + p["b"])
        exact = rest + scipy.linalg.expm(jac * total) @ (state - rest)
        found = run(cell, jnp.broadcast_to(x, (round(total / dt), cases.NUM_IN)), state)[-1]
        errors.append(np.linalg.norm(found - exact))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(rates, order, atol=0.15)


def test_x_form_and_r_form_give_the_same_output():
    """With one tau, x = W r + W_in u + b obeys the x-form while u rests; then W phi(x) = W r'."""
    r_form = bp_rnn.RateRNN(3, 5, b=0.2, tau=0.7, num_out=2)
    p = r_form.params()
    x_form = bp_rnn.CTRNN(3, 5, tau=0.7, w=p["w"], w_in=p["w_in"], b=p["b"])
    u, r = inputs(1)[0], jnp.asarray(np.random.default_rng(1).uniform(size=5))
    us = jnp.broadcast_to(u, (40, 3))
    rs = jnp.concatenate([r[None], run(r_form, us, r)])
    xs = run(x_form, us, p["w"] @ r + p["w_in"] @ u + p["b"])
    np.testing.assert_allclose(xs, rs[1:] @ p["w"].T + p["w_in"] @ u + p["b"], rtol=1e-11)
    same = {**x_form.params(), "w_out": p["w_out"], "b_out": p["b_out"]}
    settled = bp_rnn.CTRNN(3, 5, tau=0.7, num_out=2)  # at rest the two outputs are one
    end = run(settled, jnp.broadcast_to(u, (4000, 3)), params=same)[-1]
    also = run(r_form, jnp.broadcast_to(u, (4000, 3)))[-1]
    np.testing.assert_allclose(settled.output(same, end), r_form.output(p, also), rtol=1e-9)


def two_timescales(dt, tau_s, tau_r):
    return bp_rnn.TwoTimescaleRNN(3, 5, tau_s=tau_s, tau_r=tau_r, dt=dt, b=0.1)


@pytest.mark.parametrize("limit", ["r-form", "x-form"])
def test_two_time_constants_reach_both_limits(limit):
    """The distance to the limit falls in proportion to the ratio of the time constants."""
    dt, steps = 1e-3, 3000
    xs = jnp.sin(jnp.arange(steps)[:, None] * dt + jnp.arange(3))
    errors = []
    for ratio in (0.1, 0.05, 0.025):
        pair = (ratio, 1.0) if limit == "r-form" else (1.0, ratio)
        cell = two_timescales(dt, *pair)
        p = cell.params()
        other = (bp_rnn.RateRNN if limit == "r-form" else bp_rnn.CTRNN)(3, 5, tau=1.0, dt=dt)
        drive = p["w_in"] @ xs[0] + p["b"]
        start = jnp.concatenate([jnp.tanh(drive) * (limit == "x-form"), drive])
        begin = jnp.zeros(5) if limit == "r-form" else drive
        v = run(cell, xs, start)[:, :5]
        reference = jax.vmap(other.hidden, (None, 0))(p, run(other, xs, begin, p))
        errors.append(float(jnp.abs(v - reference)[steps // 10 :].max()))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(rates, 1, atol=0.25)
    assert errors[-1] < 0.05


def test_leaky_vanilla_is_the_rate_network_under_euler():
    leaky = bp_rnn.VanillaRNN(3, 5, leak=0.1 / 0.4)
    rate = bp_rnn.RateRNN(3, 5, tau=0.4, dt=0.1)
    xs = inputs(20)
    np.testing.assert_allclose(run(leaky, xs), run(rate, xs), rtol=1e-12)
    plain, p, h = bp_rnn.VanillaRNN(3, 5), leaky.params(), np.zeros(5)
    for x, found in zip(xs, run(plain, xs), strict=True):
        h = np.tanh(p["w"] @ h + p["w_in"] @ x + p["b"])
        np.testing.assert_allclose(found, h, rtol=1e-12)


def test_independent_units_are_scalar_recurrences():
    cell = bp_rnn.IndRNN(3, 5)
    p, xs = cell.params(), inputs(10)
    assert ((p["w"] >= 0) & (p["w"] <= 1)).all()
    assert np.ptp(p["w"]) > 0.1
    h = np.zeros(5)
    for x, found in zip(xs, run(cell, xs), strict=True):
        h = np.maximum(p["w"] * h + p["w_in"] @ x + p["b"], 0)
        np.testing.assert_allclose(found, h, rtol=1e-12)


def test_an_lstm_keeps_what_its_gates_close_in():
    """Forget gate open, input gate shut: c stays, and so does its derivative."""
    shut = np.zeros((5, 4))
    shut[:, 0], shut[:, 1] = 50.0, -50.0
    cell = bp_rnn.LSTM(3, 5, b=shut, w=0.0, w_in=0.0)
    start = jnp.concatenate([jnp.zeros(5), jnp.arange(1.0, 6.0)])
    end = run(cell, inputs(100), start)[-1]
    np.testing.assert_allclose(end[5:], start[5:], rtol=1e-12)
    assert (bp_rnn.LSTM(3, 5).b.value[:, 0] == 1).all()
    assert (bp_rnn.LSTM(3, 5).b.value[:, 1:] == 0).all()


def test_layers_are_the_cells_one_after_the_other():
    below, above = bp_rnn.GRU(3, 5, num_out=4), bp_rnn.LSTM(4, 6, num_out=2)
    xs = inputs(8)
    middle = outputs(below, run(below, xs))
    alone = outputs(above, run(above, middle))
    deep = bp_rnn.Deep([below, above])
    np.testing.assert_allclose(outputs(deep, run(deep, xs)), alone, rtol=1e-12)
    bp.DSRunner(deep, progress_bar=False).run(inputs=xs)
    np.testing.assert_allclose(deep.z.value, alone[-1], rtol=1e-12)
    np.testing.assert_array_equal(deep.layers[1].h.value, deep.h_1.value)
    np.testing.assert_allclose(above.output(above.params(), above.state.value), alone[-1])


def test_private_noise_has_the_deviation_that_is_asked_for():
    """A unit without connections is an AR(1) process: its variance has a closed form."""
    sigma, alpha, steps = np.array([0.3, 0.6]), 0.1, 200_000
    cell = bp_rnn.RateRNN(None, 2, w=0.0, phi="identity", noise=sigma, dt=alpha)
    xs = cell.inputs(jnp.zeros((steps, 2)), jax.random.key(0))
    r = np.asarray(run(cell, xs))[1000:]
    np.testing.assert_allclose(r.std(0), sigma / np.sqrt(1 - alpha / 2), rtol=0.02)
    np.testing.assert_allclose(np.corrcoef(r.T)[0, 1], 0, atol=0.02)
    now = np.corrcoef(r[1:, 0], r[:-1, 0])[0, 1]
    np.testing.assert_allclose(now, 1 - alpha, atol=0.005)


def test_noise_of_the_input_enters_through_the_matrix():
    sigma, alpha = 0.2, 0.1
    cell = bp_rnn.RateRNN(1, 2, w=0.0, w_in=[[1.0], [-2.0]], phi="identity", noise_in=sigma)
    r = np.asarray(run(cell, cell.inputs(jnp.zeros((200_000, 1)), jax.random.key(0))))[1000:]
    np.testing.assert_allclose(r[:, 1], -2 * r[:, 0], rtol=1e-9)
    np.testing.assert_allclose(r[:, 0].std(), sigma / np.sqrt(1 - alpha / 2), rtol=0.02)


def test_noise_of_two_time_constants_drives_the_currents_alone():
    cell = bp_rnn.TwoTimescaleRNN(3, 5, noise=0.5)
    quiet, x = cell.initial_state(cell.params()), jnp.zeros((1, 3))
    noisy = cell.inputs(x, jax.random.key(1))
    change = run(cell, noisy, quiet)[0] - run(cell, x, quiet)[0]
    assert not change[:5].any()
    assert change[5:].all()


def test_a_noisy_run_belongs_to_its_key():
    def record(key):
        cell = bp_rnn.CTRNN(3, 5, noise=0.3, key=key)
        runner = bp.DSRunner(cell, monitors=["x"], progress_bar=False)
        return [np.asarray(runner.run(inputs=inputs(6))) for _ in range(2)]

    first, again, other = record(0), record(0), record(1)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - other[0]).min() > 0
    assert np.abs(first[0] - first[1]).min() > 0  # the noise of a second run is new

    def predict(**key):
        cell = bp_rnn.CTRNN(3, 5, noise=0.3)
        return bp_rnn.OfflineTrainer(cell, progress_bar=False).predict(inputs(6), **key)

    np.testing.assert_array_equal(predict(key=3), predict(key=3))
    assert (predict(key=3) != predict(key=4)).all()
    quiet = outputs(bp_rnn.CTRNN(3, 5), run(bp_rnn.CTRNN(3, 5), inputs(6)))
    np.testing.assert_allclose(predict(), quiet, rtol=1e-12)


@pytest.mark.parametrize("method", ["rtrl", "bptt"])
@pytest.mark.parametrize("trainer", [bp_rnn.OfflineTrainer, bp_rnn.OnlineTrainer])
def test_a_learnt_initial_state_is_learnt(trainer, method):
    """Without input, weights or bias only the start can say where a decaying unit is."""
    cell = bp_rnn.RateRNN(1, 2, w=0.0, w_in=0.0, phi="identity", tau=10.0, train_init_state=True)
    for name in ("w", "w_in", "b"):
        bp_rnn.constrain(cell, **{name: bp_rnn.Fixed()})
    decay = 0.99 ** np.arange(1, 9)
    y = decay[:, None] * np.array([1.0, -2.0])
    fit = trainer(cell, method=method, optimizer=bp.optim.SGD(lr=0.1), progress_bar=False)
    fit.fit((np.zeros((8, 1)), y), num_epoch=500)
    # an online method with BPTT sees the start in the first window alone, which is enough here
    np.testing.assert_allclose(cell.s0.value, [1.0, -2.0], atol=1e-2)
    cell.reset_state()
    np.testing.assert_array_equal(cell.state.value, cell.s0.value)


def test_a_fixed_initial_state_stays():
    cell = bp_rnn.LSTM(3, 5, init_state=np.arange(10.0))
    cell.update(jnp.ones(3))
    cell.reset_state()
    np.testing.assert_array_equal(cell.state.value, np.arange(10.0))
    np.testing.assert_array_equal(cell.c.value, np.arange(5.0, 10.0))
    assert "s0" not in cell.params()


@every_cell
def test_a_new_cell_is_in_its_initial_state(cell_name):
    cell = ALL[cell_name]()
    new = {k: np.asarray(v) for k, v in cell.vars().unique().items() if v is not cell.z}
    cell.reset_state()
    for name, value in cell.vars().unique().items():
        if value is not cell.z and not isinstance(value, bm.random.RandomState):
            np.testing.assert_array_equal(value, new[name], name)


@every_cell
def test_save_and_load_of_a_cell(cell_name, tmp_path):
    make = ALL[cell_name]
    cell, other = make(), make()
    for variable in cell.train_params().values():
        variable.value = variable.value + 0.5
    path = str(tmp_path / "cell.bp")
    trainer, second = (bp_rnn.OfflineTrainer(c, progress_bar=False) for c in (cell, other))
    bp.checkpoints.save_pytree(path, trainer.state_dict(), verbose=False)
    second.load_state_dict(bp.checkpoints.load_pytree(path))
    xs = np.random.default_rng(0).normal(size=(4, cell.num_in))
    np.testing.assert_array_equal(trainer.predict(xs), second.predict(xs))
    jax.tree.map(np.testing.assert_array_equal, cell.params(), other.params())


class TestBidirectional:
    def make(self, **options):
        forward = bp_rnn.LSTM(3, 5, num_out=4, train_init_state=True, key=1)
        backward = bp_rnn.GRU(3, 6, init_state=0.3, key=2)
        return bp_rnn.Bidirectional(forward, backward, num_out=2, **options)

    def by_hand(self, cell, params, xs):
        own = [
            {k: params[f"{k}_{way}"] for k in part.params()}
            for way, part in (("forward", cell.forward), ("backward", cell.backward))
        ]
        reads = []
        for part, p, order in zip((cell.forward, cell.backward), own, (1, -1), strict=True):
            s, seen = part.initial_state(p), []
            for x in xs[::order]:
                s = part.step(p, s, x)
                seen.append(part.output(p, s))
            reads.append(jnp.stack(seen[::order]))
        return jnp.concatenate(reads, 1) @ params["w_out"].T + params["b_out"]

    def test_it_is_a_cell_from_each_end(self):
        cell, xs = self.make(), inputs(6)
        right = self.by_hand(cell, cell.params(), xs)
        np.testing.assert_allclose(cell.update(xs), right, rtol=1e-12)
        trainer = bp_rnn.OfflineTrainer(cell, progress_bar=False)
        np.testing.assert_allclose(trainer.predict(xs), right, rtol=1e-12)
        np.testing.assert_array_equal(cell.state.value[:5], cell.h_forward.value)

    def test_its_gradient_is_that_of_autodiff(self):
        cell, xs = self.make(), inputs(6)
        ys = inputs(6, 2, seed=1)
        before = cell.params()
        exact = jax.grad(lambda p: oracle.half_square(self.by_hand(cell, p, xs), ys).mean())(before)
        trainer = bp_rnn.OfflineTrainer(
            cell, optimizer=bp.optim.SGD(lr=1.0), loss=oracle.half_square, progress_bar=False
        )
        trainer.fit((xs, ys), num_epoch=1)
        for name, value in cell.params().items():
            np.testing.assert_allclose(before[name] - value, exact[name], rtol=1e-8, atol=1e-13)
        assert exact["s0_forward"].any()

    def test_a_shorter_sequence_of_a_batch_is_that_sequence_alone(self):
        cell = self.make()
        x = np.stack([inputs(6, seed=2), inputs(6, seed=3)])
        y = np.zeros((2, 6, 2))
        trainer = bp_rnn.OfflineTrainer(cell, optimizer=bp.optim.SGD(lr=0.0), progress_bar=False)
        both = trainer.predict(x, lengths=[6, 4])
        np.testing.assert_allclose(both[1, :4], trainer.predict(x[1, :4]), rtol=1e-12)
        assert (np.abs(both[1, :4] - trainer.predict(x[1])[:4]) > 1e-6).all()
        together = trainer.fit((x, y), num_epoch=1, lengths=[6, 4])[0]
        alone = [trainer.fit((x[i, :n], y[i, :n]), num_epoch=1)[0] for i, n in enumerate((6, 4))]
        assert together == pytest.approx((6 * alone[0] + 4 * alone[1]) / 10, rel=1e-12)

    @pytest.mark.parametrize("batch", [None, 4])
    def test_it_takes_a_batch_in_its_mode(self, batch):
        mode = None if batch is None else bm.TrainingMode(batch)
        cell = cases.WHOLE_SEQUENCE_CELLS["Bidirectional"](mode)
        lead = () if batch is None else (batch,)
        assert cell.update(np.zeros((*lead, 6, 3))).shape == (*lead, 6, 2)

    def test_what_runs_step_by_step_refuses_it(self):
        cell = self.make()
        with pytest.raises(ValueError, match=r"RTRL follows a network forward in time.*use BPTT"):
            bp_rnn.RTRL(cell)
        for method in ("rtrl", "bptt"):
            with pytest.raises(ValueError, match="depends on inputs after it"):
                bp_rnn.OnlineTrainer(cell, method=method)
        with pytest.raises(ValueError, match="is bidirectional"):
            bp.DSRunner(cell, progress_bar=False).run(inputs=inputs(6))
        with pytest.raises(ValueError, match=r"layers\[0\] must be causal, got Bidirectional"):
            bp_rnn.Deep([cell, bp_rnn.GRU(2, 4)])
        with pytest.raises(ValueError, match="Omega needs a causal cell"):
            bp_rnn.OfflineTrainer(cell, penalties=[bp_rnn.Omega()])

    def test_it_learns_what_needs_the_future(self):
        """Give the next input: impossible without looking ahead."""
        x = np.random.default_rng(0).choice([-1.0, 1.0], size=(32, 10, 1))
        y = np.roll(x, -1, axis=1)
        y[:, -1] = 0.0
        losses = {}
        for name, cell in {
            "both": bp_rnn.Bidirectional(bp_rnn.GRU(1, 8), bp_rnn.GRU(1, 8), num_out=1),
            "forward": bp_rnn.GRU(1, 16, num_out=1),
        }.items():
            trainer = bp_rnn.OfflineTrainer(
                cell, optimizer=bp.optim.Adam(lr=2e-2), progress_bar=False
            )
            losses[name] = trainer.fit((x, y), num_epoch=300)[-1]
        assert losses["both"] < 0.02 < 0.3 < losses["forward"]
