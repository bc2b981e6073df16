"""Store and forget: every rule, with and without a mask, couplings of one's own, and duplicates."""

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bp_rnn
from bp_rnn import hopfield

N = 17
RNG = np.random.default_rng(0)
HALF = np.triu(RNG.random((N, N)) < 0.5, 1)
MASK = HALF | HALF.T
P = np.asarray(hopfield.random_patterns(0, 5, N, activity=0.2))
RULES = {
    "outer_product": {},
    "covariance": {"rule": "covariance", "activity": 0.2},
    "storkey": {"rule": "storkey"},
    "pseudo_inverse": {"rule": "pseudo_inverse"},
    "callable": {"rule": lambda p: hopfield.outer_product(p) ** 3},
}
MEMORIES = [bp_rnn.DiscreteHopfield, bp_rnn.ContinuousHopfield]
ALL_MEMORIES = [*MEMORIES, bp_rnn.DenseHopfield, bp_rnn.SoftmaxHopfield]


def couplings(mask=None):
    w = np.random.default_rng(1).normal(size=(N, N)) * 0.1
    w = np.triu(w, 1) + np.triu(w, 1).T
    return w if mask is None else w * mask


def build(rule, mask, own, cls=bp_rnn.DiscreteHopfield):
    options = dict(RULES[rule])
    if mask is not None:
        options["mask"] = mask
    if own:
        options["w"] = couplings(mask)
    return cls(N, **options)


def w_of(net):
    return np.asarray(net.w.value)


@pytest.mark.parametrize("own", [False, True], ids=["", "own"])
@pytest.mark.parametrize("mask", [None, MASK], ids=["full", "mask"])
@pytest.mark.parametrize("cls", MEMORIES, ids=lambda c: c.__name__)
@pytest.mark.parametrize("rule", RULES)
def test_together_one_by_one_and_back(rule, cls, mask, own):
    start = couplings(mask) if own else np.zeros((N, N))
    together, single = (build(rule, mask, own, cls) for _ in range(2))
    together.store(P)
    for p in P:
        before = w_of(single)
        single.store(p)
        single.forget(-1)
        np.testing.assert_allclose(w_of(single), before, atol=1e-12)
        single.store(p)
    np.testing.assert_allclose(w_of(single), w_of(together), atol=1e-12)
    assert np.abs(w_of(together) - start).max() > 0.01
    if mask is not None:
        assert not w_of(together)[~mask].any()
    np.testing.assert_allclose(w_of(together), w_of(together).T, atol=1e-12)
    few = build(rule, mask, own, cls)
    few.store(P[[0, 2, 4]])
    single.forget([1, -2])
    np.testing.assert_allclose(w_of(single), w_of(few), atol=1e-12)
    single.clear()
    np.testing.assert_allclose(w_of(single), start, atol=1e-12)
    assert single.patterns.shape == (0, N)
    single.clear()
    single.store(P)
    np.testing.assert_allclose(w_of(single), w_of(together), atol=1e-12)


@pytest.mark.parametrize("own", [False, True], ids=["", "own"])
@pytest.mark.parametrize("mask", [None, MASK], ids=["full", "mask"])
@pytest.mark.parametrize("rule", RULES)
def test_duplicates(rule, mask, own):
    net = build(rule, mask, own)
    net.store(P[:3])
    before = w_of(net)
    net.store(P[1])
    net.store(P[[1, 1]])
    if rule != "pseudo_inverse":  # there a pattern is stored or not
        assert np.abs(w_of(net) - before).max() > 1e-3
    net.forget([3, 4, 5])
    np.testing.assert_allclose(w_of(net), before, atol=1e-12)
    np.testing.assert_array_equal(net.patterns.value, P[:3])


@pytest.mark.parametrize("rule", RULES)
def test_what_others_wrote_into_the_couplings_stays_or_nothing_is_forgotten(rule):
    net = build(rule, None, True)
    net.store(P[:2])
    net.w.value = net.w.value + 0.01 * jnp.asarray(couplings())
    net.store(P[2])
    before = w_of(net)
    if rule == "storkey":
        with pytest.raises(ValueError, match=r"w is not what Storkey's rule has made .* written"):
            net.forget(0)
        np.testing.assert_array_equal(w_of(net), before)
        assert net.patterns.shape == (3, N)
        return
    net.store(P[3])
    net.forget(3)
    np.testing.assert_allclose(w_of(net), before, atol=1e-12)
    net.clear()
    np.testing.assert_allclose(w_of(net), 1.01 * couplings(), atol=1e-12)


