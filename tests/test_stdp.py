"""Spike-timing-dependent plasticity against its definition, one event after the other."""

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bp_rnn
from bp_rnn import plasticity

C_PLUS, C_MINUS, TAU_1, TAU_2 = 0.02, -0.015, 17.0, 34.0
WINDOW = {"c_plus": C_PLUS, "c_minus": C_MINUS, "tau_1": TAU_1, "tau_2": TAU_2}


def synapses(num_pre=1, num=1, **options):
    options = {"w": 0.5, "dt": 1.0, **WINDOW, **options}
    return bp_rnn.STDP(num_pre, num, **options)


def window(s):
    if s == 0:
        return 0.0
    return C_PLUS * np.exp(s / TAU_1) if s < 0 else C_MINUS * np.exp(-s / TAU_2)


def play(net, pre, post):
    """Spikes (T, num_pre) and (T, num) through the pure step, in one program."""
    held = plasticity.Synapses(net.w.value, net.x.value[None], net.y.value[None])
    pre, post = (jnp.asarray(v, net.w.dtype)[:, None] for v in (pre, post))
    return jax.jit(lambda h: jax.lax.scan(lambda h, s: (net.step(h, *s), None), h, (pre, post)))(
        held
    )[0].w


def event_by_event(w, pre, post, *, nearest=False, low=-np.inf, high=np.inf, **extra):
    """Each spike looks back at the earlier spikes of the other side; times in steps of 1."""
    w = w.copy()
    for t in range(len(pre)):
        w += extra.get("a_0", 0.0)
        for i, j in np.ndindex(w.shape):
            sides = (pre[t, j], post[:t, i], 1, "a_1_pre"), (post[t, i], pre[:t, j], -1, "a_1_post")
            for fires, others, sign, alone in sides:
                if fires:
                    earlier = np.flatnonzero(others)[-1:] if nearest else np.flatnonzero(others)
                    w[i, j] += extra.get(alone, 0.0) + sum(window(sign * (t - f)) for f in earlier)
        w = np.clip(w, low, high)
    return w


@pytest.mark.parametrize("pairing", ["all", "nearest"])
def test_window_by_pairing(pairing):
    s = np.r_[np.arange(-60, 61, 4), 1, -1].astype(float)
    net = synapses(pairing=pairing)
    found = plasticity.measure_window(net, s)
    np.testing.assert_allclose(found, [window(v) for v in s], atol=1e-6)
    np.testing.assert_allclose(net.window(s), [window(v) for v in s], atol=1e-15)
    assert found[s == -1] > found[s == -20] > 0 > found[s == 20] > found[s == 1]
    assert found[s == 0] == 0
    fine = synapses(dt=0.1, a_0=0.001, a_1_pre=0.1, a_1_post=0.2)
    s = np.array([-3.3, 0.7])
    np.testing.assert_allclose(
        plasticity.measure_window(fine, s), [0.3 + window(v) for v in s], atol=1e-12
    )


def test_a_triplet_tells_the_pairings_apart():
    """Two presynaptic spikes and then a postsynaptic one: both pair with it, or the last."""
    pre, post = np.zeros((12, 1)), np.zeros((12, 1))
    pre[[0, 6]], post[10] = 1, 1
    every, nearest = (play(synapses(pairing=p), pre, post)[0, 0] for p in ("all", "nearest"))
    assert every == pytest.approx(0.5 + window(-10) + window(-4), abs=1e-12)
    assert nearest == pytest.approx(0.5 + window(-4), abs=1e-12)
    every, nearest = (play(synapses(pairing=p), post, pre)[0, 0] for p in ("all", "nearest"))
    assert every == pytest.approx(0.5 + window(10) + window(4), abs=1e-12)
    assert nearest == pytest.approx(0.5 + window(4), abs=1e-12)


@pytest.mark.parametrize("pairing", ["all", "nearest"])
def test_ten_seconds_of_poisson_spikes(pairing):
    """Steps of 1 ms, at 20 Hz; with the terms that are not Hebbian."""
    rng = np.random.default_rng(0)
    pre, post = rng.random((10_000, 3)) < 0.02, rng.random((10_000, 2)) < 0.02
    extra = {"a_0": 1e-5, "a_1_pre": 0.003, "a_1_post": -0.002}
    w = rng.uniform(0, 1, (2, 3))
    found = play(synapses(3, 2, w=w, pairing=pairing, **extra), pre, post)
    expected = event_by_event(w, pre, post, nearest=pairing == "nearest", **extra)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_bounds():
    rng = np.random.default_rng(1)
    pre, post = rng.random((300, 3)) < 0.1, rng.random((300, 2)) < 0.1
    found = play(synapses(3, 2, low=0.45, high=0.55), pre, post)
    expected = event_by_event(np.full((2, 3), 0.5), pre, post, low=0.45, high=0.55)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert set(np.unique(found)) & {0.45, 0.55}


