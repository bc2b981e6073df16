"""Fixed points of systems that are known exactly, their stability, branches, linearisations."""

import itertools

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compilations import counted
from scipy import optimize

import bp_rnn
from bp_rnn import analysis
from bp_rnn.analysis import _search
from bp_rnn.functional import zeros

#: The stable state of a unit dr/dt = -r + tanh(2 r), which also rests at zero.
HIGH = optimize.brentq(lambda r: np.tanh(2 * r) - r, 0.5, 1)


def find(system, **options):
    return analysis.find_fixed_points(system, **{"num_start": 128} | options)


def bistable(num, cls=bp_rnn.RateRNN, num_in=None, **options):
    return cls(num_in, num, w=2 * np.eye(num), **options)


def product(num):
    """All combinations of the three states of a unit."""
    return np.array(list(itertools.product([-HIGH, 0, HIGH], repeat=num)))


def assert_same_set(found, right, tol=1e-9):
    assert found.shape == right.shape
    apart = np.abs(found[:, None] - right[None]).max(2)
    assert apart.min(0).max() < tol
    assert apart.min(1).max() < tol


def circle(s):
    return s * (1 - s @ s)


@pytest.mark.parametrize("num", [1, 3, 5])
def test_independent_bistable_units(num):
    points = find(bistable(num), num_start=512)
    assert_same_set(points.state, product(num))
    assert points.residual.max() <= 1e-12
    assert points.is_isolated.all()
    assert points.is_fixed.all()
    at_rest = (np.abs(points.state) < 0.5).sum(1)
    np.testing.assert_array_equal(points.num_unstable, at_rest)
    for name, unstable in zip(points.stability, at_rest, strict=True):
        right = {0: "stable node", num: "unstable node"}.get(unstable, "saddle")
        assert name == right
    assert (points.is_stable == (at_rest == 0)).all()
    assert (np.diff(points.num_unstable) >= 0).all()
    slopes = 2 * (1 - np.tanh(2 * points.state) ** 2) - 1
    np.testing.assert_allclose(points.eigenvalues, np.sort(slopes)[:, ::-1], atol=1e-9)
    np.testing.assert_allclose(points.jac, np.eye(num) * slopes[:, None], atol=1e-12)
    np.testing.assert_allclose(points.speed, 0, atol=1e-24)
    assert points.search.is_complete
    assert points.search.missed <= 0.1
    assert points.search.coverage > 0.99
    assert points.hits.min() >= 1


def test_a_map_is_judged_by_the_unit_circle():
    """The same units in discrete time; a leak does not move the fixed points."""
    cell = bistable(3, bp_rnn.VanillaRNN, num_in=2, leak=0.5)
    points = find(cell)
    assert_same_set(points.state, product(3))
    np.testing.assert_array_equal(points.num_unstable, (np.abs(points.state) < 0.5).sum(1))
    slopes = 0.5 + (1 - np.tanh(2 * points.state) ** 2)
    np.testing.assert_allclose(points.eigenvalues, np.sort(slopes)[:, ::-1], atol=1e-9)
    np.testing.assert_allclose(points.growth, np.log(points.eigenvalues.real))
    np.testing.assert_allclose(points.time_constants, 1 / np.abs(points.growth))
    assert not points.is_continuous


def test_time_constants_do_not_matter():
    for tau in (1e-3, 1e3):
        points = find(bistable(2, bp_rnn.CTRNN, tau=tau, dt=0.1 * tau))
        x = optimize.brentq(lambda v: 2 * np.tanh(v) - v, 0.5, 3)
        assert_same_set(points.state, np.array(list(itertools.product([-x, 0, x], repeat=2))))
        assert points.totals() == {"saddle": 4, "stable node": 4, "unstable node": 1}
        assert points.residual.max() <= 1e-12 * max(1, 1 / tau)
        np.testing.assert_allclose(points.eigenvalues[-1], [1 / tau] * 2)


def test_two_attractors_under_an_input():
    """Mutual inhibition: two winners and a saddle, until the input says who wins."""
    cell = bp_rnn.RateRNN(None, 2, w=[[0, -2.0], [-2.0, 0]])
    points = find(cell, x=[0.3, 0.3])
    assert points.totals() == {"saddle": 1, "stable node": 2}
    saddle = points[points.stability == "saddle"]
    level = optimize.brentq(lambda r: np.tanh(0.3 - 2 * r) - r, -1, 1)
    np.testing.assert_allclose(saddle.state, [[level, level]], atol=1e-12)
    direction = saddle.unstable_directions(0)
    np.testing.assert_allclose(np.abs(direction @ [1, -1]), [np.sqrt(2)])
    np.testing.assert_allclose(points[points.is_stable].state[0], points.state[1][::-1])
    np.testing.assert_array_equal(points.x, [0.3, 0.3])
    assert find(cell, x=[1.5, -1.5]).totals() == {"stable node": 1}


