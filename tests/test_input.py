"""Bad input raises an error that names the argument, before anything is changed."""

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np
import pytest

import bp_rnn

X, Y = np.zeros((6, 3)), np.zeros((6, 2))


def nan(a):
    a = a.copy()
    a[4, 1] = np.nan
    return a


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ((X[:, :2], Y), ValueError, r"x must have shape \(time, 3\).*got \(6, 2\)"),
        ((X[0], Y), ValueError, r"x must have shape .* got \(3,\)"),
        ((X[:0], Y[:0]), ValueError, r"x must have shape .* got \(0, 3\)"),
        ((X, Y[:5]), ValueError, r"y must have shape \(6, 2\).* got \(5, 2\)"),
        ((X, Y[:, :1]), ValueError, r"y must have shape \(6, 2\).* got \(6, 1\)"),
        ((X[None], Y), ValueError, r"y must have shape \(1, 6, 2\).* got \(6, 2\)"),
        ((X.astype(complex), Y), TypeError, "x must hold real numbers, got dtype complex128"),
        ((X.astype(str), Y), TypeError, "x must hold real numbers"),
        ((X, Y.astype(object)), TypeError, "y must hold real numbers, got dtype object"),
        ((nan(X), Y), ValueError, r"x must be finite, got nan at index \(4, 1\)"),
        ((X, nan(Y)), ValueError, r"y must be finite, got nan at index \(4, 1\)"),
        (([[1.0], [1.0, 2.0]], Y), ValueError, "x must be a rectangular array"),
        ((X, np.full(6, 2)), ValueError, "y must hold class labels from 0 to 1, got 2"),
        (X, TypeError, r"data must be a pair \(x, y\) or a triple \(x, y, mask\)"),
    ],
)
def test_data(data, error, message):
    cell = bp_rnn.RateRNN(3, 4, num_out=2)
    trainer = bp_rnn.OfflineTrainer(cell, method="rtrl", progress_bar=False)
    before = {k: v.value for k, v in trainer.net.vars().unique().items()}
    with pytest.raises(error, match=message):
        trainer.fit(data, num_epoch=2)
    assert all(before[k] is v.value for k, v in trainer.net.vars().unique().items())
    assert not len(trainer.train_losses)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_epoch": -1}, ValueError, "num_epoch must be at least 0, got -1"),
        ({"num_epoch": 2.5}, TypeError, "num_epoch must be an integer, got 2.5"),
        ({"num_epoch": True}, TypeError, "num_epoch must be an integer, got True"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": 3}, ValueError, "batch_size must divide the 4 sequences of x, got 3"),
        ({"reset_state": False}, ValueError, "reset_state=False goes on from a state of batch 1"),
    ],
)
def test_fit_options(options, error, message):
    cell = bp_rnn.RateRNN(3, 4, num_out=2)
    trainer = bp_rnn.OfflineTrainer(cell, progress_bar=False)
    before = cell.params()
    with pytest.raises(error, match=message):
        trainer.fit((np.stack([X] * 4), np.stack([Y] * 4)), **options)
    assert all(before[k] is v for k, v in cell.params().items())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"phi": "tan"}, ValueError, "unknown phi 'tan'; expected one of .*'tanh'"),
        ({"phi": 3}, TypeError, "phi must be a name or a callable, got 3"),
        ({"phi": lambda v: v[::-1]}, ValueError, "phi must act on each unit alone"),
        ({"tau": 0.0}, ValueError, "tau must be positive, got 0.0"),
        ({"tau": -1.0}, ValueError, "tau must be positive, got -1.0"),
        ({"tau": [1.0, 2.0]}, ValueError, r"tau must be a number or of shape \(4,\), got \(2,\)"),
        ({"tau": float("nan")}, ValueError, "tau must be finite"),
        ({"dt": 0.0}, ValueError, "dt must be positive, got 0.0"),
        ({"dt": -0.1}, ValueError, "dt must be positive, got -0.1"),
        ({"integrator": "eule"}, ValueError, "unknown integrator 'eule'"),
        ({"w": np.zeros((3, 3))}, ValueError, r"w must have shape \(4, 4\), got \(3, 3\)"),
        ({"b": float("nan")}, ValueError, "b must be finite"),
        ({"num_out": 0}, ValueError, "num_out must be at least 1, got 0"),
    ],
)
def test_cell_options(options, error, message):
    with pytest.raises(error, match=message):
        bp_rnn.RateRNN(3, 4, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"method": "rtlr"},
            ValueError,
            r"unknown method 'rtlr'; expected one of \['block_rtrl', 'bptt', 'eprop', .*'rtrl'",
        ),
        ({"loss": "l3"}, ValueError, "unknown loss 'l3'; expected one of"),
        ({"optimizer": "adam"}, TypeError, "optimizer must be one of bp.optim or an optax"),
        ({"clip_norm": 0.0}, ValueError, "clip_norm must be positive, got 0.0"),
        ({"clip_value": -1.0}, ValueError, "clip_value must be positive, got -1.0"),
        ({"penalties": bp_rnn.Omega()}, TypeError, "penalties must be a sequence, got Omega"),
        ({"penalties": [3]}, TypeError, "penalties must be Omega or functions of .* got int"),
        (
            {"penalties": [bp_rnn.WeightL2(1.0, names=["q"])]},
            ValueError,
            "unknown names 'q'; expected one of .*'w'",
        ),
        ({"monitors": ["q"]}, ValueError, "unknown monitor 'q'; .* has .*'r'"),
        ({"monitors": "r"}, TypeError, "monitors must be a sequence or a mapping"),
    ],
)
def test_trainer_options(options, error, message):
    with pytest.raises(error, match=message):
        bp_rnn.OfflineTrainer(bp_rnn.RateRNN(3, 4), **options)