class Circuit(bp.DynamicalSystem):
    """Two populations of BrainPy's neurons and the synapses between them."""

    def __init__(self):
        super().__init__()
        self.pre = bp.dyn.Lif(4, V_th=20.0, tau=10.0, V_reset=0.0, V_rest=0.0)
        self.post = bp.dyn.Lif(3, V_th=20.0, tau=10.0, V_reset=0.0, V_rest=0.0)
        self.synapses = bp_rnn.STDP(4, 3, w=5 + np.arange(12.0).reshape(3, 4), **WINDOW)

    def update(self, x):
        self.pre(x)
        received = self.synapses.current(self.pre.spike)
        self.post(received * 100.0)
        return self.synapses(self.pre.spike, self.post.spike)


def test_spikes_of_brainpy_neurons_under_a_runner():
    net = Circuit()
    monitors = {"pre": net.pre.spike, "post": net.post.spike, "w": net.synapses.w}
    runner = bp.DSRunner(net, monitors=monitors, dt=0.1, progress_bar=False)
    currents = np.random.default_rng(0).uniform(20, 45, (1500, 4))
    out = runner.run(inputs=currents)
    pre, post = np.asarray(runner.mon.pre, bool), np.asarray(runner.mon.post, bool)
    assert pre.sum() > 20
    assert post.sum() > 10
    w, times = 5 + np.arange(12.0).reshape(3, 4), np.arange(1500) * 0.1
    for i, j in np.ndindex(w.shape):
        s = times[pre[:, j], None] - times[post[:, i]]
        w[i, j] += net.synapses.window(np.where(abs(s) < 0.05, 0.0, s)).sum()
    np.testing.assert_allclose(net.synapses.w.value, w, atol=1e-10)
    np.testing.assert_allclose(runner.mon.w[-1], w, atol=1e-10)
    np.testing.assert_allclose(out, np.einsum("tij,tj->ti", runner.mon.w, pre), atol=1e-12)
    net.synapses.reset_state()
    assert not np.asarray(net.synapses.x.value).any()
    assert not np.asarray(net.synapses.y.value).any()
    np.testing.assert_allclose(net.synapses.w.value, w, atol=1e-10)


def test_a_batch_is_averaged():
    rng = np.random.default_rng(2)
    pre, post = rng.random((6, 2, 3)) < 0.5, rng.random((6, 2, 2)) < 0.5
    net = synapses(3, 2, mode=bm.BatchingMode(2))
    bm.set_dt(1.0)
    for spikes in zip(pre, post, strict=True):
        out = net.update(*spikes)
    assert out.shape == (2, 2)
    each = [event_by_event(np.full((2, 3), 0.5), pre[:, b], post[:, b]) for b in range(2)]
    np.testing.assert_allclose(net.w.value, np.mean(each, 0), atol=1e-12)
    net.reset_state(5)
    assert (net.x.shape, net.y.shape) == ((5, 3), (5, 2))


@pytest.mark.usefixtures("float32")
def test_single_precision():
    net = synapses(3, 2, dt=bm.get_dt())
    net.update(np.ones(3, bool), np.zeros(2, bool))
    assert {net.w.dtype, net.x.dtype, net.y.dtype} == {np.dtype(np.float32)}
    found = plasticity.measure_window(net, [-1.0, 1.0])
    np.testing.assert_allclose(found, [window(-1), window(1)], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"num_pre": 0}, ValueError, "num_pre must be at least 1"),
        ({"tau_1": -1.0}, ValueError, r"tau_1 must be positive, got -1\.0"),
        ({"tau_2": 0}, ValueError, "tau_2 must be positive, got 0"),
        ({"tau_2": float("nan")}, ValueError, "tau_2 must be finite"),
        ({"c_plus": -0.1}, ValueError, r"c_plus must not be negative, got -0\.1"),
        ({"c_minus": 0.1}, ValueError, r"c_minus must not be positive, got 0\.1"),
        ({"a_0": "a"}, TypeError, "a_0 must hold real numbers"),
        ({"pairing": "some"}, ValueError, "unknown pairing 'some'"),
        ({"low": 1, "high": 0}, ValueError, "low must be below high"),
        ({"low": 0.6}, ValueError, r"w must be from 0\.6 to inf at the start"),
        ({"w": np.ones((2, 2))}, ValueError, r"w must have shape \(1, 1\)"),
        ({"dt": 0}, ValueError, "dt must be positive"),
        ({"key": 0.5, "w": None}, TypeError, "key must be"),
    ],
)
def test_bad_construction(options, error, match):
    with pytest.raises(error, match=match):
        synapses(**options)


def test_bad_spikes_and_distances():
    net = synapses(3, 2, dt=0.1)
    with pytest.raises(ValueError, match=r"pre must have shape \(3,\) at each step, got \(2,\)"):
        net.update(np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match=r"post must have shape \(2,\) at each step, got \(3,\)"):
        net.update(np.zeros(3), np.zeros(3))
    np.testing.assert_array_equal(net.w.value, 0.5)
    with pytest.raises(ValueError, match=r"dt of the run is 0\.1, but .* with dt=1\.0"):
        synapses().update(np.zeros(1), np.zeros(1))
    with pytest.raises(ValueError, match=r"s must hold whole multiples of dt=0\.1"):
        plasticity.measure_window(net, [0.25])
    with pytest.raises(ValueError, match=r"s must have shape \(K,\), got \(\)"):
        plasticity.measure_window(net, 1.0)
    with pytest.raises(TypeError, match="s must hold real numbers"):
        net.window("a")
