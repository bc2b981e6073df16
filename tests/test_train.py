import brainpy as bp
import brainpy.math as bm
import cases
import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracle
import pytest
from compilations import counted

import bp_rnn
from bp_rnn.functional import trajectory

few_cells = pytest.mark.parametrize("cell_name", [*cases.FEW_CELLS, "RateRNN-noise", "Deep"])
both = pytest.mark.parametrize("method", ["rtrl", "bptt"])


def homework_in_numpy(x, y, num_epoch, dtype, lr=0.1, dt=0.1):
    """The lecture's loop, written out."""
    x, y = np.asarray(x, dtype), np.asarray(y, dtype)
    w = b = dtype(1)
    dt, lr = dtype(dt), dtype(lr)
    losses = []
    for _ in range(num_epoch):
        r, p_w, p_b = y[0], dtype(0), dtype(0)
        rs, pws, pbs = [], [], []
        for x_t in x:
            p_w = p_w + dt * ((w - 1) * p_w + r)
            p_b = p_b + dt * ((w - 1) * p_b + 1)
            r = r + dt * (-r + w * r + b + x_t)
            rs.append(r), pws.append(p_w), pbs.append(p_b)
        error = np.array(rs) - y
        losses.append(np.mean(error**2) / 2)
        w = w - lr * np.mean(error * np.array(pws))
        b = b - lr * np.mean(error * np.array(pbs))
    return np.array(losses), w, b


def lecture_trainer(**options):
    options = {"optimizer": bp.optim.SGD(lr=0.1), **options}
    return bp_rnn.OfflineTrainer(
        bp_rnn.RNN(), loss="l2_loss", init_state="target", progress_bar=False, **options
    )


def small(method="bptt", cls=bp_rnn.OfflineTrainer, cell=None, **options):
    cell = cases.CELLS["RateRNN"]() if cell is None else cell
    options = {"optimizer": bp.optim.Adam(lr=1e-2), **options}
    trainer = cls(cell, method=method, loss=oracle.half_square, progress_bar=False, **options)
    return trainer, oracle.data(cell, 4, 6)


def values(trainer):
    return {k: np.asarray(v.value) for k, v in trainer.net.vars().unique().items()}


def test_homework_equals_numpy_in_float64():
    x, y = bp_rnn.tasks.homework(3)
    trainer = lecture_trainer()
    losses, w, b = homework_in_numpy(x, y, 10, np.float64)
    np.testing.assert_allclose(trainer.fit((x, y), num_epoch=10), losses, rtol=1e-12)
    np.testing.assert_allclose(trainer.net.w.value[0, 0], w, rtol=1e-12)
    np.testing.assert_allclose(trainer.net.b.value[0], b, rtol=1e-12)


@pytest.mark.usefixtures("float32")
def test_homework_equals_numpy_in_float32():
    x, y = bp_rnn.tasks.homework(3)
    losses, _, _ = homework_in_numpy(x, y, 10, np.float32)
    found = lecture_trainer().fit((x, y), num_epoch=10)
    np.testing.assert_allclose(found, losses, rtol=0, atol=1e-6)


def test_homework_data_follow_the_recipe():
    xs, ys = jax.vmap(lambda k: bp_rnn.tasks.homework(k))(jax.random.split(jax.random.key(0), 2000))
    assert xs.shape == ys.shape == (2000, 10)
    np.testing.assert_allclose(ys.mean(0), np.exp(np.linspace(1, 0, 10)), atol=0.01)
    np.testing.assert_allclose([xs.mean(), xs.std(), ys.std(0).mean()], [0, 0.1, 0.1], atol=3e-3)
    assert (bp_rnn.tasks.homework(1)[0] == bp_rnn.tasks.homework(1)[0]).all()


@few_cells
@both
def test_offline_is_gradient_descent(cell_name, method):
    cell = cases.quiet(cell_name)
    trainer, (xs, ys, state) = small(method, cell=cell, optimizer=bp.optim.SGD(lr=0.5))
    before = cell.params()
    if cell.trains_start:
        state = jnp.broadcast_to(cell.initial_state(before), state.shape)
    else:
        trainer.init_state = state
    loss, grads = oracle.gradient(cell, state, xs, ys)
    assert trainer.fit((xs, ys), num_epoch=1)[0] == pytest.approx(float(loss), rel=1e-12)
    for name, value in cell.params().items():
        np.testing.assert_allclose(value, before[name] - 0.5 * grads[name], rtol=1e-10, atol=1e-14)