CELL_ERRORS = [
    (lambda: bp_rnn.CTRNN(3, 4, noise=-0.1), ValueError, "noise must not be negative, got -0.1"),
    (lambda: bp_rnn.CTRNN(3, 4, noise=[0.1]), ValueError, r"noise must be a number or of shape"),
    (lambda: bp_rnn.CTRNN(3, 4, noise_in=-1), ValueError, "noise_in must not be negative"),
    (lambda: bp_rnn.CTRNN(3, 4, tau=-1.0), ValueError, "tau must be positive"),
    (lambda: bp_rnn.TwoTimescaleRNN(3, 4, tau_s=0.0), ValueError, "tau_s must be positive"),
    (lambda: bp_rnn.TwoTimescaleRNN(3, 4, tau_r=-1.0), ValueError, "tau_r must be positive"),
    (lambda: bp_rnn.TwoTimescaleRNN(3, 4, tau_r=[1, 2]), ValueError, "tau_r must be a number or"),
    (lambda: bp_rnn.VanillaRNN(3, 4, leak=0.0), ValueError, "leak must be positive, got 0.0"),
    (lambda: bp_rnn.VanillaRNN(3, 4, leak=1.5), ValueError, "leak must be at most 1, got 1.5"),
    (lambda: bp_rnn.VanillaRNN(None, 4), TypeError, "num_in must be an integer, got None"),
    (lambda: bp_rnn.LSTM(3, 0), ValueError, "num must be at least 1, got 0"),
    (lambda: bp_rnn.LSTM(3, 4, w=np.zeros((4, 4))), ValueError, r"w must have shape \(4, 4, 4\)"),
    (
        lambda: bp_rnn.LSTM(3, 4, init_state=[0.0] * 4),
        ValueError,
        r"init_state must have shape \(8",
    ),
    (lambda: bp_rnn.LSTM(3, 4, init_state=np.nan), ValueError, "init_state must be finite"),
    (lambda: bp_rnn.GRU(3.5, 4), TypeError, "num_in must be an integer, got 3.5"),
    (lambda: bp_rnn.GRU(3, 4, key="a"), TypeError, "key must be an integer or a JAX key, got 'a'"),
    (lambda: bp_rnn.IndRNN(3, 4, w=np.eye(4)), ValueError, r"w must have shape \(4,\), got \(4, 4"),
    (lambda: bp_rnn.Deep([]), ValueError, "layers must hold at least one cell"),
    (lambda: bp_rnn.Deep(bp_rnn.GRU(3, 4)), TypeError, "layers must be a sequence of cells, got G"),
    (lambda: bp_rnn.Deep([3]), TypeError, r"layers\[0\] must be a bp_rnn Cell, got int"),
    (
        lambda: bp_rnn.Deep([bp_rnn.GRU(3, 4), bp_rnn.GRU(3, 4)]),
        ValueError,
        r"layers\[1\] must have num_in=4, the outputs of the layer below, got 3",
    ),
    (lambda: bp_rnn.Deep([bp_rnn.GRU(3, 3)] * 2), ValueError, "layers must be different objects"),
    (
        lambda: bp_rnn.Deep([bp_rnn.GRU(3, 4), bp_rnn.GRU(4, 4, mode=bm.TrainingMode(2))]),
        ValueError,
        r"layers\[1\] must have the mode",
    ),
    (
        lambda: bp_rnn.Bidirectional(bp_rnn.GRU(3, 4), bp_rnn.GRU(2, 4)),
        ValueError,
        "backward must have num_in=3",
    ),
    (
        lambda: bp_rnn.Bidirectional(bp_rnn.GRU(3, 4), 1),
        TypeError,
        "backward must be a bp_rnn Cell",
    ),
    (
        lambda: bp_rnn.Bidirectional(bp_rnn.GRU(3, 4), bp_rnn.GRU(3, 4), init_state=1.0),
        TypeError,
        "init_state.* must be given to forward and backward",
    ),
    (lambda: bp_rnn.Omega(-1.0), ValueError, "strength must not be negative, got -1.0"),
    (lambda: bp_rnn.RateL2(np.nan), ValueError, "strength must be finite"),
    (lambda: bp_rnn.WeightL2(-1.0), ValueError, "strength must not be negative"),
]