@pytest.mark.parametrize("rule", ["outer_product", "covariance"])
def test_binary_units(rule):
    options = {"rule": rule, "activity": 0.3} if rule == "covariance" else {}
    net = bp_rnn.DiscreteHopfield(N, coding="binary", w=couplings(), **options)
    net.store((P + 1) / 2)
    net.clear()
    np.testing.assert_allclose(w_of(net), couplings(), atol=1e-12)


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize("rule", RULES)
def test_single_precision(rule):
    net = build(rule, MASK, True)
    for p in P:
        net.store(p)
    net.forget([3, 0])
    net.clear()
    assert w_of(net).dtype == np.float32
    np.testing.assert_allclose(w_of(net), couplings(MASK), atol=2e-6)


def test_storkey_by_its_sum_over_the_couplings_there_are():
    w = couplings(MASK)
    for p in P:
        h = np.array(
            [
                [sum(w[i, k] * p[k] for k in range(N) if k not in (i, j)) for j in range(N)]
                for i in range(N)
            ]
        )
        change = np.outer(p, p) - p[:, None] * h.T - h * p
        w = w + np.where(MASK, change / N, 0)
    np.testing.assert_allclose(hopfield.storkey(P, couplings(MASK), MASK), w, atol=1e-12)
    with_diagonal = couplings() + np.diag(np.arange(N))
    change = hopfield.storkey(P, with_diagonal) - with_diagonal
    np.testing.assert_allclose(change, hopfield.storkey(P, couplings()) - couplings(), atol=1e-12)


def test_couplings_outside_the_mask_are_refused():
    i, j = (int(k) for k in np.argwhere(~MASK & (couplings() != 0))[0])
    with pytest.raises(ValueError, match=rf"w must be zero where mask is, got w\[{i}, {j}\] = "):
        bp_rnn.DiscreteHopfield(N, w=couplings(), mask=MASK)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("cls", ALL_MEMORIES, ids=lambda c: c.__name__)
def test_a_bad_sample_changes_nothing(cls, bad):
    net = cls(N)
    net.store(P)
    net.set_state(P[0])
    net.update()
    before = {k: v.value for k, v in net.vars().unique().items()}
    value = P[0].copy()
    value[3] = bad
    calls = [net.store, net.set_state, net.retrieve]
    calls += [net.update] if cls in MEMORIES else []
    for call in calls:
        with pytest.raises(ValueError, match="must be finite, got"):
            call(value)
    assert all(before[k] is v.value for k, v in net.vars().unique().items())


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("dynamics", ["synchronous", "asynchronous", None])
def test_a_bad_input_of_a_run_is_skipped(dynamics, batch):
    mode = None if batch is None else bm.BatchingMode(batch)
    options = {} if dynamics is None else {"dynamics": dynamics}
    cls = bp_rnn.ContinuousHopfield if dynamics is None else bp_rnn.DiscreteHopfield
    net = cls(N, mode=mode, **options)
    net.store(P)
    shape = (N,) if batch is None else (batch, N)
    net.set_state(np.broadcast_to(P[0] * np.where(np.arange(N) < 4, -1, 1), shape))
    xs = np.zeros((5, *shape))
    xs[2, ..., 1] = np.nan
    runner = bp.DSRunner(net, monitors=["state", "energy", "converged"], progress_bar=False)
    runner.run(inputs=xs if batch is None else np.moveaxis(xs, 0, 1))
    state, converged = np.asarray(runner.mon.state), np.asarray(runner.mon.converged)
    if batch is not None:  # BrainPy returns (batch, time)
        state, converged = np.moveaxis(state, 0, 1), converged.T
    assert np.isfinite(state).all()
    assert np.isfinite(runner.mon.energy).all()
    np.testing.assert_array_equal(state[2], state[1])
    assert not converged[2].any()
    if dynamics is None:
        assert (state[3] != state[2]).any()
    jax.tree.map(np.testing.assert_array_equal, net.patterns.value, P)
