"""The linear network and its modes, against closed forms."""

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import bp_rnn
from bp_rnn.functional import linear

HALF = 0.5**0.5
rng = np.random.default_rng(0)
RANDOM = 0.4 * rng.normal(size=(5, 5))
ROTATION = np.array([[0.0, -1.0], [1.0, 0.0]])
CHAIN = np.diag(np.ones(5), -1)
#: Symmetric, general, and normal without being symmetric.
MATRICES = {
    "symmetric": RANDOM + RANDOM.T,
    "general": RANDOM,
    "normal": scipy.linalg.block_diag(0.9 * ROTATION, 0.5 * np.eye(2), 1.3 * np.eye(1)),
}
every_matrix = pytest.mark.parametrize("name", MATRICES)


def test_the_numbers_of_the_lecture():
    for sign, first in ((1, [HALF, HALF]), (-1, [-HALF, HALF])):
        found = bp_rnn.modes(sign * np.array([[0, 0.8], [0.8, 0]]), tau=10.0)
        np.testing.assert_allclose(found.eigenvalues, [0.8, -0.8], atol=1e-15)
        np.testing.assert_allclose(found.gains, [5, 1 / 1.8], rtol=1e-14)
        np.testing.assert_allclose(found.time_constants, [50, 10 / 1.8], rtol=1e-14)
        np.testing.assert_allclose(found.vectors[:, 0], first, atol=1e-15)
        np.testing.assert_allclose(found.vectors[:, 1], [-first[0], HALF], atol=1e-15)
        assert found.kinds == ("decaying", "decaying")
        assert found.is_stable
        assert found.departure == 0
        assert found.condition == pytest.approx(1)


@every_matrix
def test_modes_make_the_network_diagonal(name):
    m = MATRICES[name]
    found = bp_rnn.modes(m, tau=2.0)
    phi, lam = found.vectors, found.eigenvalues
    assert np.iscomplexobj(lam) == (name != "symmetric")
    np.testing.assert_allclose(m @ phi, phi * lam, atol=1e-13)
    np.testing.assert_allclose(np.linalg.norm(phi, axis=0), 1)
    assert (np.diff(lam.real) <= 1e-12).all()
    v = rng.normal(size=(3, 4, len(m)))
    np.testing.assert_allclose(found.project(v) @ phi.T, v, atol=1e-12)
    if name == "symmetric":
        np.testing.assert_allclose(found.project(v), v @ phi, atol=1e-13)
    # steady state in the modes: c = g h_f
    h = v[0, 0]
    rest = np.asarray(linear.steady_state(jnp.asarray(m), jnp.asarray(h)))
    np.testing.assert_allclose(found.project(rest), found.gains * found.project(h), rtol=1e-10)
    np.testing.assert_allclose(rest, np.linalg.solve(np.eye(len(m)) - m, h), rtol=1e-10)
    np.testing.assert_allclose(found.time_constants, 2 / (1 - lam.real), rtol=1e-12)
    np.testing.assert_allclose(found.frequencies, lam.imag / (4 * np.pi), atol=1e-15)
    henrici = scipy.linalg.norm(np.triu(scipy.linalg.schur(m, output="complex")[0], 1))
    assert found.departure == pytest.approx(henrici, abs=1e-13)
    assert (found.departure > 0.1) == (name == "general")
    assert (found.condition > 1.01) == (name == "general")


@pytest.mark.parametrize(
    ("m", "kinds", "stable"),
    [
        ([[0.99]], ["decaying"], True),
        ([[1.0]], ["integrating"], False),
        ([[1.01]], ["growing"], False),
        (np.diag([0.2, 1.0, 1.5, -3.0]), ["growing", "integrating", "decaying", "decaying"], False),
        (ROTATION, ["decaying oscillation"] * 2, True),
        (ROTATION + np.eye(2), ["sustained oscillation"] * 2, False),
        (ROTATION + 2 * np.eye(2), ["growing oscillation"] * 2, False),
        (CHAIN, ["decaying"] * 6, True),
        (np.ones((10, 10)) / 10, ["integrating"] + ["decaying"] * 9, False),
    ],
)
def test_kinds(m, kinds, stable):
    found = bp_rnn.modes(m)
    assert found.kinds == tuple(kinds)
    assert found.is_stable == stable
    if "integrating" in kinds:
        place = kinds.index("integrating")
        assert found.gains[place] == found.time_constants[place] == np.inf


