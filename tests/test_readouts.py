"""Read-outs against closed forms: normal equations, left-out parts, weighted least squares."""

import brainpy as bp
import brainpy.math as bm
import jax
import numpy as np
import pytest
import scipy.special

from bp_rnn import readouts
from bp_rnn.readouts import _factor

NUM_IN, NUM_OUT, NUM = 6, 2, 300
READOUTS = {
    k: getattr(readouts, k)
    for k in readouts.__all__
    if isinstance(getattr(readouts, k), type)
    and issubclass(getattr(readouts, k), readouts.Readout)
    and getattr(readouts, k) is not readouts.Readout
}
every_readout = pytest.mark.parametrize("make", READOUTS.values(), ids=READOUTS)


def data(num=NUM, num_in=NUM_IN, spread=0.0, noise=0.1):
    rng = np.random.default_rng(0)
    h = rng.normal(size=(num, num_in)) * np.logspace(0, -spread, num_in) + 3
    y = h @ rng.normal(size=(num_in, NUM_OUT)) + [5.0, -20.0]
    return h, y + noise * rng.normal(size=y.shape)


def classes():
    h, y = data()
    return h, np.eye(NUM_OUT)[(y[:, 0] > np.median(y[:, 0])).astype(int)]


def targets(make):
    return classes() if make is readouts.Softmax else data()


def normal_equations(h, y, ridge, intercept=True, weights=None):
    weights = np.ones(len(h)) if weights is None else weights
    mean_h, mean_y = (np.average(v, axis=0, weights=weights) * intercept for v in (h, y))
    d, e = h - mean_h, y - mean_y
    w = np.linalg.solve((d.T * weights) @ d + ridge * np.eye(h.shape[1]), (d.T * weights) @ e).T
    return w, mean_y - w @ mean_h


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("ridge", [1e-6, 1.0, 1e3])
def test_ridge_is_the_normal_equations(ridge, intercept):
    h, y = data()
    found = readouts.Ridge(NUM_IN, NUM_OUT, ridge=ridge, intercept=intercept).fit(h, y)
    w, b = normal_equations(h, y, ridge, intercept)
    np.testing.assert_allclose(found.w.value, w, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.b.value, b, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.update(h[0]), w @ h[0] + b, rtol=1e-9)


def test_the_intercept_is_not_penalised():
    """A constant target is met at any strength."""
    h, _ = data()
    found = readouts.Ridge(NUM_IN, 1, ridge=1e6).fit(h, np.full(NUM, 100.0))
    np.testing.assert_allclose(found.w.value @ h.T + found.b.value[:, None], 100, rtol=1e-12)


def test_no_strength_fails_where_normal_equations_do():
    """Singular values over 14 decades, and two columns that are one."""
    h, y = data(num_in=40, spread=14.0, noise=0.0)
    h = np.concatenate([h, h[:, :1]], 1)
    learner = readouts.Ridge(41, NUM_OUT, ridge=0.0).fit(h, y)
    errors = []
    for ridge in [0, *10.0 ** np.arange(-30, 1)]:
        w, b = learner.path()(ridge)
        assert np.isfinite(w).all()
        errors.append(np.abs(h @ w.T + b - y).max())
    assert max(errors[:12]) < 1e-9
    assert max(errors) < 0.5
    np.testing.assert_allclose(learner.w.value[:, 0], learner.w.value[:, 40], rtol=0.01)
    centred = h - h.mean(0)
    smallest = np.linalg.lstsq(centred, y - y.mean(0), rcond=41 * 2.3e-16)[0]
    np.testing.assert_allclose(np.linalg.norm(learner.w.value), np.linalg.norm(smallest), rtol=1e-3)