@both
@pytest.mark.parametrize("every", [1, 4])
def test_online_updates_while_the_sequence_runs(method, every):
    trainer, (xs, ys, _) = small(
        method, bp_rnn.OnlineTrainer, update_every=every, optimizer=bp.optim.SGD(lr=0.1)
    )
    net, cell = trainer.net, trainer.cell
    params, state = cell.params(), jnp.zeros((4, cell.size))
    loss = trajectory.step_loss(cell.output, oracle.half_square)
    trace, losses = net.start(params, state), []
    for t in range(0, 6, every):  # six steps: the last window of four is shorter
        x, y = xs[:, t : t + every], ys[:, t : t + every]
        found = net.window(params, state, trace, x, trajectory.mean_targets(y), loss)
        params = {k: v - 0.1 * found.grads[k] for k, v in params.items()}
        state, trace = found.state, found.trace
        losses.append(float(found.loss) * x.shape[1])
    fitted = trainer.fit((xs, ys), num_epoch=1)
    assert fitted[0] == pytest.approx(sum(losses) / 6)
    for name, value in cell.params().items():
        np.testing.assert_allclose(value, params[name], rtol=1e-10)


def test_all_epochs_compile_once_for_each_shape():
    trainer, (xs, ys, _) = small()
    trainer.fit((xs, ys), num_epoch=3)
    trainer.fit((xs[:2], ys[:2]), num_epoch=3)
    with counted() as compiled:
        trainer.fit((xs, ys), num_epoch=250)
        trainer.fit((xs[:2], ys[:2]), num_epoch=3)
    assert not compiled


@pytest.mark.parametrize("method", ["block_rtrl", "snap", "uoro"])
def test_going_on_with_a_stream_compiles_nothing(method):
    trainer, (xs, ys, _) = small(method)
    for _ in range(2):
        trainer.fit((xs[0], ys[0]), num_epoch=2, reset_state=False)
    with counted() as compiled:
        trainer.fit((xs[0], ys[0]), num_epoch=2, reset_state=False)
    assert not compiled


def test_a_learning_rate_set_from_outside_is_used():
    optimizer = bp.optim.SGD(lr=0.1)
    trainer, (xs, ys, _) = small(optimizer=optimizer)
    trainer.fit((xs, ys), num_epoch=1)
    optimizer.lr.set_value(0.0)
    before = trainer.cell.params()
    trainer.fit((xs, ys), num_epoch=1)
    assert all((v == before[k]).all() for k, v in trainer.cell.params().items())


@pytest.mark.parametrize(
    ("brainpy", "reference"),
    [
        (lambda: bp.optim.SGD(lr=0.1), lambda: optax.sgd(0.1)),
        (lambda: bp.optim.Momentum(lr=0.1), lambda: optax.sgd(0.1, momentum=0.9)),
        # the two add eps before and after the bias correction: without it they must agree
        (lambda: bp.optim.Adam(lr=0.01, eps=1e-30), lambda: optax.adam(0.01, eps=1e-30)),
        (
            lambda: bp.optim.SGD(lr=bp.optim.StepLR(0.1, step_size=5, gamma=0.5)),
            lambda: optax.sgd(optax.exponential_decay(0.1, 5, 0.5, staircase=True)),
        ),
    ],
)
def test_brainpys_optimisers_equal_optax(brainpy, reference):
    ends = []
    for make in (brainpy, reference):
        trainer, (xs, ys, _) = small(optimizer=make())
        trainer.fit((xs, ys), num_epoch=12)
        ends.append(trainer.cell.params())
    assert oracle.relative_error(*ends) < 1e-6


def test_clipping_equals_optax():
    ends = []
    for options in (
        {"clip_norm": 0.01, "optimizer": optax.sgd(1.0)},
        {"optimizer": optax.chain(optax.clip_by_global_norm(0.01), optax.sgd(1.0))},
        {"clip_norm": 1e6, "optimizer": optax.sgd(1.0)},
        {"optimizer": optax.sgd(1.0)},
    ):
        trainer, (xs, ys, _) = small(**options)
        trainer.fit((xs, ys), num_epoch=3)
        ends.append(trainer.cell.params())
    assert oracle.relative_error(ends[0], ends[1]) < 1e-12
    assert oracle.relative_error(ends[2], ends[3]) == 0
    assert oracle.relative_error(ends[0], ends[3]) > 1e-3


def test_minibatches_cover_the_data_once():
    trainer, (xs, ys, _) = small(optimizer=bp.optim.SGD(lr=0.0))
    whole = trainer.fit((xs, ys), num_epoch=1)
    parts = trainer.fit((xs, ys), num_epoch=1, batch_size=2)
    assert parts[0] == pytest.approx(whole[0])


