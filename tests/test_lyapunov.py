"""Lyapunov exponents against closed forms and known numbers."""

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bp_rnn
from bp_rnn import analysis
from bp_rnn.functional import lyapunov

NUM = 6


def matrix():
    """Eigenvalues real and complex, of different moduli."""
    rng = np.random.default_rng(0)
    return 0.9 * rng.normal(size=(NUM, NUM)) / np.sqrt(NUM)


def descending(values):
    return np.sort(values)[::-1]


def lorenz(s):
    return jnp.stack([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])


def test_a_linear_map():
    w = matrix()
    values = np.linalg.eigvals(w)
    assert (values.imag != 0).sum() == 4
    found = analysis.lyapunov_spectrum(analysis.Map(lambda s: jnp.asarray(w) @ s, NUM))
    np.testing.assert_allclose(found.exponents, descending(np.log(np.abs(values))), atol=1e-8)
    np.testing.assert_allclose(found.history.sum(1), np.log(abs(np.linalg.det(w))), atol=1e-9)
    assert found.dimension == found.entropy == 0


def test_a_linear_network():
    """Of the steps that are run; with a good integrator, of the differential equation."""
    w = matrix()
    values = np.linalg.eigvals(w) - 1
    cell = bp_rnn.RateRNN(None, NUM, phi="identity", w=w, dt=0.1)
    found = analysis.lyapunov_spectrum(cell)
    right = descending(np.log(np.abs(1 + 0.1 * values)) / 0.1)
    np.testing.assert_allclose(found.exponents, right, atol=1e-8)
    fine = bp_rnn.RateRNN(None, NUM, phi="identity", w=w, dt=0.02, integrator="rk4")
    found = analysis.lyapunov_spectrum(fine, num_step=30_000)
    np.testing.assert_allclose(found.exponents, descending(values.real), atol=1e-8)


def test_the_lorenz_system():
    """0.9056 and a dimension of 2.062 (Sprott 2003); the sum is the divergence of the flow."""
    found = analysis.lyapunov_spectrum(analysis.Flow(lorenz, 3), num_step=60_000)
    assert found.exponents[0] == pytest.approx(0.906, abs=0.01)
    assert found.exponents[1] == pytest.approx(0, abs=0.005)
    assert found.exponents.sum() == pytest.approx(-(10 + 1 + 8 / 3), abs=1e-3)
    assert found.dimension == pytest.approx(2.062, abs=0.002)
    assert found.entropy == found.exponents[:2][found.exponents[:2] > 0].sum()


def test_a_limit_cycle_has_an_exponent_of_zero():
    """Radially s' = s (1 - s^2): -2 at the cycle."""

    def rate(s):
        return s * (1 - s @ s) + jnp.stack([-s[1], s[0]])

    found = analysis.lyapunov_spectrum(analysis.Flow(rate, 2), [1.0, 0.2], num_step=5000)
    np.testing.assert_allclose(found.exponents, [0, -2], atol=1e-7)
    np.testing.assert_allclose(np.linalg.norm(found.state), 1, rtol=1e-9)
    assert found.history.shape == (5000, 2)


def test_exponents_under_an_input():
    """A linear unit ignores it, a tanh unit is held at its slope by a constant one."""
    total = 400
    xs = np.random.default_rng(0).normal(size=(total, 2))
    cell = bp_rnn.RateRNN(2, 3, phi="identity", w=np.diag([0.5, 0.2, -0.3]), dt=0.1)
    options = {"num_step": 300, "num_transient": 100}
    found = analysis.lyapunov_spectrum(cell, xs=xs, **options)
    right = np.log(1 + 0.1 * (np.array([0.5, 0.2, -0.3]) - 1)) / 0.1
    np.testing.assert_allclose(found.exponents, right, atol=1e-8)
    unit = bp_rnn.RateRNN(None, 1, w=2.0, dt=0.1)
    held = analysis.lyapunov_spectrum(unit, x=[1.0], **options)
    driven = analysis.lyapunov_spectrum(unit, xs=np.ones((total, 1)), **options)
    (r,) = held.state
    assert r == pytest.approx(np.tanh(2 * r + 1))
    slope = np.log(1 + 0.1 * (2 * (1 - r**2) - 1)) / 0.1
    np.testing.assert_allclose([held.exponents[0], driven.exponents[0]], slope, rtol=1e-6)