@pytest.mark.parametrize(("make", "error", "message"), CELL_ERRORS)
def test_networks_and_penalties(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("data", "lengths", "error", "message"),
    [
        ((X, Y, np.ones(5)), None, ValueError, r"mask must have shape \(6,\), got \(5,\)"),
        ((X, Y, -np.ones(6)), None, ValueError, "mask must not be negative, got -1"),
        ((X, Y, np.zeros(6)), None, ValueError, "mask must be above zero at some step"),
        ((X, Y, np.full(6, np.nan)), None, ValueError, "mask must be finite"),
        ((X, Y), [7], ValueError, "lengths must be from 1 to 6, got 7 to 7"),
        ((X, Y), [0], ValueError, "lengths must be from 1 to 6, got 0 to 0"),
        ((X, Y), [2, 3], ValueError, r"lengths must have shape \(1,\), got \(2,\)"),
        ((X, Y), [2.0], TypeError, "lengths must be integers, got dtype float64"),
        ((X, Y, np.arange(6) == 5), [3], ValueError, "mask must be above zero at some step within"),
    ],
)
def test_masks_and_lengths(data, lengths, error, message):
    trainer = bp_rnn.OfflineTrainer(bp_rnn.RateRNN(3, 4, num_out=2), progress_bar=False)
    before = trainer.cell.params()
    with pytest.raises(error, match=message):
        trainer.fit(data, num_epoch=1, lengths=lengths)
    assert all(before[k] is v for k, v in trainer.cell.params().items())


def test_a_learnt_start_beside_a_given_one():
    cell = bp_rnn.RateRNN(3, 4, train_init_state=True)
    with pytest.raises(ValueError, match=r"init_state must be None: .* learns its own"):
        bp_rnn.OfflineTrainer(cell, init_state=np.zeros(4))


def test_update_every():
    with pytest.raises(ValueError, match="update_every must be at least 1, got 0"):
        bp_rnn.OnlineTrainer(bp_rnn.RateRNN(3, 4), update_every=0)


@pytest.mark.parametrize(
    ("init_state", "message"),
    [
        ("first", r"unknown init_state 'first'; expected one of \['target'\]"),
        ("target", "init_state='target' needs targets of the size of the state, 4"),
        (np.zeros(3), r"init_state must have shape \(4,\) or \(1, 4\), got \(3,\)"),
        (np.full(4, np.inf), "init_state must be finite"),
    ],
)
def test_init_state(init_state, message):
    cell = bp_rnn.RateRNN(3, 4, num_out=2)
    trainer = bp_rnn.OfflineTrainer(cell, init_state=init_state, progress_bar=False)
    with pytest.raises(ValueError, match=message):
        trainer.fit((X, Y), num_epoch=1)


def test_a_model_without_trainable_parameters():
    system = bp.dyn.RNNCell(3, 4)  # BrainPy makes no TrainVar outside TrainingMode
    with pytest.raises(ValueError, match="no trainable parameters"):
        bp_rnn.OfflineTrainer(system)


def test_an_optimiser_of_another_model():
    optimizer = bp.optim.Adam(lr=0.1)
    bp_rnn.OfflineTrainer(bp_rnn.RateRNN(3, 4), optimizer=optimizer)
    with pytest.raises(ValueError, match="optimizer already trains"):
        bp_rnn.OfflineTrainer(bp_rnn.RateRNN(3, 4), optimizer=optimizer)


def test_a_method_beside_an_algorithm():
    net = bp_rnn.RTRL(bp_rnn.RateRNN(3, 4))
    with pytest.raises(ValueError, match="method is 'bptt', but target is already RTRL"):
        bp_rnn.OfflineTrainer(net, method="bptt")


def test_a_runner_with_another_time_step():
    net = bp_rnn.RNN(dt=0.05)
    x = np.zeros(3)
    with pytest.raises(ValueError, match=r"dt of the run is 0.1, but .* built with dt=0.05"):
        bp.DSRunner(net, monitors=["r"], progress_bar=False).run(inputs=x)
    bp.DSRunner(net, dt=0.05, monitors=["r"], progress_bar=False).run(inputs=x)


def test_an_input_of_the_wrong_shape_at_one_step():
    net = bp_rnn.RTRL(bp_rnn.RateRNN(3, 4))
    with pytest.raises(ValueError, match=r"x must have shape \(3,\) at each step, got \(4,\)"):
        net.update(jnp.zeros(4))


def test_from_brainpy():
    class Silent(bp.DynamicalSystem):
        def update(self, x):
            pass

    with pytest.raises(ValueError, match="system Silent returns nothing and has no Variable"):
        bp_rnn.from_brainpy(Silent(), 3)
    with pytest.raises(ValueError, match="num_in must be given: Silent"):
        bp_rnn.from_brainpy(Silent())
    with pytest.raises(TypeError, match=r"system must be a bp.DynamicalSystem, got int"):
        bp_rnn.from_brainpy(3)


def test_nothing_global_is_changed():
    dt, state = bm.get_dt(), np.random.get_state()[1].copy()  # noqa: NPY002
    trainer = bp_rnn.OfflineTrainer(bp_rnn.RateRNN(3, 4, num_out=2), progress_bar=False)
    trainer.fit((X, Y), num_epoch=2)
    trainer.predict(X)
    assert bm.get_dt() == dt
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
