"""Sequences of any length: nothing depends on what is behind an end, and few programs do."""

import brainpy.math as bm
import cases
import compilations
import numpy as np
import pytest

import bp_rnn
from bp_rnn import reservoir

RNG = np.random.default_rng(0)
SIZES = [7, 12, 4]
X, Y = RNG.normal(size=(3, 12, cases.NUM_IN)), RNG.normal(size=(3, 12, cases.NUM_OUT))
LABELS = np.array([0, 1, 1])


def liquid(mode=None):
    return bp_rnn.LSM(
        cases.NUM_IN, 20, num_out=cases.NUM_OUT, scaling=0.5, input_scaling=5.0, dt=1.0, mode=mode
    )


#: Every kind of reservoir.
NETS = {
    **{k: v for k, v in cases.RESERVOIRS.items() if k != "ESN-sparse"},
    "ESN-sparse": lambda mode=None: bp_rnn.ESN(
        cases.NUM_IN, cases.NUM, num_out=cases.NUM_OUT, topology="sparse", density=0.4, mode=mode
    ),
    "BidirectionalESN": cases.WHOLE_SEQUENCE_CELLS["BidirectionalESN"],
    "LSM": liquid,
}
every_net = pytest.mark.parametrize("name", NETS)


def test_all_reservoirs_are_here():
    found = {type(make()) for make in NETS.values()}
    assert found == set(cases.leaves(reservoir, reservoir.Reservoir))


def filled(value, sizes, fill):
    """The sequences with something else behind their ends."""
    value = np.array(value, float)
    for i, size in enumerate(sizes):
        value[i, size:] = RNG.normal(size=value[i, size:].shape) if fill == "random" else fill
    return value


def masked(value, sizes):
    behind = np.arange(value.shape[1]) >= np.array(sizes)[:, None]
    return np.ma.array(value, mask=np.broadcast_to(behind[..., None], value.shape))


def cut(value, sizes):
    return [v[:n] for v, n in zip(value, sizes, strict=True)]


#: The same data in every form: a padded array with any filling, a masked one, a list.
FORMS = {
    "nan": lambda v: (filled(v, SIZES, np.nan), SIZES),
    "inf": lambda v: (filled(v, SIZES, -np.inf), SIZES),
    "random": lambda v: (filled(v, SIZES, "random"), SIZES),
    "masked": lambda v: (masked(filled(v, SIZES, np.nan), SIZES), None),
    "list": lambda v: (cut(v, SIZES), None),
}


def everything(net, form):
    """All that the network gives for the data in one form, as a list of arrays."""
    x, lengths = form(X)
    y, _ = form(Y)
    found = [net.predict(x, lengths=lengths), net.states(x, lengths=lengths)]
    found += [net.features(x, lengths=lengths)]
    options = {"lengths": lengths, "progress_bar": False, "ridge": 1e-2}
    found += [net.fit(x, y, washout=2, **options).w.value]
    found += [net.partial_fit(x, y, **options).w.value, net.predict(x, lengths=lengths)]
    if not net.has_feedback:
        learner = bp_rnn.RLS(*net.w_out.shape[::-1], intercept="b_out" in net.train_params())
        found += [net.fit(x, y, lengths=lengths, readout=learner).root.value]
        for pool in ("last", "all"):
            found += [net.fit(x, LABELS, pool=pool, **options).w.value]
            found += [net.predict(x, pool=pool, lengths=lengths)]
    found += [net.predict(X[:, :5], warmup=x if lengths is None else cut(x, SIZES))]
    return found


@every_net
def test_nothing_depends_on_what_is_behind_an_end(name):
    net = NETS[name]()
    start = net.params()
    right = everything(net, lambda v: (filled(v, SIZES, 0.0), SIZES))
    for form in FORMS.values():
        for key, variable in net.train_params().items():
            variable.value = start[key]
        net.reset()
        for one, other in zip(right, everything(net, form), strict=True):
            if isinstance(other, list):
                for a, b, n in zip(one, other, SIZES, strict=True):
                    np.testing.assert_array_equal(a[:n], b)
            else:
                np.testing.assert_array_equal(one, other)


