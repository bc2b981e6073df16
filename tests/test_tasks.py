"""Every task, found by introspection, against a plain NumPy loop and its own statistics."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bp_rnn
from bp_rnn import tasks

#: Those computed on the host, in double precision always (test_series.py).
ON_HOST = [
    "delays",
    "lorenz",
    "mackey_glass",
    "narma",
    "sine",
    "spike_templates",
    "spike_xor",
    "vowels",
]
TASKS = {
    k: getattr(tasks, k)
    for k in tasks.__all__
    if inspect.isfunction(getattr(tasks, k)) and k not in ON_HOST
}
ARGUMENTS = {
    k: {name: p for name, p in inspect.signature(f).parameters.items() if name != "key"}
    for k, f in TASKS.items()
}
TRIALS = [k for k in TASKS if "num_trial" in ARGUMENTS[k]]
#: Those without time.
STATIC = [k for k in TASKS if "num_sample" in ARGUMENTS[k]]
NUM_TRIAL = 4000

every_task = pytest.mark.parametrize("name", TASKS)
every_argument = pytest.mark.parametrize(
    ("name", "argument"), [(k, a) for k in TASKS for a in ARGUMENTS[k]]
)


def many(name):
    return {"num_trial": NUM_TRIAL} if name in TRIALS else {}


@functools.cache
def draw(name, key=0, **options):
    """Data in NumPy, drawn once for all tests."""
    return jax.tree.map(np.asarray, TASKS[name](key, **{**many(name), **options}))


def equal(first, second):
    return all((a == b).all() for a, b in zip(first, second, strict=True))


@every_task
def test_the_key_alone_decides(name):
    data = draw(name)
    for key in (jax.random.key(0), jax.random.PRNGKey(0), np.int64(0)):
        assert equal(TASKS[name](key, **many(name)), data)
    assert not equal(draw(name, 1)[:1], data[:1])


@every_task
def test_tasks_are_pure_functions_of_typed_keys(name):
    task = functools.partial(TASKS[name], **many(name))
    found = jax.jit(jax.vmap(task))(jax.vmap(jax.random.key)(jnp.arange(2)))
    for i in range(2):
        for a, b in zip(found, draw(name, i), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a[i], b, rtol=1e-12, atol=1e-14)


def check_layout(name, float_type):
    found = jax.eval_shape(TASKS[name], jax.random.key(0))
    x, y = found[:2]
    assert {v.dtype for v in found if v.dtype.kind != "i"} == {np.dtype(float_type)}
    if name in STATIC:
        assert (x.ndim, x.shape[:1]) == (2, y.shape)
        assert x.shape[0] == ARGUMENTS[name]["num_sample"].default
        return
    assert (x.ndim, x.shape[:2]) == ((3, y.shape[:2]) if name in TRIALS else (1, y.shape))
    if name in TRIALS:
        assert isinstance(found, tasks.Trials)
        assert found.mask.shape == x.shape[:2]
        assert x.shape[0] == ARGUMENTS[name]["num_trial"].default


@every_task
def test_data_are_float64_under_x64(name):
    check_layout(name, np.float64)


@every_task
@pytest.mark.usefixtures("float32")
def test_data_are_float32_else(name):
    check_layout(name, np.float32)


@pytest.mark.parametrize(
    ("name", "options", "x", "y"),
    [
        ("add", {"num_step": 7}, (7, 2), (7, 1)),
        ("copy", {"num_item": 4, "num_symbol": 3, "delay": 6}, (14, 5), (14,)),
        ("flip_flop", {"num_step": 7, "num_bit": 2}, (7, 2), (7, 2)),
        ("integrate", {"num_step": 7}, (7, 1), (7, 1)),
        (
            "delayed_match",
            {"num_stimulus": 3, "stimulus": 2, "delay": 5, "response": 4},
            (13, 4),
            (13,),
        ),
    ],
)
def test_shapes(name, options, x, y):
    task = functools.partial(TASKS[name], num_trial=9, **options)
    found = jax.eval_shape(task, jax.random.key(0))
    assert [v.shape for v in found] == [(9, *x), (9, *y), (9, x[0])]


def add(x):
    value, mark = x[..., 0], x[..., 1]
    half = x.shape[1] // 2
    assert np.isin(mark, [0, 1]).all()
    assert (mark[:, :half].sum(1) == 1).all()
    assert (mark[:, half:].sum(1) == 1).all()
    y, mask = np.zeros((*mark.shape, 1)), np.zeros(mark.shape)
    for t in range(mark.shape[1]):
        y[:, -1, 0] += value[:, t] * mark[:, t]
    mask[:, -1] = 1
    return y, mask


def copy(x):
    assert (np.sort(x)[..., -2:] == [0, 1]).all()
    nothing, go = x.shape[-1] - 2, x.shape[-1] - 1
    y, mask = np.full(x.shape[:2], nothing), np.zeros(x.shape[:2])
    for i, shown in enumerate(x.argmax(-1)):
        items = [s for s in shown if s < nothing]
        (at,) = np.flatnonzero(shown == go)
        assert at == len(shown) - len(items)
        assert (shown[len(items) : at] == nothing).all()
        y[i, at:], mask[i, at:] = items, 1
    return y, mask


def flip_flop(x):
    assert np.isin(x, [-1, 0, 1]).all()
    assert x[:, 0].all()
    y, last = np.zeros(x.shape), x[:, 0]
    for t in range(x.shape[1]):
        last = np.where(x[:, t] == 0, last, x[:, t])
        y[:, t] = last
    return y, np.ones(x.shape[:2])


def integrate(x):
    y, total = np.zeros(x.shape), 0
    for t in range(x.shape[1]):
        total = total + x[:, t]
        y[:, t] = total / x.shape[1]
    return y, np.ones(x.shape[:2])


def delayed_match(x):
    stimuli, fixation = x[..., :-1], x[..., -1]
    assert (fixation == fixation[:1]).all()
    shown = stimuli.sum(-1)
    assert (shown == shown[:1]).all()
    when = np.flatnonzero(shown[0])
    sample, test = np.split(stimuli[:, when].argmax(-1), 2, axis=1)
    for same in (sample, test):
        assert (same == same[:, :1]).all()
    y = np.zeros(shown.shape, int)
    for t in np.flatnonzero(fixation[0] == 0):
        assert t > when[-1]
        y[:, t] = np.where(sample[:, 0] == test[:, 0], 1, 2)
    return y, np.ones(shown.shape)


BY_HAND = {
    "add": add,
    "copy": copy,
    "flip_flop": flip_flop,
    "integrate": integrate,
    "delayed_match": delayed_match,
}


def check_by_hand(name, data):
    y, mask = BY_HAND[name](np.asarray(data.x))
    np.testing.assert_allclose(data.y, y, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(data.mask, mask)


@pytest.mark.parametrize("name", TRIALS)
def test_the_target_follows_from_the_input(name):
    check_by_hand(name, draw(name))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("add", {"num_step": 2, "num_trial": 20}),
        ("add", {"num_step": 3, "num_trial": 20}),
        ("copy", {"num_item": 1, "num_symbol": 1, "delay": 1}),
        ("flip_flop", {"num_step": 1, "num_bit": 1}),
        ("integrate", {"num_step": 1}),
        (
            "delayed_match",
            {"num_stimulus": 2, "stimulus": 1, "delay": 1, "response": 1, "num_trial": 20},
        ),
    ],
)
def test_the_smallest_sizes(name, options):
    task = functools.partial(TASKS[name], **{"num_trial": 1, **options})
    check_by_hand(name, jax.jit(task)(jax.random.key(0)))


def check_shares(counts, shares):
    """Counts are those of these probabilities, within five standard deviations."""
    n = counts.sum()
    deviation = np.sqrt(n * shares * (1 - np.asarray(shares)))
    assert (np.abs(counts - n * shares) < 5 * deviation).all()


def test_always_answering_one_has_the_error_of_a_sixth_in_the_adding_problem():
    x, y, _ = draw("add")
    assert np.mean((y[:, -1] - 1) ** 2) == pytest.approx(1 / 6, abs=0.012)
    assert ((x[..., 0] >= 0) & (x[..., 0] < 1)).all()
    assert x[..., 0].mean() == pytest.approx(0.5, abs=4e-3)
    assert x[..., 0].var() == pytest.approx(1 / 12, abs=1e-3)
    for half in np.split(x[..., 1].sum(0), 2):
        check_shares(half, 1 / 25)


def test_symbols_to_copy_are_uniform_and_independent():
    items = draw("copy").x[:, :10].argmax(-1)
    for position in items.T:
        check_shares(np.bincount(position, minlength=8), 1 / 8)
    check_shares(np.bincount(8 * items[:, 0] + items[:, 1], minlength=64), 1 / 64)


@pytest.mark.parametrize("probability", [0.1, 0.7])
def test_pulses_come_at_their_rate(probability):
    x = draw("flip_flop", probability=probability).x
    later = x[:, 1:].reshape(-1, 3)
    for there in ((later != 0).T, (x[:, 0] > 0).T):
        rate = probability if there.shape[1] > NUM_TRIAL else 0.5
        for channel in there:
            check_shares(np.bincount(channel), np.array([1 - rate, rate]))
    assert later[later != 0].mean() == pytest.approx(0, abs=0.02)
    for values in (later, later != 0):
        np.testing.assert_allclose(np.corrcoef(values.T), np.eye(3), atol=0.012)


def test_a_pulse_at_every_step():
    data = draw("flip_flop", probability=1.0)
    assert data.x.all()
    assert equal([data.x], [data.y])


def test_the_drift_is_uniform():
    x = draw("integrate", drift=2.0, noise=0.0).x
    assert (x == x[:, :1]).all()
    shares = np.histogram(x[:, 0], bins=8, range=(-2, 2))[0]
    assert shares.sum() == NUM_TRIAL
    check_shares(shares, 1 / 8)


def test_the_noise_has_its_deviation():
    x = draw("integrate", drift=0.0, noise=0.5).x[..., 0]
    assert x.mean() == pytest.approx(0, abs=6e-3)
    assert x.std() == pytest.approx(0.5, rel=8e-3)
    at_lag = [(x[:, 1:] * x[:, :-1]).mean(), (x[1:] * x[:-1]).mean()]
    np.testing.assert_allclose(at_lag, 0, atol=3e-3)
    drift = draw("integrate", drift=2.0, noise=0.0).x[..., 0]
    np.testing.assert_allclose(draw("integrate", drift=2.0, noise=0.5).x[..., 0], drift + x)
    for same_key in (x[:, 0], x.ravel()[:NUM_TRIAL]):
        assert abs(np.corrcoef(drift[:, 0], same_key)[0, 1]) < 0.08


def test_half_of_the_trials_match_and_the_others_are_uniform():
    x, y, _ = draw("delayed_match")
    sample, test = x[:, 0].argmax(-1), x[:, 25].argmax(-1)
    shares = np.full((4, 4), 0.5 / 12)
    np.fill_diagonal(shares, 0.5 / 4)
    check_shares(np.bincount(4 * sample + test, minlength=16), shares.ravel())
    check_shares(np.bincount(y[:, -1], minlength=3)[1:], 0.5)


def test_digits_are_strokes_that_can_be_told_apart():
    x, y = draw("digits", num_sample=NUM_TRIAL)
    assert x.min() >= 0
    assert 0.9 < x.max() <= 1
    check_shares(np.bincount(y), 0.1)
    mean = np.stack([x[y == k].mean(0) for k in range(10)])
    nearest = ((x[:, None] - mean) ** 2).sum(-1).argmin(1)
    assert (nearest == y).mean() > 0.85
    one = np.stack([row for row, k in zip(x, y, strict=True) if k == 1]).mean(0).reshape(8, 8)
    assert one[:, 3:6].sum() > 0.6 * one.sum()  # an upright in the middle
    bent = draw("digits", num_sample=NUM_TRIAL, jitter=0.15)[0]
    assert bent[y == 1].var(0).sum() > 1.3 * x[y == 1].var(0).sum()


@every_argument
def test_a_bad_argument_is_named(name, argument):
    kind = ARGUMENTS[name][argument].annotation
    bad = {
        int: {ValueError: [0, -1], TypeError: [2.0, True, "a", None, [3, 4]]},
        float: {
            ValueError: [-0.1, np.nan, np.inf],
            TypeError: ["a", None, 1j],
            (TypeError, ValueError): [[0.1, 0.2]],
        },
    }[kind]
    for error, values in bad.items():
        for value in values:
            with pytest.raises(error, match=f"^{argument} must"):
                TASKS[name](0, **{argument: value})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("add", {"num_step": 1}, "num_step must be at least 2, got 1"),
        ("delayed_match", {"num_stimulus": 1}, "num_stimulus must be at least 2, got 1"),
        ("flip_flop", {"probability": 0.0}, "probability must be positive, got 0.0"),
        ("flip_flop", {"probability": 1.1}, "probability must be at most 1, got 1.1"),
    ],
)
def test_bounds_of_an_argument(name, options, message):
    with pytest.raises(ValueError, match=message):
        TASKS[name](0, **options)


@every_task
@pytest.mark.parametrize("key", ["a", 1.5, True, None, np.zeros(2, np.uint32)])
def test_a_bad_key_is_named(name, key):
    with pytest.raises(TypeError, match="key must be an integer or a JAX key"):
        TASKS[name](key)


@pytest.mark.parametrize("name", [k for k in TASKS if k not in STATIC])
def test_trainers_take_the_data(name):
    data = draw(name)
    x, y, mask = (*data, np.ones(data[0].shape))[:3]
    if name in TRIALS:
        x, y, mask = data = tuple(v[:8] for v in data)
    labels = y.dtype.kind == "i"
    num_in = x.shape[-1] if name in TRIALS else 1
    num_out = y.max() + 1 if labels else y.shape[-1] if name in TRIALS else 1
    cell = bp_rnn.RateRNN(num_in, 4, num_out=num_out, w_out=0.0)
    loss = "cross_entropy_loss" if labels else "mean_squared_error"
    trainer = bp_rnn.OfflineTrainer(cell, loss=loss, progress_bar=False)
    (found,) = trainer.fit(data, num_epoch=1)
    squares = y**2 if y.ndim == mask.ndim else (y**2).mean(-1)
    silent = np.log(num_out) if labels else (squares * mask).sum() / mask.sum()
    assert found == pytest.approx(silent, rel=1e-6)
    assert np.asarray(cell.w_out.value).any()
