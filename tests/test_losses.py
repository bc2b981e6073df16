"""Every loss with every kind of target: taken as it is meant, or refused with the remedy."""

import functools

import brainpy as bp
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import bp_rnn
from bp_rnn import _loss

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, size=(5, 6))
ONE_HOT = np.eye(3)[LABELS]
NUMBERS = RNG.normal(size=(5, 6, 3))
PARTS = RNG.dirichlet(np.ones(3), size=(5, 6))
WEIGHTS = np.ones((5, 6))
REGRESSION = ("l2_loss", "mean_squared_error", "mean_absolute_error", "huber_loss", "log_cosh_loss")


def pair(loss, ys, num_out=3, weights=WEIGHTS, dtype=np.float32):
    return _loss.resolve(loss).pair(ys, weights, num_out, dtype)


@pytest.mark.parametrize("name", REGRESSION)
def test_regression(name):
    for loss in (name, getattr(bp.losses, name)):
        for ys in (NUMBERS, PARTS, ONE_HOT.astype(int)):
            found = pair(loss, ys)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, ys.astype(np.float32))
        with pytest.raises(
            ValueError,
            match=f"y holds integer class labels, but loss '{name}'.*"
            r"loss='cross_entropy_loss', or one-hot targets np.eye\(3\)\[y\]",
        ):
            pair(loss, LABELS)
    assert pair(name, NUMBERS[..., :1], 1).shape == (5, 6, 1)


def test_cross_entropy():
    for loss in ("cross_entropy_loss", bp.losses.cross_entropy_loss):
        found = pair(loss, LABELS.astype(np.uint8))
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, LABELS)
        for ys in (ONE_HOT, PARTS, PARTS.astype(np.float16)):
            np.testing.assert_array_equal(pair(loss, ys), ys.astype(np.float32))
        for ys in (NUMBERS, 2 * PARTS, ONE_HOT * 0):
            with pytest.raises(ValueError, match=r"takes integer class labels .* or probabilities"):
                pair(loss, ys)
        with pytest.raises(ValueError, match=r"is zero for one output.*'sigmoid_binary_cross_entr"):
            pair(loss, ONE_HOT[..., :1], 1)


def test_a_yes_or_no_of_each_output():
    loss = "sigmoid_binary_cross_entropy"
    np.testing.assert_array_equal(pair(loss, LABELS), ONE_HOT.astype(np.float32))
    np.testing.assert_array_equal(pair(loss, PARTS), PARTS.astype(np.float32))
    np.testing.assert_array_equal(pair(loss, ONE_HOT[..., :1], 1), ONE_HOT[..., :1])
    with pytest.raises(ValueError, match=r"takes targets from 0 to 1, got y from -"):
        pair(loss, NUMBERS)
    z = np.asarray(NUMBERS[0, 0])
    right = optax.losses.sigmoid_binary_cross_entropy(z, ONE_HOT[0, 0])
    np.testing.assert_allclose(_loss.resolve(loss)(z, pair(loss, LABELS)[0, 0]), right, rtol=1e-6)


def test_logarithms():
    with pytest.raises(ValueError, match="takes targets above -1, got y from -"):
        pair("mean_squared_log_error", NUMBERS - 2)
    assert pair("mean_squared_log_error", np.abs(NUMBERS)).shape == (5, 6, 3)


def by_index(z, y):
    return -jax.nn.log_softmax(z)[y]


def weighted(z, y):
    return jnp.asarray([1.0, 2.0, 3.0])[y] * by_index(z, y)


@pytest.mark.parametrize(
    "loss",
    [by_index, weighted, optax.softmax_cross_entropy_with_integer_labels],
    ids=lambda f: f.__name__,
)
def test_ones_own_loss_of_labels(loss):
    np.testing.assert_array_equal(pair(loss, LABELS), LABELS)
    with pytest.raises(
        ValueError,
        match=rf"loss {loss.__name__} fails for an output float32\(3,\) "
        r"and a target float32\(3,\) of one step: TypeError",
    ):
        pair(loss, ONE_HOT)