def test_an_integrator_survives_rounding():
    """A direction in float32 has an eigenvalue of 1 to 1e-7, a double one only to 1e-8."""
    f = np.full(7, 7**-0.5, np.float32)
    assert bp_rnn.modes(np.outer(f, f)).kinds[0] == "integrating"
    assert bp_rnn.modes((1 + 1e-5) * np.outer(f, f).astype(float)).kinds[0] == "growing"
    q, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    pair = np.diag([1.0, 1.0, 0.5, 0.3, 0.2, 0.1])
    pair[0, 1] = 0.7
    found = bp_rnn.modes(q @ pair @ q.T)
    assert found.kinds == ("integrating",) * 2 + ("decaying",) * 4
    with pytest.raises(ValueError, match=r"don't span the space \(condition"):
        found.project(np.ones(6))


def test_too_few_eigenvectors():
    found = bp_rnn.modes(CHAIN)
    assert found.departure == pytest.approx(5**0.5)
    assert found.condition > 1e12
    with pytest.raises(ValueError, match="v can't be projected, because the eigenvectors of M"):
        found.project(np.ones(6))
    # the exact solution needs none: a pulse that runs down the chain, unit k as t^k e^-t / k!
    for t in (0.3, 4.0):
        found = linear.propagator(jnp.asarray(CHAIN), 2.0, 2 * t).state[:, 0]
        gamma = [t**k * np.exp(-t) / np.prod(range(1, k + 1)) for k in range(6)]
        np.testing.assert_allclose(found, gamma, rtol=1e-12)


@pytest.mark.parametrize("lam", [0.8, -0.8, 1.0, 1.5])
def test_an_autapse_has_the_solution_of_the_lecture(lam):
    tau, v, h = 10.0, 0.3, 0.7
    for t in (0.5, 30.0):
        p, q = linear.propagator(jnp.asarray([[lam]]), tau, t)
        if lam == 1:
            exact = v + h * t / tau
        else:
            rest = h / (1 - lam)
            exact = rest + (v - rest) * np.exp(-t * (1 - lam) / tau)
        np.testing.assert_allclose(p[0, 0] * v + q[0, 0] * h, exact, rtol=1e-13)


@every_matrix
def test_the_exact_solution_is_the_sum_of_the_modes(name):
    """Two ways without a common part: the exponential, and each mode by itself. A batch of four."""
    m, tau, dt, steps = MATRICES[name], 2.0, 0.3, 20
    num = len(m)
    v, h = rng.normal(size=(2, 4, num))
    hs = np.broadcast_to(h[:, None], (4, steps, num))
    run = jax.jit(jax.vmap(lambda v, hs: linear.rollout(jnp.asarray(m), tau, v, hs, dt)))
    last, found = run(jnp.asarray(v), jnp.asarray(hs))
    np.testing.assert_array_equal(last, found[:, -1])
    modes = bp_rnn.modes(m, tau)
    t = dt * np.arange(1, steps + 1)[:, None]
    start, rest = modes.project(v)[:, None], (modes.gains * modes.project(h))[:, None]
    c = rest + (start - rest) * np.exp(-t * (1 - modes.eigenvalues) / tau)
    exact = (c @ modes.vectors.T).real
    assert np.abs(found - exact).max() < 1e-10 * max(1, np.abs(exact).max())


def test_each_unit_may_have_its_own_time_constant():
    tau, t = np.array([1.0, 2.0, 0.5, 3.0, 1.5]), 1.7
    p, q = linear.propagator(jnp.asarray(RANDOM), jnp.asarray(tau), t)
    rate = (RANDOM - np.eye(5)) / tau[:, None]
    np.testing.assert_allclose(p, scipy.linalg.expm(rate * t), rtol=1e-12)
    np.testing.assert_allclose(q, np.linalg.solve(rate, p - np.eye(5)) / tau, rtol=1e-10)
    cell = bp_rnn.LinearRNN(None, 5, tau=tau)
    with pytest.raises(TypeError, match="tau must be a number"):
        cell.modes()


