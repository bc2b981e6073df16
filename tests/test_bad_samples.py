"""One bad sample changes no weight that learns: it is refused, or skipped in a compiled run."""

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_plasticity import ALL

import bp_rnn
from bp_rnn import plasticity

RNG = np.random.default_rng(0)
NUM_IN, NUM, NUM_STEP = 7, 3, 6
BAD = [np.nan, np.inf, -np.inf]


def layer(name, mode=None, **options):
    rule = ALL[name]
    return bp_rnn.PlasticLayer(NUM_IN, NUM, rule, **({"lr": 0.01} | options), mode=mode)


#: A system that learns, by whether it takes a batch, and its inputs of one step.
LEARNERS = {
    **{name: lambda mode, name=name: layer(name, mode) for name in ALL},
    "continuous": lambda mode: bp_rnn.PlasticLayer(
        NUM_IN,
        NUM,
        plasticity.BCM(2.0),
        tau_w=10.0,
        tau_r=1.0,
        m=0.1,
        lateral=plasticity.AntiHebb(),
        mode=mode,
    ),
    "rk4": lambda mode: bp_rnn.PlasticLayer(
        NUM_IN, NUM, plasticity.BCM(2.0), tau_w=10.0, tau_r=1.0, integrator="rk4", mode=mode
    ),
    "PlasticRNN": lambda mode: bp_rnn.PlasticRNN(
        bp_rnn.RateRNN(NUM_IN, NUM, num_out=2, mode=mode), plasticity.BCM(2.0), tau_w=5.0
    ),
    "PlasticRNN-energy": lambda mode: bp_rnn.PlasticRNN(
        bp_rnn.EnergyRNN(NUM_IN, NUM, mode=mode), plasticity.Oja(), lr=0.01
    ),
    "STDP": lambda mode: bp_rnn.STDP(NUM_IN, NUM, low=0.0, high=1.0, mode=mode),
    "STDP-nearest": lambda mode: bp_rnn.STDP(NUM_IN, NUM, pairing="nearest", mode=mode),
}


def samples(net, num_step, batch):
    shape = (num_step,) if batch is None else (num_step, batch)
    if isinstance(net, bp_rnn.STDP):
        return [(RNG.random((*shape, n)) < 0.5).astype(float) for n in (NUM_IN, NUM)]
    return [RNG.normal(size=(*shape, NUM_IN))]


def variables(net):
    found = net.vars(method="relative").unique().items()
    return {k: np.asarray(v.value) for k, v in found if not k.endswith("rng")}


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("name", LEARNERS)
def test_a_bad_sample_is_refused_before_anything_changes(name, batch):
    net = LEARNERS[name](None if batch is None else bm.BatchingMode(batch))
    net.reset_state(batch)
    xs = samples(net, 2, batch)
    net.update(*(x[0] for x in xs))
    before = variables(net)
    for place in range(len(xs)):
        for bad in BAD[: 1 if batch else 3]:
            wrong = [x[1].copy() for x in xs]
            wrong[place][..., 1] = bad
            with pytest.raises(ValueError, match=r"^(u|x|pre|post) must be finite, got"):
                net.update(*wrong)
    jax.tree.map(np.testing.assert_array_equal, variables(net), before)
    net.update(*(x[1] for x in xs))
    assert (variables(net)["w" if "w" in before else "cell.w"] != before.get("w", 0)).any()


@pytest.mark.parametrize("name", ["BCM", "continuous", "rk4", "PlasticRNN", "STDP", "STDP-nearest"])
@pytest.mark.parametrize("batch", [None, 2])
def test_a_bad_sample_of_a_run_is_skipped(name, batch):
    """A run with bad samples in it ends where the run without them ends."""
    mode = None if batch is None else bm.BatchingMode(batch)
    xs = samples(LEARNERS[name](mode), NUM_STEP, batch)
    clean = LEARNERS[name](mode)
    clean.reset_state(batch)
    for t in range(NUM_STEP):
        clean.update(*(x[t] for x in xs))
    net = LEARNERS[name](mode)
    net.reset_state(batch)
    dirty = [np.repeat(x, 2, axis=0) for x in xs]
    for t, bad in enumerate([np.nan, np.inf, np.nan, np.inf, np.nan, -np.inf]):
        one = dirty[t % len(dirty)][2 * t + 1]
        (one if batch is None else one[-1])[2] = bad
    out = bm.for_loop(net.update, tuple(jnp.asarray(x) for x in dirty))
    found, right = variables(net), variables(clean)
    for k, v in right.items():
        np.testing.assert_allclose(found[k], v, atol=1e-12, err_msg=k)
    assert np.isfinite(np.asarray(bm.as_jax(out))).all()