@every_net
def test_a_batch_is_its_sequences_each_alone(name):
    net = NETS[name]()
    net.fit(X, Y, lengths=SIZES, ridge=1e-2, progress_bar=False)
    for call in (net.predict, net.states, net.features):
        found = call(filled(X, SIZES, np.nan), lengths=SIZES)
        for i, n in enumerate(SIZES):
            np.testing.assert_allclose(found[i, :n], call(X[i, :n]), rtol=1e-9, atol=1e-12)
            assert not np.asarray(found[i, n:]).any()
    pooled = net.predict(cut(X, SIZES), pool="mean")
    means = [np.asarray(net.predict(x)).mean(0) for x in cut(X, SIZES)]
    np.testing.assert_allclose(pooled, means, rtol=1e-9, atol=1e-12)


# with feedback the states depend on the targets: that has a test of its own
@pytest.mark.parametrize("name", [name for name in NETS if name != "ESN-feedback"])
def test_fit_learns_from_the_sequences_alone(name):
    net = NETS[name]()
    net.fit(cut(X, SIZES), cut(Y, SIZES), washout=1, ridge=1e-2, progress_bar=False)
    h = np.concatenate([net.features(x)[1:] for x in cut(X, SIZES)])
    y = np.concatenate([v[1:] for v in cut(Y, SIZES)])
    learner = bp_rnn.Ridge(*net.w_out.shape[::-1], ridge=1e-2).fit(h, y)
    np.testing.assert_allclose(net.w_out.value, learner.w.value, rtol=1e-8, atol=1e-10)


def test_states_and_free_runs_start_where_each_sequence_ends():
    net = bp_rnn.ESN(2, 8, num_out=2, w_out=0.1, mode=bm.BatchingMode(3))
    x = RNG.normal(size=(3, 12, 2))
    net.fit(filled(x, SIZES, np.nan), filled(x, SIZES, np.nan), lengths=SIZES)
    ends = [net.states(v)[-1] for v in cut(x, SIZES)]
    np.testing.assert_allclose(net.state.value, ends, rtol=1e-11)
    free = net.generate(3)
    np.testing.assert_allclose(free, net.generate(3, warmup=cut(x, SIZES)), rtol=1e-9)
    for i, v in enumerate(cut(x, SIZES)):
        np.testing.assert_allclose(free[i], net.generate(3, warmup=v), rtol=1e-9)


def test_steps_without_a_target_are_not_learnt():
    """Masked, or not finite where the read-out leaves such samples out."""
    net, y = bp_rnn.ESN(3, 8, num_out=2), np.ma.array(Y[1], mask=np.zeros((12, 2)))
    y[[3, 7]] = np.ma.masked
    net.fit(X[1], y, ridge=1e-3)
    there = np.setdiff1d(np.arange(12), [3, 7])
    right = bp_rnn.Ridge(8, 2, ridge=1e-3).fit(net.features(X[1])[there], Y[1][there])
    np.testing.assert_allclose(net.w_out.value, right.w.value, rtol=1e-9)
    bad = Y[1].copy()
    bad[3, 0], bad[7, 1] = np.nan, np.inf
    net.fit(X[1], bad, readout=bp_rnn.Ridge(8, 2, ridge=1e-3, on_bad="skip"))
    np.testing.assert_allclose(net.w_out.value, right.w.value, rtol=1e-9)
    with pytest.raises(ValueError, match="y must be finite, got nan"):
        net.fit(X[1], bad)
    back = bp_rnn.ESN(3, 8, num_out=2, feedback_scaling=0.1)
    with pytest.raises(ValueError, match="y must have a target at every step to be fed back"):
        back.fit(X[1], y)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ma.array(X[0], mask=np.arange(12)[:, None] < [3, 2, 3]), "x is masked at index"),
        ([X[0], X[1, :, :2]], "x must hold sequences of the same number of features"),
        ([X[0], np.where(X[1] > 1, np.nan, X[1])], "x must be finite, got nan"),
    ],
)
@every_net
def test_holes_are_refused(name, x, message):
    net = NETS[name]()
    for call in (net.predict, net.states, net.features):
        with pytest.raises(ValueError, match=message):
            call(x)