@pytest.mark.parametrize(
    "loss",
    [
        lambda z, y: (z - y) ** 2,
        lambda z, y: jnp.mean(jnp.abs(z - y)),
        functools.partial(optax.losses.huber_loss, delta=0.1),
        optax.losses.softmax_cross_entropy,
    ],
)
def test_ones_own_loss_that_takes_a_label_for_a_number(loss):
    with pytest.raises(ValueError, match=r"y holds integer class labels, but loss .* compares"):
        pair(loss, LABELS)
    assert pair(loss, ONE_HOT).dtype == np.float32


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (lambda z, y: None, TypeError, r"must return a real number .* got NoneType"),
        (lambda z: z, ValueError, r"loss <lambda> fails .* takes 1 positional argument"),
        (lambda z, y: z > y, TypeError, r"must return a real number .* got bool\(3,\)"),
        (lambda z, y: (z, y), TypeError, "must return a real number .* got tuple"),
        (lambda z, y: float(z.sum()), ValueError, "ConcretizationTypeError"),
        (bp.losses.MSELoss, ValueError, "loss MSELoss fails for an output"),
    ],
)
def test_what_is_no_loss(loss, error, message):
    with pytest.raises(error, match=message):
        pair(loss, NUMBERS)


def test_targets_that_do_not_count_become_like_one_that_does():
    weights = WEIGHTS.copy()
    weights[0], weights[2, 3] = 0, 0
    found = pair("l2_loss", np.where(weights[..., None] > 0, NUMBERS, 0), weights=weights)
    right = np.where(weights[..., None] > 0, NUMBERS, NUMBERS[1, 0]).astype(np.float32)
    np.testing.assert_array_equal(found, right)


TRAINERS = {
    "offline": lambda loss: bp_rnn.OfflineTrainer(
        bp_rnn.VanillaRNN(2, 4, num_out=3), loss=loss, progress_bar=False
    ),
    "online": lambda loss: bp_rnn.OnlineTrainer(
        bp_rnn.VanillaRNN(2, 4, num_out=3), loss=loss, progress_bar=False
    ),
    "equilibrium": lambda loss: bp_rnn.EquilibriumTrainer(
        bp_rnn.EnergyRNN(2, 4, num_out=3), loss=loss, progress_bar=False
    ),
    "propagation": lambda loss: bp_rnn.EquilibriumTrainer(
        bp_rnn.EquilibriumPropagation(bp_rnn.EnergyRNN(2, 4, num_out=3), loss=loss),
        progress_bar=False,
    ),
}


@pytest.mark.parametrize("name", TRAINERS)
@pytest.mark.parametrize("loss", ["huber_loss", "mean_squared_error", lambda z, y: (z - y) ** 2])
def test_every_trainer_pairs_them(name, loss):
    trainer = TRAINERS[name](loss)
    before = trainer.cell.params()
    x = np.zeros((5, 6, 2)) if name in ("offline", "online") else np.zeros((5, 2))
    y = LABELS if name in ("offline", "online") else LABELS[:, 0]
    for labels in (y, y[..., None]):
        with pytest.raises(ValueError, match="y holds integer class labels, but loss"):
            trainer.fit((x, labels), num_epoch=1)
    assert all(before[k] is v for k, v in trainer.cell.params().items())
    if name in ("equilibrium", "propagation"):
        with pytest.raises(ValueError, match="y holds integer class labels, but loss"):
            trainer.net.gradient(x, y)
    if name == "propagation":
        with pytest.raises(ValueError, match="y holds integer class labels, but loss"):
            trainer.net.update(np.zeros(2), np.int32(1))


def test_labels_of_a_yes_or_no_train_as_one_hot_targets():
    x = RNG.normal(size=(5, 6, 2))
    losses = [
        TRAINERS["offline"]("sigmoid_binary_cross_entropy").fit((x, y), num_epoch=2)
        for y in (LABELS, LABELS[..., None], ONE_HOT)
    ]
    np.testing.assert_array_equal(losses[0], losses[2])
    np.testing.assert_array_equal(losses[1], losses[2])
    net = bp_rnn.EquilibriumPropagation(
        bp_rnn.EnergyRNN(2, 4, num_out=3), loss="sigmoid_binary_cross_entropy"
    )
    np.testing.assert_array_equal(net.as_target(jnp.int32(1)), [0, 1, 0])
    np.testing.assert_array_equal(net.as_target(jnp.ones(3)), [1, 1, 1])