def test_under_a_runner():
    net = bp_rnn.PlasticLayer(NUM_IN, NUM, plasticity.BCM(5.0), lr=0.01)
    xs = RNG.normal(size=(4, NUM_IN))
    xs[2, 0] = np.nan
    runner = bp.DSRunner(net, monitors=["w", "theta_post"], progress_bar=False)
    runner.run(inputs=xs)
    for seen in (runner.mon.w, runner.mon.theta_post):
        assert np.isfinite(seen).all()
        np.testing.assert_array_equal(seen[2], seen[1])
        assert (seen[3] != seen[2]).any()


@pytest.mark.usefixtures("float32")
def test_a_sample_that_makes_weights_infinite():
    net = bp_rnn.PlasticLayer(NUM_IN, NUM, plasticity.Hebb(), lr=0.01)
    before = np.asarray(net.w.value)
    with pytest.raises(FloatingPointError, match="would make weights that are not finite; noth"):
        net.update(np.full(NUM_IN, 1e30))
    np.testing.assert_array_equal(net.w.value, before)
    bm.for_loop(net.update, jnp.full((2, NUM_IN), 1e30))
    np.testing.assert_array_equal(net.w.value, before)


@pytest.mark.parametrize("name", ALL)
def test_fit_refuses_before_anything_changes(name):
    net = layer(name)
    before = variables(net)
    inputs = RNG.normal(size=(4, NUM_IN))
    inputs[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"inputs must be finite, got nan at index \(3, 1\)"):
        net.fit(inputs, progress_bar=False)
    jax.tree.map(np.testing.assert_array_equal, variables(net), before)


# bounds

LIMITS = [(0.0, 1.0), (-1.0, 1.0), (0.0, 1e6), (-0.01, 0.02), (2.0, 3.0), (-3.0, -2.0)]


def bounded(low, high):
    hebb = plasticity.Hebb()
    hard, soft = plasticity.HardBounds(hebb, low, high), plasticity.SoftBounds(hebb, low, high)
    yield bp_rnn.STDP(50, 4, low=low, high=high)
    for rule in (hard, soft, plasticity.Normalized(hard), plasticity.HardBounds(soft, -1e9)):
        yield bp_rnn.PlasticLayer(50, 4, rule, lr=0.1)
        yield bp_rnn.PlasticRNN(bp_rnn.RateRNN(3, 50), rule, lr=0.1)


@pytest.mark.parametrize(("low", "high"), LIMITS)
def test_default_weights_start_within_the_bounds(low, high):
    for net in bounded(low, high):
        w = np.asarray(net.w.value)
        assert ((w >= low) & (w <= high)).all()
        assert len(np.unique(w)) > w.size / 2
        if not isinstance(net, bp_rnn.PlasticRNN) or low > -1:
            assert np.ptp(w) == pytest.approx(min(high - low, 2 * (3 / 50) ** 0.5), rel=0.1)


def test_one_bound_or_none():
    hebb = plasticity.Hebb()
    for rule in (
        plasticity.HardBounds(hebb),
        plasticity.SubtractiveNormalization(nonnegative=True),
    ):
        w = np.asarray(bp_rnn.PlasticLayer(50, 40, rule, lr=0.1).w.value)
        assert w.min() >= 0
        assert w.std() == pytest.approx(50**-0.5, rel=0.1)
    for net in (bp_rnn.PlasticLayer(50, 40, hebb, lr=0.1), bp_rnn.STDP(50, 40)):
        w = np.asarray(net.w.value)
        assert w.mean() == pytest.approx(0, abs=0.01)
        assert w.std() == pytest.approx(50**-0.5, rel=0.1)
        assert np.abs(w).max() > 2.5 * 50**-0.5
    lateral = plasticity.HardBounds(plasticity.AntiHebb(), -1.0, -0.5)
    net = bp_rnn.PlasticLayer(5, 4, plasticity.Oja(), lr=0.1, lateral=lateral)
    np.testing.assert_array_equal(net.m.value, -0.5)


def test_weights_of_ones_own_are_refused_outside_the_bounds():
    rule = plasticity.HardBounds(plasticity.Hebb(), 0.0, 1.0)
    for make in (
        lambda: bp_rnn.STDP(3, 2, low=0.0, high=1.0, w=bp.init.Normal()),
        lambda: bp_rnn.PlasticRNN(bp_rnn.RateRNN(3, 5, w=bp.init.Normal()), rule, lr=0.1),
        lambda: bp_rnn.PlasticRNN(
            bp_rnn.constrain(bp_rnn.RateRNN(3, 5), w=bp_rnn.NoSelf()), rule, lr=0.1
        ),
    ):
        with pytest.raises(ValueError, match=r"w must be from 0\.0 to 1\.0 at the start"):
            make()
    cell = bp_rnn.RateRNN(3, 5, w=0.5)
    bp_rnn.PlasticRNN(cell, rule, lr=0.1)
    np.testing.assert_array_equal(cell.w.value, 0.5)