def test_a_steady_state_that_is_not_there():
    w = jnp.diag(jnp.asarray([1.0, 0.5]))
    assert np.isnan(linear.steady_state(w, jnp.ones(2))).all()


class TestLinearRNN:
    @pytest.mark.parametrize("integrator", ["euler", "rk4"])
    def test_the_run_comes_to_the_exact_one(self, integrator):
        order = {"euler": 1, "rk4": 4}[integrator]
        errors = []
        for dt in (0.1, 0.05):
            cell = bp_rnn.LinearRNN(3, 5, dt=dt, integrator=integrator, tau=[1, 2, 0.5, 3, 1.5])
            xs = jnp.repeat(jnp.asarray([[1.0, -1.0, 0.5], [0.0, 2.0, 0.0]]), round(1 / dt), 0)
            p, start = cell.params(), jnp.arange(5.0)
            exact = cell.exact_rollout(p, start, xs)[0]
            errors.append(np.abs(cell.rollout(p, start, xs)[0] - exact).max())
        assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)

    @pytest.mark.parametrize("batch", [None, 2])
    def test_a_runner_records_it(self, batch):
        mode = None if batch is None else bm.BatchingMode(batch)
        cell = bp_rnn.LinearRNN(3, 5, tau=2.0, mode=mode)
        same = bp_rnn.RateRNN(3, 5, tau=2.0, phi="identity", **cell.params())
        xs = rng.normal(size=(2, 8, 3))
        runner = bp.DSRunner(cell, monitors=["v"], progress_bar=False)
        runner.run(inputs=xs if batch else xs[0])
        for x, v in zip(xs, runner.mon.v if batch else [runner.mon.v]):
            by_rate = same.rollout(same.params(), jnp.zeros(5), jnp.asarray(x))[1]
            np.testing.assert_allclose(v, by_rate, rtol=1e-12)
        assert cell.v is cell.state

    def test_its_modes(self):
        cell = bp_rnn.LinearRNN(None, 5, w=RANDOM, tau=2.0)
        for found, right in zip(cell.modes(), bp_rnn.modes(RANDOM, 2.0)):
            np.testing.assert_array_equal(found, right)

    def test_its_modes_in_single_precision(self, float32):
        cell = bp_rnn.LinearRNN(None, 3, w=np.ones((3, 3)) / 3)
        assert cell.w.dtype == jnp.float32
        assert cell.modes().kinds == ("integrating", "decaying", "decaying")
        xs = jnp.ones((4, 3), jnp.float32)
        assert cell.exact_rollout(cell.params(), cell.state.value, xs)[1].dtype == jnp.float32


@pytest.mark.parametrize(
    ("w", "tau", "error", "message"),
    [
        (np.ones((2, 3)), 1.0, ValueError, r"w must have shape \(num, num\), got \(2, 3\)"),
        (np.ones(4), 1.0, ValueError, r"w must have shape \(num, num\), got \(4,\)"),
        (np.ones((0, 0)), 1.0, ValueError, r"w must have shape \(num, num\), got \(0, 0\)"),
        ([[np.nan]], 1.0, ValueError, "w must be finite, got nan"),
        ([[1j]], 1.0, TypeError, "w must hold real numbers"),
        ([[1.0]], 0.0, ValueError, "tau must be positive, got 0.0"),
        ([[1.0]], [1.0], TypeError, "tau must be a number"),
    ],
)
def test_bad_input(w, tau, error, message):
    with pytest.raises(error, match=message):
        bp_rnn.modes(w, tau)


def test_bad_projections():
    with pytest.raises(ValueError, match=r"v must have shape \(\.\.\., 5\), got \(4,\)"):
        bp_rnn.modes(RANDOM).project(np.ones(4))