def test_pieces_folds_and_batches_add_up():
    h, y = data()
    whole = readouts.Ridge(NUM_IN, NUM_OUT, ridge=1e-3).fit(h, y)
    parts = readouts.Ridge(NUM_IN, NUM_OUT, ridge=1e-3)
    for i, cut in enumerate(np.split(np.arange(NUM), [3, 50, 51, 200])):
        parts.add(h[cut], y[cut], fold=i)
    parts.solve()
    np.testing.assert_allclose(parts.w.value, whole.w.value, rtol=1e-11)
    batch = whole.fit(h.reshape(3, 100, -1), y.reshape(3, 100, -1))
    np.testing.assert_allclose(parts.b.value, batch.b.value, rtol=1e-11)


def test_cross_validation_is_the_error_on_parts_left_out():
    h, y = data(num=60)
    ridges = [1e-3, 1.0, 30.0, 1e3]
    found = readouts.Ridge(NUM_IN, NUM_OUT, ridge=ridges, num_fold=4).fit(h, y)
    errors = np.zeros((4, NUM_OUT))
    for part in np.split(np.arange(60), 4):
        rest = np.setdiff1d(np.arange(60), part)
        for i, ridge in enumerate(ridges):
            w, b = normal_equations(h[rest], y[rest], ridge)
            errors[i] += ((h[part] @ w.T + b - y[part]) ** 2).sum(0)
    errors = (errors / ((y - y.mean(0)) ** 2).sum(0)).mean(1)
    np.testing.assert_allclose(found.errors, errors, rtol=1e-10)
    assert found.best_ridge == ridges[errors.argmin()]
    w, _ = normal_equations(h, y, found.best_ridge)
    np.testing.assert_allclose(found.w.value, w, rtol=1e-9)


def test_cross_validation_finds_a_strength_near_the_best_for_noisy_data():
    rng = np.random.default_rng(1)
    h = rng.normal(size=(4000, 80)) * np.logspace(0, -4, 80)
    y = (h @ (rng.normal(size=(80, 1)) * np.logspace(0, 2, 80)[:, None])) + rng.normal(
        size=(4000, 1)
    )
    ridges = 10.0 ** np.arange(-10, 5)
    learner = readouts.Ridge(80, 1, ridge=ridges).fit(h[:300], y[:300])
    test = [((h[300:] @ w.T + b - y[300:]) ** 2).mean() for w, b in map(learner.path(), ridges)]
    assert test[list(ridges).index(learner.best_ridge)] < 1.05 * min(test)
    assert min(test) < 0.95 * test[0]


