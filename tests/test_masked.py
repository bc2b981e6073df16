"""What is masked does not exist: no number depends on it, and no step without loss teaches."""

import functools

import brainpy as bp
import cases
import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest

import bp_rnn
from bp_rnn.functional import trajectory
from bp_rnn.gradients.methods import METHODS

LENGTHS = [6, 2, 4]
FILLINGS = {"zero": 0.0, "nan": np.nan, "inf": np.inf, "large": 1e300}
online = functools.partial(bp_rnn.OnlineTrainer, update_every=4)
PENALTIES = [bp_rnn.RateL2(0.1), bp_rnn.WeightL2(0.1), bp_rnn.Omega(0.1)]


def vanilla():
    return bp_rnn.VanillaRNN(cases.NUM_IN, 3, num_out=cases.NUM_OUT)


def with_filling(filling, seed=0):
    """Three sequences; step 1 of the first has no loss."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(3, 6, cases.NUM_IN)), rng.normal(size=(3, 6, cases.NUM_OUT))
    mask = rng.uniform(0.5, 1.0, size=(3, 6))
    mask[0, 1], y[0, 1] = 0.0, filling
    for i, n in enumerate(LENGTHS):
        x[i, n:], y[i, n:], mask[i, n:] = filling, filling, filling
    return x, y, mask


def trained(make, cell, data, lengths=LENGTHS, num_epoch=2, **options):
    options = {"optimizer": bp.optim.Adam(lr=1e-2), "loss": oracle.half_square, **options}
    trainer = make(cell, progress_bar=False, **options)
    losses = trainer.fit(data, num_epoch=num_epoch, lengths=lengths)
    return trainer, {"losses": losses, **trainer.cell.params()}


def assert_same_bits(found, right):
    assert found.keys() == right.keys()
    for name, value in right.items():
        assert np.isfinite(np.asarray(value)).all(), name
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize(
    ("make", "cell", "options"),
    [
        *[
            pytest.param(bp_rnn.OfflineTrainer, vanilla, {"method": method}, id=method)
            for method in METHODS
        ],
        pytest.param(online, vanilla, {"penalties": PENALTIES}, id="online"),
        pytest.param(online, vanilla, {"method": "bptt"}, id="truncated"),
        pytest.param(
            bp_rnn.OfflineTrainer, cases.CELLS["Deep"], {"penalties": PENALTIES[:2]}, id="Deep"
        ),
        pytest.param(
            bp_rnn.OfflineTrainer,
            lambda: bp_rnn.Bidirectional(
                bp_rnn.GRU(cases.NUM_IN, 2), bp_rnn.GRU(cases.NUM_IN, 3, key=1), num_out=2
            ),
            {"penalties": PENALTIES[:1]},
            id="Bidirectional",
        ),
    ],
)
def test_no_result_depends_on_the_filling(make, cell, options):
    results = {}
    for name, filling in FILLINGS.items():
        x, y, mask = with_filling(filling)
        trainer, results[name] = trained(make, cell(), (x, y, mask), **options)
        zs = trainer.predict(x, lengths=LENGTHS)
        results[name]["zs"] = np.concatenate([zs[i, :n] for i, n in enumerate(LENGTHS)])
    for name in FILLINGS:
        assert_same_bits(results[name], results["zero"])


@pytest.mark.parametrize(
    "loss",
    [
        lambda z, y: ((z - y) / y) ** 2,  # not for a target of zero
        lambda z, y: jnp.sqrt(jnp.abs(z - y)),
        lambda z, y: jnp.sum(y * jnp.log(y / jax.nn.softmax(z))),
        lambda z, y: jnp.linalg.norm(z - y),
    ],
)
@pytest.mark.parametrize("method", ["rtrl", "bptt"])
def test_a_loss_is_not_asked_where_nothing_counts(loss, method):
    """Zero times NaN is NaN; and a penalty need not be fit for what a network does in filling."""
    x, y, mask = with_filling(np.nan)
    data = x, np.abs(y), mask

    def penalty(params, hidden):
        return 0.1 * jnp.linalg.norm(hidden)

    _, found = trained(
        bp_rnn.OfflineTrainer, vanilla(), data, loss=loss, method=method, penalties=[penalty]
    )
    assert all(np.isfinite(np.asarray(v)).all() for v in found.values())


def test_every_form_of_the_same_data_gives_the_same_bits():
    x, y, mask = with_filling(np.nan)
    _, right = trained(bp_rnn.OfflineTrainer, vanilla(), (x, y, mask))
    pieces = [[v[i, :n] for i, n in enumerate(LENGTHS)] for v in (x, y, mask)]
    pieces[1][0][1] = 3.0  # masked by the zero in the mask
    hidden = np.isnan(x)
    unseen = np.isnan(y)
    forms = [
        tuple(pieces),
        (np.ma.array(np.where(hidden, 5.0, x), mask=hidden), y, mask),
        (pieces[0], np.ma.array(np.where(unseen, 5.0, y), mask=unseen), np.nan_to_num(mask, nan=1)),
    ]
    for data in forms:
        _, found = trained(bp_rnn.OfflineTrainer, vanilla(), data, lengths=None)
        assert_same_bits(found, right)


@pytest.mark.parametrize("name", ["VanillaRNN", "Bidirectional"])
def test_a_list_is_predicted_as_each_of_its_sequences(name):
    cell = {**cases.CELLS, **cases.WHOLE_SEQUENCE_CELLS}[name]()
    monitors = ["h"] if cell.causal else None
    trainer = bp_rnn.OfflineTrainer(cell, monitors=monitors, progress_bar=False)
    xs = [np.random.default_rng(n).normal(size=(n, cases.NUM_IN)) for n in (9, 5, 11)]
    found = trainer.predict(xs)
    assert isinstance(found, list)
    seen = trainer.mon
    for i, x in enumerate(xs):
        np.testing.assert_allclose(found[i], trainer.predict(x), rtol=1e-12)
        if monitors:
            np.testing.assert_allclose(seen.h[i], trainer.mon.h, rtol=1e-12)
            assert seen.h[i].shape == (len(x), cases.NUM)


@pytest.mark.parametrize("name", ["VanillaRNN", "Bidirectional"])
def test_many_lengths_take_few_programs(name):
    cell = {**cases.CELLS, **cases.WHOLE_SEQUENCE_CELLS}[name]()
    trainer = bp_rnn.OfflineTrainer(cell, progress_bar=False)
    x = np.random.default_rng(0).normal(size=(60, cases.NUM_IN))
    trainer.predict(x[:32])
    compiled = []

    def listen(event, seconds, **_):
        if "backend_compile" in event:
            compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        outputs = [trainer.predict(x[:n]) for n in range(33, 57)]
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert 3 <= len(compiled) <= 8  # of 24 lengths: 40, 48, 56
    assert [len(z) for z in outputs] == list(range(33, 57))
    if cell.causal:
        np.testing.assert_allclose(outputs[0], outputs[-1][:33], rtol=1e-12)


@pytest.mark.parametrize("method", ["rtrl", "bptt"])
def test_a_batch_without_loss_teaches_nothing(method):
    """One sequence of two counts: Adam takes one step, of the size of its rate."""
    x, y, _ = with_filling(0.0)
    mask = np.zeros((2, 6))
    mask[1, [2, 5]] = 1.0
    data = x[:2], y[:2], mask
    cell = vanilla()
    before = cell.params()
    optimizer = bp.optim.Adam(lr=1e-2)
    trainer = bp_rnn.OfflineTrainer(
        cell, method=method, optimizer=optimizer, penalties=PENALTIES[:1], progress_bar=False
    )
    first = trainer.fit(data, num_epoch=1, batch_size=1)
    moved = [np.abs(v - before[k]).max() for k, v in cell.params().items()]
    np.testing.assert_allclose(moved, 1e-2, rtol=1e-3)
    alone = bp_rnn.OfflineTrainer(
        vanilla(),
        method=method,
        optimizer=bp.optim.Adam(lr=1e-2),
        penalties=PENALTIES[:1],
        progress_bar=False,
    )
    right = alone.fit(tuple(v[1:] for v in data), num_epoch=3)
    more = trainer.fit(data, num_epoch=2, batch_size=1)
    np.testing.assert_allclose(np.append(first, more), right, rtol=1e-10)
    assert oracle.relative_error(cell.params(), alone.cell.params()) < 1e-10


def test_a_window_without_loss_teaches_nothing():
    x, y, _ = with_filling(0.0)
    mask = np.zeros((3, 6))
    mask[:, 4:] = 1.0
    cell = vanilla()
    before = cell.params()
    trainer, found = trained(
        functools.partial(bp_rnn.OnlineTrainer, update_every=2),
        cell,
        (x, y, mask),
        lengths=None,
        num_epoch=1,
        penalties=PENALTIES[:1],
        optimizer=bp.optim.SGD(lr=1.0),
    )
    # the one update is that of the last window, from where the first weights have led
    net = bp_rnn.RTRL(vanilla())
    params, state = net.cell.params(), jnp.zeros((3, 3))
    loss = trajectory.step_loss(net.cell.output, oracle.half_square, PENALTIES[0])
    trace = net.start(params, state)
    for t in range(0, 6, 2):
        targets = trajectory.mean_targets(jnp.asarray(y[:, t : t + 2]))
        window = net.window(params, state, trace, jnp.asarray(x[:, t : t + 2]), targets, loss)
        state, trace = window.state, window.trace
    assert found["losses"][0] == pytest.approx(float(window.loss), rel=1e-12)
    for name, value in trainer.cell.params().items():
        np.testing.assert_allclose(value, before[name] - window.grads[name], rtol=1e-9, atol=1e-14)


def test_the_loss_of_an_epoch_is_the_mean_over_what_counts():
    x, y, mask = with_filling(0.0)
    options = {"optimizer": bp.optim.SGD(lr=0.0), "num_epoch": 1}
    _, whole = trained(bp_rnn.OfflineTrainer, vanilla(), (x, y, mask), **options)
    trainer = bp_rnn.OfflineTrainer(
        vanilla(), optimizer=bp.optim.SGD(lr=0.0), loss=oracle.half_square, progress_bar=False
    )
    parts = trainer.fit((x, y, mask), num_epoch=1, batch_size=1, lengths=LENGTHS)
    assert parts[0] == pytest.approx(whole["losses"][0], rel=1e-12)


def test_the_state_in_the_filling_is_not_kept():
    x, y, mask = with_filling(0.0)
    cell = vanilla()
    trainer, _ = trained(bp_rnn.OfflineTrainer, cell, (x[:1], y[:1], mask[:1]), lengths=None)
    kept = np.asarray(cell.h.value)
    assert kept.any()
    trainer.fit((x[1:2], y[1:2]), num_epoch=1, lengths=[2])
    np.testing.assert_array_equal(cell.h.value, kept)
    with pytest.raises(ValueError, match="reset_state must be True for sequences of different"):
        trainer.fit((x[1:2], y[1:2]), lengths=[2], reset_state=False)


def test_a_masked_target_is_no_initial_state():
    x, y, mask = with_filling(0.0)
    mask[1, 0] = 0.0
    cell = bp_rnn.VanillaRNN(cases.NUM_IN, cases.NUM_OUT)
    trainer = bp_rnn.OfflineTrainer(cell, init_state="target", progress_bar=False)
    with pytest.raises(ValueError, match="init_state='target' needs the first target of every"):
        trainer.fit((x, y, mask), lengths=LENGTHS)


def test_gradients_are_looked_at_without_the_filling():
    results = []
    for filling in FILLINGS.values():
        x, y, mask = with_filling(filling)
        cell = vanilla()
        args = None, x, y, "l2_loss", mask
        norms = bp_rnn.gradient_norms(cell, *args, lengths=LENGTHS)
        check = bp_rnn.check_gradient(bp_rnn.RTRL(cell), *args, lengths=LENGTHS)
        assert max(check.relative_error.values()) < 1e-10
        assert (np.asarray(norms)[1, 3:] == 0).all()
        results.append({"norms": norms, "cosine": check.cosine})
    for found in results:
        assert_same_bits(found, results[0])


def resting():
    net = bp_rnn.Implicit(cases.EQUILIBRIUM_CELLS["EnergyRNN"](), search="anderson")
    return bp_rnn.EquilibriumTrainer(net, progress_bar=False)


def test_masked_samples_of_an_equilibrium_are_left_out():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, cases.NUM_IN)), rng.normal(size=(4, cases.NUM_OUT))
    hidden = np.zeros((4, 1), bool)
    hidden[1] = True
    results = []
    for filling in (0.0, np.nan):
        for name in ("x", "y"):
            data = {"x": x, "y": y}
            value = np.where(hidden, filling, data[name])
            data[name] = np.ma.array(value, mask=np.broadcast_to(hidden, value.shape))
            trainer = resting()
            losses = trainer.fit((data["x"], data["y"]), num_epoch=2)
            results.append({"losses": losses, **trainer.cell.params()})
    trainer = resting()
    keep = ~hidden[:, 0]
    right = {"losses": trainer.fit((x[keep], y[keep]), num_epoch=2), **trainer.cell.params()}
    for found in results:
        assert_same_bits(found, right)
    partly = np.ma.array(y, mask=np.eye(4, cases.NUM_OUT, dtype=bool))
    with pytest.raises(ValueError, match="y is masked in some entries of the sample at index 0"):
        trainer.net.gradient(x, partly)


def test_a_step_of_weight_zero_adds_nothing_whatever_its_loss():
    loss = trajectory.step_loss(
        lambda _, s: s, lambda z, y: (z - y) ** 2, lambda _, s: jnp.log(s).sum()
    )
    target = trajectory.Target(jnp.full(2, jnp.nan), jnp.zeros(()), jnp.zeros(()))
    value, slope = jax.value_and_grad(lambda s: loss({}, s, target)[0])(jnp.full(2, -jnp.inf))
    assert value == 0
    np.testing.assert_array_equal(slope, 0)