def test_a_ring_is_not_many_points():
    num = 40
    angle = 2 * np.pi * np.arange(num) / num
    cell = bp_rnn.RateRNN(None, num, w=2.4 / num * np.cos(angle[:, None] - angle), dt=0.1)
    points = find(cell)
    assert points.is_isolated.sum() == 1
    alone = points[points.is_isolated]
    assert (alone.stability[0], alone.num_unstable[0]) == ("saddle", 2)
    np.testing.assert_allclose(alone.state, 0, atol=1e-12)
    ring = points[~points.is_isolated]
    assert len(ring) < 400
    assert ring.totals() == {"marginal": len(ring)}
    assert ring.residual.max() <= 1e-12
    assert not ring.num_unstable.any()
    assert ((np.abs(ring.eigenvalues.real) < 1e-6).sum(1) == 1).all()
    bump = ring.state @ np.exp(1j * angle)
    np.testing.assert_allclose(np.abs(bump), np.abs(bump[0]), rtol=1e-6)
    assert np.diff(np.sort(np.angle(bump))).max() < 0.6  # they stand for all of it
    assert points.search.missed == 0


def test_nothing_is_invented():
    ghost = analysis.Flow(lambda s: s**2 + 1e-4, 1)
    states = np.linspace(-1, 1, 64)[:, None]
    assert len(find(ghost, candidates=states)) == 0
    slow = find(ghost, candidates=states, slow=1e-6)
    np.testing.assert_allclose(slow.state, [[0]], atol=1e-4)
    np.testing.assert_allclose(slow.speed, [0.5e-8])
    assert not slow.is_fixed.any()
    assert slow.totals() == {}
    assert len(find(ghost, candidates=states, slow=1e-9)) == 0
    # far away this is zero in every digit
    fading = analysis.Flow(lambda s: jnp.exp(-s), 1, dt=1e-4)
    assert not find(fading, candidates=states).is_isolated.any()
    nothing = find(analysis.Flow(lambda s: jnp.ones(1) + 0 * s, 1))
    assert nothing.state.shape == nothing.eigenvalues.shape == (0, 1)
    assert nothing.search == analysis.Search(256, 0, 1, False)  # nothing found proves nothing


@pytest.mark.parametrize("power", [2, 3])
def test_a_degenerate_point_is_one(power):
    system = analysis.Flow(lambda s: -(s**power), 1)
    points = find(system, candidates=np.linspace(-1, 1, 64)[:, None])
    assert points.totals() == {"marginal": 1}
    assert points.is_isolated.all()
    np.testing.assert_allclose(points.state, [[0]], atol=1e-4)


def test_a_line_attractor():
    line = analysis.Flow(lambda s: jnp.stack([0.0 * s[0], -2.0 * s[1]]), 2)
    points = find(line)
    assert set(points.stability) == {"marginal"}
    assert not points.is_isolated.any()
    np.testing.assert_allclose(points.state[:, 1], 0, atol=1e-12)


@pytest.mark.parametrize(
    ("matrix", "flow", "as_map"),
    [
        ([[-1, 0], [0, -0.3]], "stable node", "saddle"),
        ([[-0.2, 1], [-1, -0.2]], "stable spiral", "unstable spiral"),
        ([[0.2, 0.5], [-0.5, 0.2]], "unstable spiral", "stable spiral"),
        ([[0.2, 0], [0, 0.5]], "unstable node", "stable node"),
        ([[-1.5, 0], [0, 0.5]], "saddle", "saddle"),
        ([[0, 1], [-1, 0]], "marginal", "marginal"),
    ],
)
def test_stability_classes(matrix, flow, as_map):
    values = np.linalg.eigvals(matrix)
    if as_map == "saddle" and flow == "stable node":
        values, as_map = np.array([-1.2, -0.3]), "saddle"
    assert analysis.classify(values.astype(complex), True) == flow
    assert analysis.classify(values.astype(complex), False) == as_map


