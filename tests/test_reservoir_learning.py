"""Learning in pieces, within constraints, in single precision; own matrices; FORCE from rest."""

import warnings

import brainpy.math as bm
import numpy as np
import pytest
import scipy.optimize
import scipy.sparse

import bp_rnn
from bp_rnn import Bounded, Dale, Fixed, Mask, constrain, readouts, tasks
from bp_rnn.reservoir import spectral_norm, spectral_radius

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2))
Y = np.stack([X[:, 0] + np.roll(X[:, 1], 1), np.tanh(X[:, 1])], 1)
NUM = 10


def esn(**options):
    return bp_rnn.ESN(2, NUM, **{"num_out": 2, "bias_scaling": 0.3, **options})


def layered(**options):
    below = bp_rnn.ESN(2, 4, bias_scaling=0.3)
    return bp_rnn.DeepESN([below, bp_rnn.ESN(4, 6, key=1)], **{"num_out": 2, **options})


def liquid(**options):
    return bp_rnn.LSM(2, NUM, **{"num_out": 2, "dt": 1.0, "input_scaling": 8.0, **options})


CAUSAL = {"ESN": esn, "DeepESN": layered, "LSM": liquid}


# --- in pieces ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CAUSAL)
def test_pieces_of_a_stream_are_the_stream(name):
    whole, parts = CAUSAL[name](), CAUSAL[name]()
    whole.fit(X, Y, washout=5, ridge=1e-3)
    parts.partial_fit(X[:50], Y[:50], washout=5, ridge=1e-3)
    parts.partial_fit(X[50:90], Y[50:90])
    parts.partial_fit(X[90:], Y[90:])
    np.testing.assert_allclose(parts.w_out.value, whole.w_out.value, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(parts.b_out.value, whole.b_out.value, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(parts.state.value, whole.state.value, rtol=1e-11)


def test_feedback_goes_on_with_the_target_before():
    whole, parts = (esn(feedback_scaling=0.5) for _ in range(2))
    whole.fit(X, Y, ridge=1e-3)
    parts.fit(X[:50], Y[:50], ridge=1e-3)
    parts.partial_fit(X[50:], Y[50:])
    np.testing.assert_allclose(parts.w_out.value, whole.w_out.value, rtol=1e-8)
    # after another run the network feeds back what it gives itself
    other = esn(feedback_scaling=0.5)
    other.fit(X[:50], Y[:50], ridge=1e-3)
    other.update(X[50])
    state, z = other.state.value, other.z.value
    learner = other.partial_fit(X[51:52], Y[51:52])
    p = other.params()
    drive = other.matrix() @ state + p["w_in"] @ X[51] + p["w_fb"] @ z
    np.testing.assert_allclose(other.state.value, np.tanh(drive + p["b"]), rtol=1e-10)
    assert learner._counts.sum() == 51


def test_independent_sequences_start_from_a_reset():
    whole, parts = esn(), esn()
    x, y = X.reshape(4, 30, 2), Y.reshape(4, 30, 2)
    whole.fit(x, y, ridge=1e-3)
    parts.partial_fit(x[:3], y[:3], ridge=1e-3)
    parts.partial_fit(x[3], y[3], reset_state=True)
    np.testing.assert_allclose(parts.w_out.value, whole.w_out.value, rtol=1e-8)
    again = esn()
    again.partial_fit(x[:2], [0, 1], pool="last", ridge=1e-3)
    again.partial_fit(x[2:], [1, 0], pool="last")
    whole.fit(x, [0, 1, 1, 0], pool="last", ridge=1e-3)
    np.testing.assert_allclose(again.w_out.value, whole.w_out.value, rtol=1e-8)


@pytest.mark.parametrize(
    "make",
    [
        lambda: readouts.RLS(NUM, 2, forgetting=0.99),
        lambda: readouts.LMS(NUM, 2, lr=0.01),
        lambda: readouts.Ridge(NUM, 2, ridge=0.1),
    ],
)
def test_fit_starts_anew_and_partial_fit_goes_on(make):
    once, whole, net = make(), make(), esn()
    whole.fit(net.features(X), Y)
    net.fit(X[:50], Y[:50], readout=once)
    net.partial_fit(X[50:], Y[50:], readout=once)
    np.testing.assert_allclose(once.w.value, whole.w.value, rtol=1e-8, atol=1e-12)
    np.testing.assert_array_equal(net.w_out.value, once.w.value)
    net.fit(X, Y, readout=once)
    np.testing.assert_allclose(once.w.value, whole.w.value, rtol=1e-8, atol=1e-12)


def test_another_strength_is_a_new_fit():
    net = esn()
    net.partial_fit(X, Y, ridge=1e-3)
    with pytest.raises(ValueError, match=r"ridge must be that of the pieces before, \[0.001\]"):
        net.partial_fit(X, Y, ridge=1e-2)
    for method in (net.fit, net.partial_fit):
        with pytest.raises(ValueError, match="ridge must be given to the readout"):
            method(X, Y, ridge=1e-2, readout=readouts.Ridge(NUM, 2))


# --- within constraints ------------------------------------------------------------------------

SEEN = np.arange(NUM) < 6
#: What binds w_out, and the bounds that follow.
BINDS = {
    "Mask": (Mask(SEEN), np.where(SEEN, -np.inf, 0), np.where(SEEN, np.inf, 0)),
    "Fixed": (Fixed(~SEEN), np.where(SEEN, -np.inf, 0.1), np.where(SEEN, np.inf, 0.1)),
    "all Fixed": (Fixed(), np.full(NUM, 0.1), np.full(NUM, 0.1)),
    "Mask by output": (
        Mask(np.stack([SEEN, ~SEEN])),
        np.where([SEEN, ~SEEN], -np.inf, 0),
        np.where([SEEN, ~SEEN], np.inf, 0),
    ),
    "Bounded": (Bounded(-0.2, 0.3), -0.2, 0.3),
    "Dale": (
        Dale(np.where(SEEN, 1.0, -1.0)),
        np.where(SEEN, 0, -np.inf),
        np.where(SEEN, np.inf, 0),
    ),
}
LABELS = np.eye(2)[(Y[:, 0] > 0).astype(int)]


def force(net):
    bp_rnn.FORCE(net, ridge=1e-3).fit(X, Y)


#: Every writer of a read-out: what it does, and whether it has feedback.
WRITERS = {
    "fit": lambda net: net.fit(X, Y, ridge=1e-3),
    "several strengths": lambda net: net.fit(X, Y, ridge=[1e-3, 1.0]),
    "partial_fit": lambda net: [net.partial_fit(X[:60], Y[:60]), net.partial_fit(X[60:], Y[60:])],
    "pool": lambda net: net.fit(X.reshape(6, 20, 2), Y[:6], pool="mean"),
    "RLS": lambda net: net.fit(X, Y, readout=readouts.RLS(NUM, 2)),
    "LMS": lambda net: net.fit(X, Y, readout=readouts.LMS(NUM, 2)),
    "Softmax": lambda net: net.fit(X, LABELS, readout=readouts.Softmax(NUM, 2)),
    "FORCE": force,
}
CLOSED = ("RLS", "FORCE")


@pytest.mark.parametrize("bind", BINDS)
@pytest.mark.parametrize("writer", WRITERS)
def test_constraints_hold_for_every_writer(writer, bind):
    constraint, low, high = BINDS[bind]
    net = esn(w_out=0.1, feedback_scaling=0.3 if writer == "FORCE" else None)
    constrain(net, w_out=constraint)
    before = np.asarray(net.w_out.value)
    if writer in CLOSED and bind in ("Mask by output", "Bounded", "Dale"):
        with pytest.raises(ValueError, match="RLS can keep w_out within masks and fixed weights"):
            WRITERS[writer](net)
        np.testing.assert_array_equal(net.w_out.value, before)
        return
    WRITERS[writer](net)
    found = np.asarray(net.w_out.value)
    assert (low <= found).all()
    assert (found <= high).all()
    assert np.abs(found - before).max() > 1e-3 or bind == "all Fixed"


@pytest.mark.parametrize("bind", BINDS)
def test_what_is_left_is_fitted_best(bind):
    constraint, low, high = BINDS[bind]
    net = esn(w_out=0.1)
    constrain(net, w_out=constraint)
    net.fit(X, Y, ridge=0.1)
    h = np.asarray(net.features(X))
    a = np.block([[np.ones((len(h), 1)), h], [np.zeros((NUM, 1)), 0.1**0.5 * np.eye(NUM)]])
    for k in range(2):
        limits = [
            np.r_[end, np.broadcast_to(v, (2, NUM))[k]]
            for end, v in ((-np.inf, low), (np.inf, high))
        ]
        limits[1] = np.where(limits[0] == limits[1], limits[0] + 1e-13, limits[1])
        y = np.r_[Y[:, k], np.zeros(NUM)]
        right = scipy.optimize.lsq_linear(a, y, limits, tol=1e-15, max_iter=1000).x
        np.testing.assert_allclose(net.b_out.value[k], right[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(net.w_out.value[k], right[1:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bind", BINDS)
def test_states_that_break_a_constraint_are_not_loaded(bind):
    constraint, low, high = BINDS[bind]
    net, free = esn(w_out=0.1), esn(w_out=2.0)
    constrain(net, w_out=constraint)
    before = np.asarray(net.w_out.value)
    if bind in ("Fixed", "all Fixed"):  # what is fixed is fixed to what is loaded
        return
    with pytest.raises(ValueError, match="w_out must obey its constraints"):
        net.load_state_dict(free.state_dict())
    np.testing.assert_array_equal(net.w_out.value, before)


def test_a_bound_intercept_and_a_bound_readout():
    net = esn(b_out=0.5)
    constrain(net, b_out=Fixed())
    net.fit(X, Y, ridge=1e-3)
    h = np.asarray(net.features(X))
    right = np.linalg.solve(h.T @ h + 1e-3 * np.eye(NUM), h.T @ (Y - 0.5)).T
    np.testing.assert_allclose(net.w_out.value, right, rtol=1e-8)
    np.testing.assert_array_equal(net.b_out.value, [0.5, 0.5])
    with pytest.raises(ValueError, match="RLS can keep"):
        net.fit(X, Y, readout=readouts.RLS(NUM, 2))
    learner = constrain(readouts.LMS(NUM, 2), w=Mask(SEEN))
    esn().fit(X, Y, readout=learner)
    assert not np.asarray(learner.w.value)[:, ~SEEN].any()
    assert np.asarray(learner.w.value)[:, SEEN].all()
    freed = esn(w_out=0.1)
    constrain(freed, w_out=Mask(SEEN))
    free = readouts.LMS(NUM, 2)
    freed.fit(X, Y, readout=free)
    constrain(freed, w_out=[])
    freed.fit(X, Y, readout=free)
    assert np.asarray(freed.w_out.value).all()


# --- precision ---------------------------------------------------------------------------------


def narma(**options):
    """NARMA-10 as in the benchmark of accuracy, with a small or a larger input."""
    x, y = (v[:, None] for v in tasks.narma(2, num_step=2000))
    net = bp_rnn.ESN(1, 200, num_out=1, distribution="normal", **options)
    net.fit(x, y, washout=200, ridge=10.0 ** np.arange(-16, 1), progress_bar=False)


SMALL = {"spectral_radius": 1.047, "leak": 0.827, "input_scaling": 0.026, "bias_scaling": 0.554}
LARGE = {"spectral_radius": 0.986, "input_scaling": 0.064, "bias_scaling": 0.347}


def mackey_glass(ridge):
    series = tasks.mackey_glass(2, num_step=2001)[:, None] - 1.0
    options = {"spectral_radius": 1.097, "leak": 0.6, "input_scaling": 1.2, "bias_scaling": 0.6}
    net = bp_rnn.ESN(1, 300, num_out=1, topology="diagonals", density=0.07, **options)
    net.fit(series[:-1], series[1:], washout=500, ridge=ridge, progress_bar=False)


@pytest.mark.parametrize(
    ("fit", "speaks"),
    [
        (lambda: narma(**SMALL), True),
        (lambda: narma(**LARGE), False),
        (lambda: mackey_glass(0.0), True),
        (lambda: mackey_glass(1e-8), False),
        (lambda: esn().fit(X, X @ [[1.0, 0], [0, 2]]), False),
    ],
)
def test_single_precision_is_warned_of_where_it_costs(fit, speaks):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with bm.environment(x64=False):
            fit()
    assert [v.category for v in told] == [RuntimeWarning] * speaks
    if speaks:
        assert "with bm.environment(x64=True)" in str(told[0].message)
        assert told[0].filename == __file__


def test_double_precision_is_not_warned_of():
    narma(**SMALL)


@pytest.mark.parametrize("how", ["environment", "enable"])
def test_the_remedy_holds_for_all_that_a_network_does(how):
    with bm.environment(x64=False):
        if how == "environment":
            with bm.environment(x64=True):
                found = _everything()
        else:
            bm.enable_x64()
            found = _everything()
            bm.disable_x64()
    for value, right in zip(found, _everything(), strict=True):
        assert value.dtype == np.float64
        np.testing.assert_array_equal(value, right)


def _everything():
    net = bp_rnn.ESN(2, NUM, num_out=2)
    net.fit(X[:-1], X[1:], ridge=1e-3)
    net.partial_fit(X[:-1], X[1:])
    return [
        np.asarray(v) for v in (net.w_out.value, net.predict(X), net.generate(4), net.states(X))
    ]


# --- options -----------------------------------------------------------------------------------

W = scipy.sparse.random_array((40, 40), density=0.1, rng=np.random.default_rng(1), format="coo")
FORMATS = ["coo", "csr", "csc", "lil", "dok", "bsr", "dia"]


@pytest.mark.parametrize("float_type", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", FORMATS)
def test_sparse_matrices_of_every_format_are_taken(form, kind, float_type):
    given = W if kind == "array" else scipy.sparse.coo_matrix(W)
    with bm.environment(x64=float_type == "float64"):
        net = bp_rnn.ESN(1, 40, w=given.asformat(form), bias_scaling=0.1)
        found = net.matrix()
        assert net.w.shape[1] < 20
        assert found.nnz == W.nnz
        np.testing.assert_allclose(found.toarray(), W.toarray(), rtol=1e-6)
        plain = bp_rnn.ESN(1, 40, w=W.toarray(), bias_scaling=0.1)
        x = X[:20, :1]
        np.testing.assert_allclose(net.states(x), plain.states(x), rtol=1e-4, atol=1e-6)
        again = bp_rnn.ESN(1, 40, w=found, bias_scaling=0.1)
        np.testing.assert_array_equal(again.states(x), net.states(x))


def test_sparse_matrices_that_are_not_sparse_or_wrong():
    full = RNG.normal(size=(6, 6))
    net = bp_rnn.ESN(1, 6, w=scipy.sparse.csr_array(full))
    np.testing.assert_array_equal(net.matrix(), full)
    none = bp_rnn.ESN(1, 6, w=scipy.sparse.csr_array((6, 6)))
    assert not np.asarray(none.w.value).any()
    drive = scipy.sparse.csr_array([[1.0, 0], [0, 2], [0, 0]])
    for make in (bp_rnn.ESN, bp_rnn.LSM):
        np.testing.assert_array_equal(make(2, 3, w_in=drive).w_in.value, drive.toarray())
    for wrong, error, message in [
        (scipy.sparse.csr_array((5, 6)), ValueError, r"w must have shape \(6, 6\), got a sparse"),
        (scipy.sparse.csr_array(full * 1j), TypeError, "w must hold real numbers"),
        (scipy.sparse.csr_array(full * np.nan), ValueError, "w must be finite"),
    ]:
        with pytest.raises(error, match=message):
            bp_rnn.ESN(1, 6, w=wrong)
    with pytest.raises(TypeError, match="w must be dense, got a SciPy sparse matrix"):
        bp_rnn.RateRNN(1, 6, w=scipy.sparse.csr_array(full))
    masked = constrain(bp_rnn.RateRNN(1, 40), w=Mask(W))
    np.testing.assert_array_equal(np.asarray(masked.w.value) != 0, W.toarray() != 0)


@pytest.mark.parametrize(
    "w", [W.toarray(), W.tocsc(), W.toarray().tolist(), lambda shape: W.toarray()]
)
def test_an_own_matrix_is_scaled_where_that_is_asked_for(w):
    for radius in (0.5, 1.2):
        net = bp_rnn.ESN(1, 40, w=w, spectral_radius=radius)
        assert spectral_radius(net.matrix()) == pytest.approx(radius, rel=1e-6)
    assert spectral_norm(bp_rnn.ESN(1, 40, w=w, spectral_norm=0.7).matrix()) == pytest.approx(0.7)
    kept = bp_rnn.ESN(1, 40, w=w).matrix()
    kept = kept.toarray() if scipy.sparse.issparse(kept) else kept
    np.testing.assert_allclose(kept, W.toarray(), rtol=1e-12)
    picked = bp_rnn.ESN(1, 40, w=np.ones((40, 4)), topology="sparse", density=0.1)
    np.testing.assert_array_equal(picked.matrix().sum(1), 4)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"w": 0.1, "density": 0.5}, "density"),
        ({"w": 0.1, "distribution": "normal"}, "distribution"),
        ({"w": W, "topology": "ring"}, "topology"),
        ({"w": W, "density": 0.1}, "density"),
        ({"topology": "ring", "density": 0.1}, "density"),
        ({"topology": "orthogonal", "distribution": "normal"}, "distribution"),
        ({"w_in": 0.1, "input_scaling": 0.5}, "input_scaling"),
        ({"w_in": 0.1, "input_norm": 0.5}, "input_norm"),
        ({"w_in": 0.1, "input_density": 0.5}, "input_density"),
        ({"w_in": 0.1, "input_distribution": "normal"}, "input_distribution"),
        ({"input_norm": 0.1, "input_scaling": 0.5}, "input_scaling"),
        ({"b": 0.1, "bias_scaling": 0.5}, "bias_scaling"),
        ({"w_fb": 0.1, "feedback_scaling": 0.5}, "feedback_scaling"),
        ({"num_out": None, "w_out": 0.1}, "w_out"),
        ({"num_out": None, "b_out": 0.1}, "b_out"),
    ],
)
def test_options_without_effect_are_refused(options, name):
    with pytest.raises(ValueError, match=f"{name} has no effect beside"):
        bp_rnn.ESN(2, 40, **{"num_out": 2, **options})


def test_arguments_without_effect_are_refused():
    net, back = esn(), esn(w_fb=0.1)
    assert back.has_feedback
    np.testing.assert_array_equal(back.w_fb.value, np.full((NUM, 2), 0.1))
    for call, message in [
        (lambda: net.fit(X, Y, teacher_noise=0.1), "teacher_noise=0.1 is for targets to be fed"),
        (lambda: net.states(X, y=Y), "y is to be fed back, but this ESN has no feedback"),
        (lambda: net.predict(X, warmup=(X, Y)), "the second of warmup is to be fed back"),
        (lambda: back.fit(X[None], Y[:1], pool="last"), "pool must be None for a network with"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    for make in (
        layered,
        lambda **k: bp_rnn.BidirectionalESN(bp_rnn.ESN(2, 3), bp_rnn.ESN(2, 3, key=1), **k),
    ):
        with pytest.raises(ValueError, match="w_out has no effect beside num_out=None"):
            make(num_out=None, w_out=0.1)


# --- warm-up, rest and bad samples -------------------------------------------------------------


@pytest.mark.parametrize("sizes", [None, [30, 12]])
def test_the_last_target_of_a_warm_up_is_fed_back(sizes):
    net = esn(feedback_scaling=0.7, w_out=0.2)
    p = net.params()
    xs, ys = X.reshape(4, 30, 2)[:2], Y.reshape(4, 30, 2)[:2]
    lengths = [30, 30] if sizes is None else sizes
    warmup = [[v[:n] for v, n in zip(data, lengths, strict=True)] for data in (xs, ys)]
    found = net.predict(X[: 2 * 5].reshape(2, 5, 2), warmup=tuple(warmup))
    pooled = net.predict(X[: 2 * 5].reshape(2, 5, 2), warmup=tuple(warmup), pool="mean")
    np.testing.assert_allclose(pooled, np.asarray(found).mean(1), rtol=1e-10)
    for i, n in enumerate(lengths):
        h, fed = np.zeros(NUM), np.zeros(2)
        for x, y in zip(xs[i, :n], ys[i, :n], strict=True):
            h = np.tanh(net.matrix() @ h + p["w_in"] @ x + p["w_fb"] @ fed + p["b"])
            fed = y
        for t, x in enumerate(X[:10].reshape(2, 5, 2)[i]):
            h = np.tanh(net.matrix() @ h + p["w_in"] @ x + p["w_fb"] @ fed + p["b"])
            fed = p["w_out"] @ h + p["b_out"]
            np.testing.assert_allclose(found[i, t], fed, rtol=1e-9)
    one = net.predict(X[:1], warmup=(xs[0], ys[0]))
    np.testing.assert_allclose(one, found[:1, 0] if sizes is None else one, rtol=1e-9)


def resting(**options):
    return bp_rnn.ESN(
        1, 40, num_out=1, feedback_scaling=1.0, spectral_radius=1.3, leak=0.3, b_out=None, **options
    )


def test_force_that_rests_says_so_and_learns_from_a_random_state():
    y = np.sin(np.arange(1500) * 0.1)[:, None]
    learner = bp_rnn.FORCE(resting())
    with pytest.raises(ValueError, match="never leaves its rest.*pass a random init_state"):
        learner.fit(np.zeros((1500, 1)), y)
    assert not np.asarray(learner.cell.w_out.value).any()
    error = learner.fit(np.zeros((1500, 1)), y, init_state=RNG.normal(size=40))
    assert np.abs(error[-100:]).mean() < 0.05


def test_features_that_never_change_can_not_be_fitted():
    net = bp_rnn.ESN(1, 8, num_out=1)
    with pytest.raises(ValueError, match="x leaves all features of the network as they are"):
        net.fit(np.zeros((30, 1)), Y[:30, :1])
    assert not np.asarray(net.w_out.value).any()
    net.fit(np.zeros((30, 1)), np.ones((30, 1)))  # a constant needs no feature
    np.testing.assert_allclose(net.predict(X[:5, :1] * 0), 1)


@pytest.mark.parametrize("forgetting", [1.0, 0.99])
def test_force_goes_through_bad_samples(forgetting):
    net = esn(feedback_scaling=0.5)
    learner = bp_rnn.FORCE(net, forgetting=forgetting, on_bad="skip")
    bad = Y.copy()
    bad[[3, 40]] = [[np.nan, 1.0], [0.0, np.inf]]
    errors = learner.fit(X, bad)
    assert np.isnan(np.asarray(errors)[[3, 40]]).all()
    assert np.isfinite(np.asarray(net.w_out.value)).all()
    stepwise = bp_rnn.FORCE(esn(feedback_scaling=0.5), forgetting=forgetting, on_bad="skip")
    for x, y in zip(X[:50], bad[:50], strict=True):
        stepwise.update(x, y)
    learner = bp_rnn.FORCE(esn(feedback_scaling=0.5), forgetting=forgetting, on_bad="skip")
    learner.fit(X[:50], bad[:50])
    np.testing.assert_allclose(stepwise.rls.w.value, learner.rls.w.value, rtol=1e-8)
    strict = bp_rnn.FORCE(esn(feedback_scaling=0.5))
    before = {k: np.asarray(v) for k, v in strict.vars().unique().items()}
    for call, name in [
        (lambda: strict.fit(X, bad), "y"),
        (lambda: strict.update(X[0], [np.nan, 0.0]), "y"),
        (lambda: strict.update([np.nan, 0.0], Y[0]), "x"),
        (lambda: strict.fit(np.where(X > 2, np.inf, X), Y), "x"),
    ]:
        with pytest.raises(ValueError, match=f"{name} must be finite"):
            call()
    for k, v in strict.vars().unique().items():
        np.testing.assert_array_equal(v, before[k])
    run = bm.jit(strict.update)
    run(X[0], np.array([np.nan, 0.0]))
    run(np.array([np.inf, 0.0]), Y[0])
    for v in strict.vars().unique().values():
        if v is not strict.error:
            assert np.isfinite(np.asarray(v)).all()