@pytest.mark.usefixtures("float32")
def test_single_precision_networks_get_a_double_precision_fit():
    h, y = data(num_in=40, spread=5.0, noise=0.0)
    found = readouts.Ridge(40, NUM_OUT, ridge=0.0).fit(h, y)
    assert found.w.dtype == np.float32
    assert found.solution.w.dtype == np.float64
    w, b = found.solution
    np.testing.assert_allclose(h @ w.T + b, y, rtol=1e-9)
    np.testing.assert_array_equal(found.w.value, w.astype(np.float32))


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("forgetting", [1.0, 0.98])
def test_rls_is_ridge_at_every_sample(forgetting, intercept):
    h, y = data(num=60)
    learner = readouts.RLS(NUM_IN, NUM_OUT, ridge=1e-4, forgetting=forgetting, intercept=intercept)

    def step(memory, sample):
        return (learner.learn(memory, *sample),) * 2

    path = jax.jit(lambda: jax.lax.scan(step, learner.init(), (h, y))[1])()
    for t in (0, 1, 7, 59):
        weights = forgetting ** np.arange(t, -1, -1)
        ridge = 1e-4 * forgetting ** (t + 1)
        w, b = normal_equations(h[: t + 1], y[: t + 1], ridge, intercept, weights)
        np.testing.assert_allclose(path["w"][t], w, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(path["b"][t], b, rtol=1e-7, atol=1e-7)
    learner.fit(h, y)
    np.testing.assert_allclose(learner.w.value, path["w"][-1], rtol=1e-10)
    inverse = learner.root.value.T @ learner.root.value
    assert np.linalg.eigvalsh(inverse).min() > 0


def test_online_readouts_learn_in_brainpys_runner():
    h, y = data(num=60)
    learner = readouts.RLS(NUM_IN, NUM_OUT).fit(h, y)
    w = np.asarray(learner.w.value)
    learner.restart()
    runner = bp.DSRunner(learner, monitors=["w", "root"], progress_bar=False)
    z = runner.run(inputs=(bm.asarray(h), bm.asarray(y)))
    np.testing.assert_allclose(runner.mon.w[-1], w, rtol=1e-9)
    before = runner.mon.w[-2] @ h[-1] + (y - h @ runner.mon.w[-2].T)[:-1].mean(0)
    np.testing.assert_allclose(z[-1], before, rtol=1e-6)  # the output comes before the learning


@pytest.mark.usefixtures("float32")
def test_rls_stays_positive_in_single_precision():
    h, y = data(num=3000, num_in=40, spread=4.0)
    learner = readouts.RLS(40, NUM_OUT, ridge=1e-4).fit(h, y)
    w, b = normal_equations(h, y, 1e-4)
    found = h @ np.asarray(learner.w.value, float).T + np.asarray(learner.b.value)
    best = np.sqrt(((h @ w.T + b - y) ** 2).mean())
    assert np.sqrt(((found - y) ** 2).mean()) < 1.01 * best


def test_rls_in_a_batching_mode_takes_the_members_one_by_one():
    h, y = data(num=12)
    learner = readouts.RLS(NUM_IN, NUM_OUT, mode=bm.BatchingMode(3))
    step = bm.jit(learner.update)
    for t in range(4):
        z = step(h[3 * t : 3 * t + 3], y[3 * t : 3 * t + 3])
        assert z.shape == (3, NUM_OUT)
    alone = readouts.RLS(NUM_IN, NUM_OUT).fit(h, y)
    np.testing.assert_allclose(learner.w.value, alone.w.value, rtol=1e-10)


def test_lms_steps_down_the_gradient():
    h, y = data()
    learner = readouts.LMS(NUM_IN, NUM_OUT, lr=1e-3)
    learner.fit(h[:2], y[:2])
    w, b = np.zeros((NUM_OUT, NUM_IN)), np.zeros(NUM_OUT)
    for t in range(2):
        error = y[t] - w @ h[t] - b
        w, b = w + 1e-3 * np.outer(error, h[t]), b + 1e-3 * error
    np.testing.assert_allclose(learner.w.value, w, rtol=1e-12)
    np.testing.assert_allclose(learner.b.value, b, rtol=1e-12)
    h, y = np.tile(h - 3, (20, 1)), np.tile(y, (20, 1))
    learner.fit(h, y)
    right, _ = normal_equations(h, y, 0.0)
    np.testing.assert_allclose(learner.w.value, right, atol=0.15)


def test_softmax_is_the_minimum_of_its_objective():
    h, y = classes()
    learner = readouts.Softmax(NUM_IN, NUM_OUT, ridge=0.1).fit(h, y)
    w, b = np.asarray(learner.w.value), np.asarray(learner.b.value)
    error = scipy.special.softmax(h @ w.T + b, axis=1) - y
    np.testing.assert_allclose(error.T @ h + 0.1 * w, 0, atol=1e-3)
    np.testing.assert_allclose(error.sum(0), 0, atol=1e-4)
    assert ((h @ w.T + b).argmax(1) == y.argmax(1)).mean() > 0.95


@every_readout
def test_restart_forgets_and_reset_does_not(make):
    h, y = targets(make)
    learner, fresh = make(NUM_IN, NUM_OUT), make(NUM_IN, NUM_OUT)
    learner.fit(-h, y[::-1])
    before = np.asarray(learner.w.value)
    learner.reset()
    np.testing.assert_array_equal(learner.w.value, before)
    learner.fit(h, y)
    fresh.fit(h, y)
    np.testing.assert_array_equal(learner.w.value, fresh.w.value)
    assert np.abs(learner.w.value - before).max() > 1e-3


@every_readout
@pytest.mark.parametrize("float_type", ["float32", "float64"])
def test_the_float_type_is_brainpys(make, float_type):
    h, y = targets(make)
    with bm.environment(x64=float_type == "float64"):
        learner = make(NUM_IN, NUM_OUT).fit(h, y)
        assert {v.dtype.name for v in learner.vars().unique().values()} == {float_type}
        assert learner.update(h[0]).dtype.name == float_type


BAD = [
    ({"h": np.zeros((5, 3))}, ValueError, r"h must have shape \(samples, 6\)"),
    ({"h": np.zeros(6)}, ValueError, r"h must have shape .* got \(6,\)"),
    ({"y": np.zeros((4, 2))}, ValueError, r"y must have shape \(5, 2\) to go with h, got \(4, 2\)"),
    ({"h": np.full((5, 6), np.nan)}, ValueError, "h must be finite, got nan"),
    ({"y": np.full((5, 2), np.inf)}, ValueError, "y must be finite, got inf"),
    ({"y": np.zeros((5, 2), complex)}, TypeError, "y must hold real numbers"),
]


@every_readout
def test_bad_data_change_nothing(make):
    learner = make(NUM_IN, NUM_OUT)
    learner.add(*targets(make))
    before = {k: np.asarray(v) for k, v in learner.vars().unique().items()}
    for wrong, error, message in BAD:
        with pytest.raises(error, match=message):
            learner.fit(**{"h": np.zeros((5, 6)), "y": np.zeros((5, 2)), **wrong})
    for name, value in learner.vars().unique().items():
        np.testing.assert_array_equal(value, before[name])
    learner.solve()  # with the samples from before
    again = make(NUM_IN, NUM_OUT).fit(*targets(make))
    np.testing.assert_array_equal(learner.w.value, again.w.value)


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (readouts.Ridge, {"num_in": 0}, ValueError, "num_in must be at least 1, got 0"),
        (readouts.Ridge, {"ridge": -1e-9}, ValueError, "ridge must not be negative"),
        (readouts.Ridge, {"ridge": []}, ValueError, "ridge must be a number or a list"),
        (readouts.Ridge, {"ridge": "gcv"}, TypeError, "ridge must hold real numbers"),
        (readouts.Ridge, {"num_fold": 1}, ValueError, "num_fold must be at least 2, got 1"),
        (readouts.RLS, {"ridge": 0.0}, ValueError, "ridge must be positive, got 0.0"),
        (readouts.RLS, {"forgetting": 1.1}, ValueError, "forgetting must be at most 1, got 1.1"),
        (readouts.LMS, {"lr": 0.0}, ValueError, "lr must be positive, got 0.0"),
        (readouts.Softmax, {"num_out": 1}, ValueError, "num_out must be at least 2, got 1"),
        (readouts.Softmax, {"ridge": 0.0}, ValueError, "ridge must be positive, got 0.0"),
    ],
)
def test_bad_options(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**{"num_in": 3, "num_out": 2, **options})