def test_a_spiral_is_told_by_the_mode_that_lasts():
    fast, slow = np.array([-3 + 2j, -3 - 2j]), np.array([-1.0])
    assert analysis.classify(np.r_[fast, slow], True) == "stable node"
    assert analysis.classify(np.r_[fast / 6, slow], True) == "stable spiral"


def test_complex_unstable_directions_span_the_plane():
    turn = np.array([[0.5, -1.0, 0], [1.0, 0.5, 0], [0, 0, -1.0]])
    points = find(analysis.Flow(lambda s: jnp.asarray(turn) @ s, 3), candidates=np.eye(3))
    assert points.stability[0] == "saddle"
    rows = points.unstable_directions(0)
    assert rows.shape == (2, 3)
    np.testing.assert_allclose(rows[:, 2], 0, atol=1e-12)
    np.testing.assert_allclose(rows @ rows.T, np.eye(2), atol=1e-9)


def test_the_lorenz_system():
    def lorenz(s):
        return jnp.stack(
            [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]
        )

    points = find(analysis.Flow(lorenz, 3))
    wing = np.sqrt(72)
    assert_same_set(points.state, np.array([[0, 0, 0], [wing, wing, 27], [-wing, -wing, 27]]))
    np.testing.assert_array_equal(points.num_unstable, [1, 2, 2])
    assert set(points.stability) == {"saddle"}


def test_the_logistic_map():
    """r = 3.2: zero and 1 - 1/r, which flips."""
    points = find(analysis.Map(lambda s: 3.2 * s * (1 - s), 1), candidates=[[0.2], [0.8]])
    assert_same_set(points.state, np.array([[0], [1 - 1 / 3.2]]))
    np.testing.assert_allclose(np.sort(points.jac.ravel()), [2 - 3.2, 3.2])
    assert points.totals() == {"unstable node": 2}


def test_gated_and_brainpy_cells():
    """What is found is zero in BrainPy's own words too."""
    system = bp.dyn.RNNCell(2, 4, activation="tanh", mode=bm.TrainingMode(1))
    system.Wh.value = 2 * jnp.eye(4)
    system.Wi.value = jnp.zeros((2, 4))
    found = find(bp_rnn.from_brainpy(system), num_start=512)
    assert_same_set(found.state, product(4))
    cell = bp_rnn.LSTM(2, 2, w=bp.init.Normal(0.0, 2.0, seed=0))
    points = find(cell, x=[0.5, -0.5])
    assert len(points) >= 1
    after = jax.vmap(lambda s: cell.step(cell.params(), s, jnp.array([0.5, -0.5])))
    np.testing.assert_allclose(after(jnp.asarray(points.state)), points.state, atol=1e-12)


def test_candidates_parameters_and_nothing_changed():
    cell = bistable(2)
    before = cell.params(), cell.state.value
    near = find(cell, candidates=[[0.9, 0.9], [0.8, 0.9]])
    assert len(near) >= 1
    single = find(cell, params={"w": 0.5 * np.eye(2)})
    np.testing.assert_allclose(single.state, [[0, 0]], atol=1e-12)
    np.testing.assert_allclose(single.eigenvalues, [[-0.5, -0.5]])
    assert all(before[0][k] is v for k, v in cell.params().items())
    assert cell.state.value is before[1]
    one, two, other = find(cell, key=1), find(cell, key=1), find(cell, key=2)
    np.testing.assert_array_equal(one.hits, two.hits)
    np.testing.assert_array_equal(one.state, two.state)
    assert_same_set(one.state, other.state)


def test_a_search_compiles_once():
    find(bistable(2))
    other = bistable(2)
    find(other)
    with counted() as compiled:
        find(other, x=[0.1, 0.2], params={"w": np.ones((2, 2))}, key=4)
    assert not compiled


def test_a_second_network_in_single_precision_compiles_nothing(float32):
    first, second = (bp_rnn.GRU(2, 3, key=key) for key in (1, 2))
    with counted() as compiled:
        for cell in (first, second):
            compiled.clear()
            find(cell, num_start=32, max_round=2)
            analysis.lyapunov_spectrum(cell, num_step=20, num_transient=5)
    assert not compiled


def test_a_changed_constant_is_obeyed():
    cell = bistable(2)
    slow = find(cell).growth
    cell.tau = jnp.asarray(0.5 * cell.tau)
    np.testing.assert_allclose(find(cell).growth, 2 * slow, rtol=1e-6)