def test_measures_take_lists_and_masked_arrays():
    net = bp_rnn.ESN(cases.NUM_IN, 9)
    ends = np.stack([net.states(v)[-1] for v in cut(X, SIZES)])
    sizes = np.linalg.svd(ends, compute_uv=False)
    for form in ("list", "masked"):
        x, _ = FORMS[form](X)
        assert reservoir.kernel_rank(net, x, tolerance=0.3) == (sizes > 0.3 * sizes[0]).sum()
        apart = reservoir.separation(net, x, FORMS[form](-X)[0])
        for i, n in enumerate(SIZES):
            right = reservoir.separation(net, X[i, :n], -X[i, :n])
            np.testing.assert_allclose(apart[i][:n], right, rtol=1e-9)
    with pytest.raises(ValueError, match="v must have the lengths of u"):
        reservoir.separation(net, cut(X, [12, 4, 4]), cut(X, [12, 5, 4]))


def test_a_bidirectional_network_is_called_on_a_whole_sequence():
    net = NETS["BidirectionalESN"]()
    np.testing.assert_allclose(net(X[0]), net.predict(X[0]), rtol=1e-10)
    np.testing.assert_array_equal(net.state.value, net.both.state.value)
    batch = NETS["BidirectionalESN"](bm.BatchingMode(3))
    np.testing.assert_allclose(batch(X), net.predict(X), rtol=1e-10)
    with pytest.raises(ValueError, match="is bidirectional"):
        net.update(X[0, 0])
    with pytest.raises(ValueError, match="generate needs"):
        net.generate(3)


def calls(net):
    """Every call with a number of steps of its own."""
    yield "predict", lambda s: net.predict(s)
    yield "lengths", lambda s: net.predict(np.stack([s, s]), lengths=[len(s), 2])
    yield "list", lambda s: net.predict([s, s[:2]])
    yield "pool", lambda s: net.predict(s, pool="mean")
    yield "states", lambda s: net.states(s)
    yield "fit", lambda s: net.fit(s, s[:, :2])
    yield "partial_fit", lambda s: net.partial_fit(s, s[:, :2])
    if net.causal:
        yield "warmup", lambda s: net.predict(s[:2], warmup=s)


@pytest.mark.parametrize("name", ["ESN", "ESN-feedback", "DeepESN", "BidirectionalESN"])
def test_many_lengths_need_few_programs(name):
    net = NETS[name]()
    series = RNG.normal(size=(80, cases.NUM_IN))
    for what, call in calls(net):
        if what == "pool" and net.has_feedback:
            continue
        with compilations.counted() as found:
            for num in range(41, 81):
                call(series[:num])
        assert len(found) <= 8, what


def test_free_runs_and_online_readouts_of_many_lengths_need_few_programs():
    net = bp_rnn.ESN(2, 8, num_out=2, w_out=0.1)
    force = bp_rnn.FORCE(bp_rnn.ESN(2, 8, num_out=2, feedback_scaling=0.5))
    learners = [bp_rnn.RLS(2, 2, forgetting=0.99), bp_rnn.LMS(2, 2)]
    series = RNG.normal(size=(80, 2))
    for call in (
        lambda s: net.generate(len(s)),
        lambda s: force.fit(s, s),
        lambda s: [v.fit(s, s) for v in learners],
    ):
        with compilations.counted() as found:
            for num in range(41, 81):
                call(series[:num])
        assert len(found) <= 8


@pytest.mark.parametrize("num", [1, 2, 63, 64, 65, 1000])
def test_every_number_of_steps_is_a_run_step_by_step(num):
    net = bp_rnn.ESN(1, 6, num_out=1, w_out=0.4, bias_scaling=0.2)
    x = RNG.normal(size=(num, 1))
    zs = net.predict(x)
    assert zs.shape == (num, 1)
    state, params = net.initial_state({}), net.params()
    w, free = net.matrix(), state
    for t in range(num):
        state = np.tanh(w @ state + params["w_in"] @ x[t] + params["b"])
        assert abs(params["w_out"] @ state - zs[t]) < 1e-12
    found = net.generate(num)
    for t in range(min(num, 70)):
        z = params["w_out"] @ free
        assert abs(z - found[t]) < 1e-12
        free = np.tanh(w @ free + params["w_in"] @ z + params["b"])