def test_batch_mode_writes_the_last_state():
    cell = cases.CELLS["RateRNN"](bm.TrainingMode(4))
    trainer, (xs, ys, _) = small("rtrl", cell=cell, optimizer=bp.optim.SGD(lr=0.0))
    trainer.fit((xs, ys), num_epoch=1)
    np.testing.assert_allclose(cell.z.value, trainer.predict(xs)[:, -1], rtol=1e-10)
    assert trainer.net.p_w.shape == (4, cases.NUM, cases.NUM, cases.NUM)


def test_a_stream_goes_on_where_it_was():
    ends = []
    for cuts in ([6], [2, 4]):
        trainer, (xs, ys, _) = small("rtrl", bp_rnn.OnlineTrainer)
        start = 0
        for i, num in enumerate(cuts):
            part = xs[0, start : start + num], ys[0, start : start + num]
            trainer.fit(part, num_epoch=1, reset_state=i == 0)
            start += num
        ends.append(trainer.cell.params())
    assert oracle.relative_error(*ends) < 1e-12


@both
@pytest.mark.parametrize("optimizer", [lambda: bp.optim.Adam(lr=0.01), lambda: optax.adam(0.01)])
def test_a_resumed_run_gives_the_same_bits(tmp_path, method, optimizer):
    path = str(tmp_path / "checkpoint.bp")
    whole, (xs, ys, _) = small(method, optimizer=optimizer())
    whole.fit((xs, ys), num_epoch=20, batch_size=2)
    first, _ = small(method, optimizer=optimizer())
    first.fit((xs, ys), num_epoch=8, batch_size=2)
    bp.checkpoints.save_pytree(path, first.state_dict(), verbose=False)
    second, _ = small(method, optimizer=optimizer())
    second.load_state_dict(bp.checkpoints.load_pytree(path))
    second.fit((xs, ys), num_epoch=12, batch_size=2)
    jax.tree.map(np.testing.assert_array_equal, second.state_dict(), whole.state_dict())


def test_a_stream_resumes_with_its_sensitivities(tmp_path):
    path = str(tmp_path / "checkpoint.bp")
    trainer, (xs, ys, _) = small("rtrl", bp_rnn.OnlineTrainer)
    trainer.fit((xs[0, :3], ys[0, :3]), num_epoch=1)
    bp.checkpoints.save_pytree(path, trainer.state_dict(), verbose=False)
    other, _ = small("rtrl", bp_rnn.OnlineTrainer)
    other.load_state_dict(bp.checkpoints.load_pytree(path))
    for t in (trainer, other):
        t.fit((xs[0, 3:], ys[0, 3:]), num_epoch=1, reset_state=False)
    jax.tree.map(np.testing.assert_array_equal, other.state_dict(), trainer.state_dict())
    assert np.asarray(other.state_dict()["trace"]["p_w"]).any()


def test_a_checkpoint_that_does_not_fit_changes_nothing():
    trainer, _ = small()
    good = trainer.state_dict()
    before = values(trainer)
    wrong = {**good, "params": {**good["params"], "w": jnp.zeros((2, 2))}}
    with pytest.raises(ValueError, match=r"checkpoint\.params\.w must be float64\(5, 5\)"):
        trainer.load_state_dict(wrong)
    with pytest.raises(ValueError, match="checkpoint must have entries"):
        trainer.load_state_dict({"params": good["params"]})
    assert all((v == before[k]).all() for k, v in values(trainer).items())


def test_predict_records_the_monitors():
    cell = cases.CELLS["RateRNN"]()
    monitors = {
        "r": "r",
        "p": cell.r,
        "first": ("r", 0),
        "norm": lambda: jnp.linalg.norm(cell.r.value),
        "p_w": "p_w",
    }
    trainer, (xs, _, _) = small("rtrl", cell=cell, monitors=monitors)
    before = values(trainer)
    zs = trainer.predict(xs)
    assert zs.shape == (4, 6, cases.NUM_OUT)
    mon = trainer.mon
    assert mon.p_w.shape == (4, 6, cases.NUM, cases.NUM, cases.NUM)
    np.testing.assert_array_equal(mon.r, mon.p)
    np.testing.assert_array_equal(mon.first, mon.r[..., 0])
    np.testing.assert_allclose(mon.norm, np.linalg.norm(mon.r, axis=-1))
    np.testing.assert_allclose(zs, mon.r @ cell.w_out.value.T + cell.b_out.value, rtol=1e-10)
    assert all((v == before[k]).all() for k, v in values(trainer).items())
    runner = bp.DSRunner(trainer.net, monitors=["r", "p_w"], progress_bar=False)
    trainer.net.reset()
    runner.run(inputs=xs[1])
    np.testing.assert_allclose(runner.mon["p_w"], mon.p_w[1], rtol=1e-10, atol=1e-14)
    assert trainer.predict(xs[0]).shape == (6, cases.NUM_OUT)