def test_tables_are_cut():
    points = find(bistable(2))
    stable = points[points.is_stable]
    assert len(stable) == 4
    assert stable.eigenvectors.shape == (4, 2, 2)
    assert len(points[0]) == 1
    assert len(points[:0]) == 0
    assert stable.search == points.search
    first = points[-1]
    np.testing.assert_allclose(
        first.jac[0] @ first.eigenvectors[0], first.eigenvectors[0] * first.eigenvalues[0]
    )


def test_float32(float32):
    cell = bistable(3)
    points = find(cell, num_start=256)
    assert_same_set(points.state, product(3), 1e-5)
    assert points.residual.max() < 1e-6
    np.testing.assert_array_equal(points.num_unstable, (np.abs(points.state) < 0.5).sum(1))
    assert points.totals() == {"saddle": 18, "stable node": 8, "unstable node": 1}


@pytest.mark.parametrize(
    ("hits", "missed", "coverage"),
    [
        ([], 0, 1),
        ([3, 4], 0, 1),
        ([1, 1, 2, 6], 2, 0.8),
        ([1, 1, 1, 7], 3, 0.7),
        ([1, 2, 2, 5], 0.25, 0.9),
    ],
)
def test_what_is_missed_is_estimated(hits, missed, coverage):
    assert _search._missed(np.array(hits, int)) == pytest.approx((missed, coverage))


def test_a_search_that_is_cut_short_says_so():
    points = find(bistable(5), num_start=16, max_round=3)
    assert not points.search.is_complete
    assert points.search.num_start == 48
    assert points.search.missed > 1
    assert points.search.coverage < 0.97


def test_without_rounds_the_candidates_are_the_only_starts():
    candidates = np.array([[0.9, -0.8], [0.05, 0.02], [0.8, -0.9]])
    points = find(bistable(2), candidates=candidates, max_round=0)
    assert_same_set(points.state, np.array([[HIGH, -HIGH], [0, 0]]))
    np.testing.assert_array_equal(points.hits, [2, 1])
    assert points.search == (0, np.inf, 0, False)
    assert len(find(bistable(2), max_round=0)) > 2


def test_a_search_ends_where_it_says():
    def rate(s):
        return jnp.tanh(2 * s) - s

    starts, units = jnp.linspace(-2, 2, 16).reshape(8, 2), zeros.Units(jnp.ones(()), jnp.ones(()))
    ends = zeros.find(rate, starts, units, num_lane=3, max_iter=50, patience=8)
    np.testing.assert_allclose(np.abs(rate(ends.state)).max(1), ends.residual, atol=1e-16)
    assert ends.residual.max() < 1e-13
    assert ends.stationary.all()


def test_a_pitchfork_over_a_parameter():
    cell = bp_rnn.RateRNN(None, 1, w=1.0)
    gains = [0.5, 0.9, 1.2, 2.0]
    found = analysis.fixed_points_along(
        cell, gains, params=lambda g: {"w": [[g]]}, num_start=128, progress_bar=False
    )
    np.testing.assert_array_equal(found.num_fixed, [1, 1, 3, 3])
    for gain, points in found.rows():
        if gain > 1:
            high = optimize.brentq(lambda r, g=gain: np.tanh(g * r) - r, 0.1, 1)
            assert_same_set(points.state, np.array([[-high], [0], [high]]))
    folds = analysis.fixed_points_along(
        bistable(1), [-1.0, 0.0, 1.0], x=lambda u: [u], num_start=128, progress_bar=False
    )
    np.testing.assert_array_equal(folds.num_fixed, [1, 3, 1])
    np.testing.assert_array_equal([p.x[0] for p in folds.points], [-1, 0, 1])