def test_a_random_network_becomes_chaotic():
    """Half the gain of the transition decays as its eigenvalues say, three times is chaos."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=(100, 100)) / 10
    cell = bp_rnn.CTRNN(None, 100, w=w, dt=0.1)
    options = {"num_step": 2000, "num_exponent": 3}
    calm = analysis.lyapunov_spectrum(cell, params={"w": 0.5 * w}, **options)
    leading = 0.5 * np.linalg.eigvals(w) - 1
    right = descending(np.log(np.abs(1 + 0.1 * leading)) / 0.1)[:3]
    np.testing.assert_allclose(calm.exponents, right, atol=0.01)
    wild = analysis.lyapunov_spectrum(cell, params={"w": 3.0 * w}, **options)
    assert wild.exponents[0] > 0.05
    assert wild.entropy > 0
    assert wild.dimension == np.inf
    some = analysis.lyapunov_spectrum(cell, params={"w": 3.0 * w}, **options)
    np.testing.assert_array_equal(some.exponents, wild.exponents)


def test_any_brainpy_system():
    system = bp.dyn.RNNCell(2, 3, activation="tanh", mode=bm.TrainingMode(1))
    system.Wh.value = jnp.diag(jnp.array([0.9, 0.5, 0.2]))
    system.b.value = jnp.zeros(3)
    found = analysis.lyapunov_spectrum(system, num_step=300)
    np.testing.assert_allclose(found.exponents, np.log([0.9, 0.5, 0.2]), atol=1e-8)


def test_the_smooth_mean():
    t = jnp.arange(2000.0)
    wave = 0.7 + jnp.stack([jnp.cos(0.3 * t), jnp.sin(2.1 * t)], 1)
    np.testing.assert_allclose(lyapunov.smooth_mean(wave), [0.7, 0.7], atol=1e-10)
    assert abs(float(wave.mean(0)[0]) - 0.7) > 1e-5


def test_dimension_and_entropy():
    spectrum = analysis.LyapunovSpectrum(np.array([0.5, 0.0, -2.0]), None, np.zeros(3))
    assert spectrum.dimension == 2.25
    assert spectrum.entropy == 0.5


@pytest.mark.parametrize(
    ("exponents", "size", "dimension"),
    [
        ([0.6, -0.1], 2, 2),  # all are known, and volumes grow
        ([0.6, -0.6], 2, 2),
        ([0.6, -0.1], 3, np.inf),  # others may be needed
        ([0.6], 1, 1),
        ([-0.6], 1, 0),
        ([0.5, -np.inf], 2, 1),
        ([-np.inf, -np.inf], 2, 0),
    ],
)
def test_the_dimension_is_at_most_that_of_the_state(exponents, size, dimension):
    spectrum = analysis.LyapunovSpectrum(np.array(exponents), None, np.zeros(size))
    assert spectrum.dimension == dimension


def test_the_logistic_map_fills_its_interval():
    found = analysis.lyapunov_spectrum(analysis.Map(lambda s: 4 * s * (1 - s), 1), [0.3])
    assert found.exponents[0] == pytest.approx(np.log(2), abs=2e-3)
    assert found.dimension == 1


def test_float32(float32):
    """It is computed in double precision."""
    found = analysis.lyapunov_spectrum(analysis.Map(lambda s: 0.5 * s, 2), num_step=100)
    np.testing.assert_allclose(found.exponents, np.log(0.5), rtol=1e-12)


def shift(num):
    return np.eye(num, k=-1)


def blocks(*parts):
    sizes = [len(p) for p in parts]
    whole = np.zeros((sum(sizes), sum(sizes)))
    for start, part in zip(np.cumsum([0, *sizes]), parts, strict=False):
        whole[start : start + len(part), start : start + len(part)] = part
    return whole


@pytest.mark.parametrize("x64", [True, False])
@pytest.mark.parametrize(
    ("matrix", "finite"),
    [
        (shift(20), []),
        (0.3 * shift(40), []),
        (np.zeros((4, 4)), []),
        (np.zeros((1, 1)), []),
        (blocks(shift(5), [[0.5]], shift(3), [[-0.9]]), [0.9, 0.5]),
        (np.outer(np.arange(1.0, 5), [0.1, 0.2, -0.1, 0.05]), [0.4]),
        (np.diag([0.9, 1e-10]), [0.9, 1e-10]),
    ],
)
def test_what_is_forgotten_in_a_finite_time_has_no_exponent(matrix, finite, x64):
    """In whatever order the units are."""
    num = len(matrix)
    turn = np.random.default_rng(0).permutation(np.eye(num))
    with bm.environment(x64=x64):
        for w in (matrix, turn @ matrix @ turn.T):
            system = analysis.Map(lambda s, w=w: jnp.asarray(w) @ s, num)
            found = analysis.lyapunov_spectrum(system, num_step=300, num_transient=100)
            known = found.exponents[: len(finite)]
            np.testing.assert_allclose(known, np.log(finite), atol=1e-3)
            assert (found.exponents[len(finite) :] == -np.inf).all()
            assert found.dimension == 0


@pytest.mark.parametrize("leak", [1.0, 0.5])
def test_a_delay_line_forgets_unless_it_leaks(leak):
    net = bp_rnn.ESN(1, 20, num_out=1, topology="delay_line", leak=leak)
    found = analysis.lyapunov_spectrum(net, num_step=300, num_transient=50)
    assert np.isneginf(found.exponents).all() == (leak == 1)
    assert np.isneginf(found.exponents).any() == (leak == 1)


def test_a_direction_in_the_middle_that_ends_takes_nothing_of_the_others():
    w = jnp.diag(jnp.array([0.5, 0.0, 0.25]))
    end = lyapunov.run(lambda s, x: w @ s, jnp.ones(3), jnp.eye(3), None, 4)
    right = np.log([[0.5, 0.25]] * 4)
    np.testing.assert_allclose(end.growth[:, :2], right)
    assert np.isneginf(end.growth[:, 2]).all()
    assert not end.frame[:, 2].any()


CELL = bp_rnn.RateRNN(2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": [0, 0], "xs": np.ones((5, 2))}, "x must be None where xs is given"),
        (
            {"xs": np.ones((5, 2)), "num_step": 5, "num_transient": 1},
            r"xs must have shape \(6, 2\), got \(5, 2\)",
        ),
        ({"num_exponent": 4}, "num_exponent must be at most 3, got 4"),
        ({"num_step": 0}, "num_step must be at least 1"),
        ({"state": [1.0, 2.0]}, r"state must have shape \(\.\.\., 3\)"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        analysis.lyapunov_spectrum(CELL, **options)


def test_a_trajectory_that_runs_away():
    with pytest.raises(FloatingPointError, match="runs away"):
        analysis.lyapunov_spectrum(analysis.Map(lambda s: s**3 + 2, 1), [2.0], num_step=50)
    assert not jax.config.jax_debug_nans