@pytest.mark.parametrize("mode", [None, bm.TrainingMode(4)])
def test_monitors_are_those_of_one_sample_in_every_mode(mode):
    cell = cases.CELLS["RateRNN"](mode)
    monitors = {"weights": "w", "p": ("p_w", 1), "twice": lambda: 2 * cell.r.value, "r": "r"}
    trainer, (xs, _, _) = small("rtrl", cell=cell, monitors=monitors)
    trainer.predict(xs)
    mon = trainer.mon
    np.testing.assert_array_equal(mon.weights[2, 3], cell.w.value)
    assert mon.p.shape == (4, 6, cases.NUM, cases.NUM)
    np.testing.assert_array_equal(mon.p[:, 0, [0, 2]], 0)  # the first step moves row 1 alone
    np.testing.assert_array_equal(mon.twice, 2 * mon.r)


def test_progress_bar_shows_the_loss_and_can_be_off(capfd):
    trainer, (xs, ys, _) = small()
    trainer.fit((xs, ys), num_epoch=3)
    assert capfd.readouterr().err == ""
    trainer.progress_bar = True
    last = trainer.fit((xs, ys), num_epoch=3)[-1]
    assert f"loss={last:.4g}" in capfd.readouterr().err


@pytest.mark.parametrize("where", ["computing", "writing"])
def test_an_interrupt_keeps_the_finished_chunks(monkeypatch, where):
    trainer, (xs, ys, _) = small(optimizer=optax.adam(0.01))
    # it writes after the parameters, before the state
    right = trainer._find_fit(True) if where == "computing" else trainer.optimizer.write
    calls = []

    def interrupted(*args, **options):
        calls.append(where)
        found = right(*args, **options) if where == "computing" else None
        if len(calls) == 3:
            raise KeyboardInterrupt
        return found if where == "computing" else right(*args, **options)

    if where == "computing":
        monkeypatch.setattr(trainer, "_find_fit", lambda always: interrupted)
    else:
        monkeypatch.setattr(trainer.optimizer, "write", interrupted)
    monkeypatch.setattr("bp_rnn.train._base.CHUNK_SECONDS", 0)  # one epoch a chunk
    with pytest.raises(KeyboardInterrupt):
        trainer.fit((xs, ys), num_epoch=10)
    done = len(trainer.train_losses)
    assert done == (2 if where == "computing" else 3)
    again, _ = small(optimizer=optax.adam(0.01))
    again.fit((xs, ys), num_epoch=done)
    jax.tree.map(np.testing.assert_array_equal, trainer.state_dict(), again.state_dict())


def test_a_loss_that_is_not_finite_stops_with_the_last_good_parameters():
    x, y = bp_rnn.tasks.homework(0)
    trainer = lecture_trainer(optimizer=bp.optim.SGD(lr=1e6))
    with pytest.raises(FloatingPointError, match=r"epoch (\d+)") as caught:
        trainer.fit((x, y), num_epoch=50)
    epoch = int(str(caught.value).split("epoch ")[1].split()[0])
    assert np.isfinite(trainer.train_losses).all()
    again = lecture_trainer(optimizer=bp.optim.SGD(lr=1e6))
    again.fit((x, y), num_epoch=epoch - 2)
    np.testing.assert_array_equal(trainer.net.w.value, again.net.w.value)
    assert np.isfinite(np.asarray(trainer.predict(x))).all()


def test_twenty_units_learn_what_one_cannot():
    t = np.arange(40)
    y = np.sin(2 * np.pi * t / 20)[:, None]
    x = np.zeros((40, 1))
    x[:5] = 1.0
    losses = {}
    for num in (1, 20):
        cell = bp_rnn.RateRNN(1, num, num_out=1)
        trainer = bp_rnn.OfflineTrainer(
            cell, method="rtrl", optimizer=bp.optim.Adam(lr=1e-2), progress_bar=False
        )
        losses[num] = trainer.fit((x, y), num_epoch=1500)[-1]
    assert losses[20] < 0.1 * losses[1]