def test_linearisation():
    cell = bp_rnn.CTRNN(3, 5, tau=[1.0, 2.0, 0.5, 3.0, 1.5], key=3)
    states = np.random.default_rng(0).normal(size=(4, 5))
    found = analysis.linearise(cell, states, x=[0.1, 0.2, 0.3])
    w, w_in = np.asarray(cell.w.value), np.asarray(cell.w_in.value)
    tau = np.asarray(cell.tau)
    for i, s in enumerate(states):
        jac = (w * (1 - np.tanh(s) ** 2) - np.eye(5)) / tau[:, None]
        np.testing.assert_allclose(found.jac[i], jac, atol=1e-12)
        np.testing.assert_allclose(found.jac_x[i], w_in / tau[:, None], atol=1e-12)
        values = np.diag(found.left[i] @ jac @ found.right[i])
        np.testing.assert_allclose(values, found.eigenvalues[i], atol=1e-9)
    np.testing.assert_allclose(found.growth, found.eigenvalues.real)
    assert (np.diff(found.growth, axis=1) <= 1e-12).all()
    in_time = bp_rnn.VanillaRNN(3, 5, leak=0.4, key=3)
    found = analysis.linearise(in_time, states[0])
    w, slope = np.asarray(in_time.w.value), 1 - np.tanh(in_time.w.value @ states[0]) ** 2
    np.testing.assert_allclose(found.jac[0], 0.6 * np.eye(5) + 0.4 * slope[:, None] * w, atol=1e-12)
    np.testing.assert_allclose(found.growth, np.log(np.abs(found.eigenvalues)))


def test_perturbations_of_a_linear_network():
    cell = bp_rnn.RateRNN(None, 3, phi="identity", w=np.diag([0.5, 0.5, 0.5]), dt=0.1)
    xs = np.random.default_rng(0).normal(size=(40, 3))
    found = analysis.perturb(cell, np.ones(3), xs, size=0.1, num_perturbation=6)
    right = 0.1 * 0.95 ** np.arange(41)
    np.testing.assert_allclose(found.distance, np.broadcast_to(right, (6, 41)), rtol=1e-10)
    np.testing.assert_allclose(found.rate, np.log(0.95) / 0.1)
    wild = bp_rnn.RateRNN(None, 3, w=3 * np.eye(3), dt=0.1)
    assert (analysis.perturb(wild, np.zeros(3), 0 * xs).rate > 0.5).all()


CELL = bp_rnn.RateRNN(2, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: find(3),
            TypeError,
            "system must be a cell, a bp.DynamicalSystem, a Flow or a Map",
        ),
        (lambda: find(CELL, x=[1.0]), ValueError, r"x must have shape \(2,\), got \(1,\)"),
        (lambda: find(CELL, x=[1, np.nan]), ValueError, "x must be finite"),
        (
            lambda: find(CELL, candidates=np.ones((4, 2))),
            ValueError,
            r"candidates must have shape \(\.\.\., 3\), got \(4, 2\)",
        ),
        (lambda: find(CELL, candidates=[]), ValueError, "candidates must have shape"),
        (lambda: find(CELL, candidates=[[np.inf] * 3]), ValueError, "candidates must be finite"),
        (lambda: find(CELL, params={"v": 1}), ValueError, "unknown parameter 'v'; expected one of"),
        (lambda: find(CELL, params={"b": 1}), ValueError, r"b must have shape \(3,\), got \(\)"),
        (lambda: find(CELL, num_start=2), ValueError, "num_start must be at least 4, got 2"),
        (lambda: find(CELL, max_round=-1), ValueError, "max_round must be at least 0, got -1"),
        (lambda: find(CELL, max_missed=-1), ValueError, "max_missed must not be negative"),
        (lambda: find(CELL, slow=0), ValueError, "slow must be positive, got 0"),
        (lambda: find(CELL, key="a"), TypeError, "key must be an integer or a JAX key"),
        (
            lambda: find(bp_rnn.Bidirectional(bp_rnn.GRU(3, 4), bp_rnn.GRU(3, 4))),
            ValueError,
            "system must be causal, got Bidirectional",
        ),
        (lambda: analysis.Flow(3, 1), TypeError, "function must be callable, got int"),
        (lambda: analysis.Map(circle, 0), ValueError, "num must be at least 1, got 0"),
        (lambda: analysis.Flow(circle, 2, dt=0.0), ValueError, "dt must be positive"),
        (lambda: analysis.Flow(circle, 2, integrator="rk"), ValueError, "unknown integrator 'rk'"),
        (
            lambda: analysis.fixed_points_along(CELL, [1.0]),
            ValueError,
            "x or params must say what the values are values of",
        ),
        (
            lambda: analysis.fixed_points_along(CELL, 1.0, x=lambda u: [u, u]),
            ValueError,
            r"values must have shape \(V,\), got \(\)",
        ),
        (lambda: analysis.linearise(CELL, np.ones(2)), ValueError, "states must have shape"),
        (
            lambda: analysis.perturb(CELL, np.ones(3), np.ones(3)),
            ValueError,
            r"xs must have shape \(T, 2\), got \(3,\)",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