def test_what_can_not_be_solved_says_so():
    for make in (readouts.Ridge, readouts.Softmax):
        with pytest.raises(ValueError, match="there are no samples yet"):
            make(3, 2).solve()
    learner = readouts.Ridge(NUM_IN, NUM_OUT, ridge=[0.1, 1.0])
    learner.add(*data(), fold=0)
    with pytest.raises(ValueError, match="cross-validation needs samples in two folds"):
        learner.solve()
    with pytest.raises(ValueError, match="y must hold probabilities"):
        readouts.Softmax(NUM_IN, NUM_OUT).fit(*data())


def test_the_factor_does_not_grow():
    h, y = data()
    layout = _factor.Layout(NUM_IN, NUM_OUT, True)
    rows = layout.rows(h, y)
    first, second = (_factor.append(layout.empty(), v) for v in (rows[:2], rows[2:]))
    for factor in (_factor.append(first, rows[2:]), _factor.merge([second, first])):
        assert factor.shape == first.shape == (layout.width, layout.width)
        np.testing.assert_allclose(factor.T @ factor, rows.T @ rows, rtol=1e-10)
        assert (np.tril(factor, -1) == 0).all()


@pytest.mark.parametrize("intercept", [True, False])
def test_one_strength_needs_no_decomposition(intercept, monkeypatch):
    h, y = data(num_in=40, spread=6.0)
    layout = _factor.Layout(40, NUM_OUT, intercept)
    factor = _factor.append(layout.empty(), layout.rows(h, y))
    path = _factor.RidgePath(layout, factor)
    monkeypatch.setattr(_factor, "RidgePath", None)
    for ridge in 10.0 ** np.arange(-16, 3, 3):
        for one, other in zip(_factor.solve(layout, factor, ridge), path(ridge), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9 * np.abs(other).max())


ONLINE = {k: v for k, v in READOUTS.items() if k in ("RLS", "LMS")}
every_online = pytest.mark.parametrize("make", ONLINE.values(), ids=ONLINE)
BAD_SAMPLES = [
    ("h", np.nan, "h must be finite, got nan"),
    ("h", np.inf, "h must be finite, got inf"),
    ("y", np.nan, "y must be finite, got nan"),
    ("y", -np.inf, "y must be finite, got -inf"),
]


def values(learner):
    return {k: np.asarray(v) for k, v in learner.vars().unique().items()}


def spoiled(name, value, h, y):
    h, y = np.array(h, float), np.array(y, float)
    (h if name == "h" else y)[..., 0] = value
    return h, y


@every_online
@pytest.mark.parametrize(("name", "value", "message"), BAD_SAMPLES)
def test_a_bad_sample_of_a_step_is_refused_or_left_out(make, name, value, message):
    h, y = data(num=20)
    learner, lenient = make(NUM_IN, NUM_OUT).fit(h, y), make(NUM_IN, NUM_OUT, on_bad="skip")
    lenient.fit(h, y)
    before, bad = values(learner), spoiled(name, value, h[0], y[0])
    with pytest.raises(ValueError, match=message):
        learner(*bad)
    assert all((v == before[k]).all() for k, v in values(learner).items())
    kept = {k: np.asarray(getattr(lenient, k).value) for k in lenient.memory_names}
    lenient(*bad)
    bm.jit(learner.update)(*bad)
    runner = bp.DSRunner(learner, progress_bar=False)
    runner.run(inputs=tuple(bm.asarray(v[None]) for v in bad))
    for found in (lenient, learner):
        for k, v in kept.items():
            np.testing.assert_array_equal(getattr(found, k).value, v)
    for found in (lenient, learner):  # and learning goes on
        found(h[1], y[1])
    right = make(NUM_IN, NUM_OUT).fit(np.r_[h, h[1:2]], np.r_[y, y[1:2]])
    np.testing.assert_allclose(learner.w.value, right.w.value, rtol=1e-9)
    np.testing.assert_allclose(lenient.w.value, right.w.value, rtol=1e-9)


@every_readout
@pytest.mark.parametrize(("name", "value", "message"), BAD_SAMPLES)
def test_bad_samples_among_others_are_refused_or_left_out(make, name, value, message):
    h, y = targets(make)
    bad_h, bad_y = h.copy(), np.array(y, float)
    bad_h[[3, 70]], bad_y[[3, 70]] = spoiled(name, value, h[[3, 70]], y[[3, 70]])
    learner = make(NUM_IN, NUM_OUT).fit(h, y)
    before = values(learner)
    for method in (learner.add, learner.fit):
        with pytest.raises(ValueError, match=message):
            method(bad_h, bad_y)
    assert all((v == before[k]).all() for k, v in values(learner).items())
    rest = np.setdiff1d(np.arange(NUM), [3, 70])
    right = make(NUM_IN, NUM_OUT).fit(h[rest], y[rest])
    lenient = make(NUM_IN, NUM_OUT, on_bad="skip").fit(bad_h, bad_y)
    np.testing.assert_allclose(lenient.w.value, right.w.value, rtol=1e-9)
    hidden = np.zeros(bad_h.shape, bool)
    hidden[[3, 70], 1] = True
    masked = make(NUM_IN, NUM_OUT).fit(np.ma.array(h, mask=hidden), y)
    np.testing.assert_allclose(masked.w.value, right.w.value, rtol=1e-9)


@every_readout
def test_unknown_ways_with_bad_samples(make):
    with pytest.raises(ValueError, match="unknown on_bad 'ignore'"):
        make(3, 2, on_bad="ignore")


def test_a_readout_that_diverges_is_an_error_and_stays_as_it_was():
    h, y = data()
    learner = readouts.LMS(NUM_IN, NUM_OUT, lr=1e-3).fit(h[:50], y[:50])
    learner.lr = 5.0
    before = values(learner)
    for method in (learner.add, learner.fit):
        with pytest.raises(FloatingPointError, match=r"LMS diverged: b, w is not .* lr=5.0 may"):
            method(h, y)

    def teach():
        for _ in range(400):
            learner(h[0], y[0])

    with pytest.raises(FloatingPointError, match="LMS diverged"):
        teach()
    assert np.isfinite(np.asarray(learner.w.value)).all()
    learner.restart()
    for name, value in before.items():
        assert np.isfinite(value).all(), name
    with bm.environment(x64=False):
        single = readouts.Ridge(NUM_IN, NUM_OUT).fit(h, y)
        with pytest.raises(
            FloatingPointError, match="Ridge diverged: w, b is not finite in float32"
        ):
            single.fit(h, 1e60 * y)
        assert np.isfinite(np.asarray(single.w.value)).all()


#: What a read-out hears for a long time: nothing, one feature of two that are alike, or all but
#: one; and what is excited afterwards.
SILENCE = {
    "all": lambda h: 0 * h,
    "constant": lambda h: 0 * h + 1,
    "dead feature": lambda h: h * (np.arange(NUM_IN) > 0),
    "twins": lambda h: np.c_[h[:, :1], h[:, :-1]],
}


@pytest.mark.parametrize("float_type", ["float32", "float64"])
@pytest.mark.parametrize("silence", SILENCE)
@pytest.mark.parametrize("forgetting", [0.99, 0.9])
def test_rls_bears_silence_and_learns_afterwards(forgetting, silence, float_type):
    rng = np.random.default_rng(0)
    w, v = rng.normal(size=(2, NUM_IN, 1))
    h = SILENCE[silence](rng.normal(size=(8000, NUM_IN)))
    with bm.environment(x64=float_type == "float64"):
        learner = readouts.RLS(NUM_IN, 1, forgetting=forgetting, ridge=1.0).fit(h, h @ w)
        np.testing.assert_allclose(
            h[-50:] @ learner.w.value.T + learner.b.value, h[-50:] @ w, atol=1e-3
        )
        p = np.asarray(learner.root.value, float).T @ np.asarray(learner.root.value, float)
        bound = 2 / np.finfo(float_type).eps / forgetting**4
        assert np.linalg.eigvalsh(p).max() < bound
        # another relation is learnt in the directions that are heard
        learner.add(h[:1000], h[:1000] @ v)
        np.testing.assert_allclose(
            h[:50] @ learner.w.value.T + learner.b.value, h[:50] @ v, atol=1e-2
        )
        h = rng.normal(size=(2000, NUM_IN))
        learner.add(h, h @ w)
        np.testing.assert_allclose(learner.w.value, w.T, atol=1e-3)


def test_rls_under_excitation_is_exact_beyond_the_first_look_at_its_root():
    """Weighted least squares, also after the eigenvalues have been looked at."""
    rng = np.random.default_rng(0)
    h, y = rng.normal(size=(900, NUM_IN)), rng.normal(size=(900, NUM_OUT))
    learner = readouts.RLS(NUM_IN, NUM_OUT, forgetting=0.95, ridge=1e-3).fit(h, y)
    w, b = normal_equations(h, y, 1e-3 * 0.95**900, True, 0.95 ** np.arange(899, -1, -1))
    assert learner.largest.value < 1e6  # not the bound from the start, 0.95 ** -900 / ridge
    np.testing.assert_allclose(learner.w.value, w, rtol=1e-8)
    np.testing.assert_allclose(learner.b.value, b, rtol=1e-8)
