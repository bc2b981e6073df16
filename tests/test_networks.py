"""Ready-made networks do what the lecture says of them."""

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

import bp_rnn
from bp_rnn import networks

DT = 0.1
MAKERS = [getattr(networks, name) for name in networks.__all__]
MAKERS = [f for f in MAKERS if f.__name__ not in ("Bump", "bump", "population_vector")]
MAKERS.remove(networks.preferred_angles)


def steps(*parts):
    """An input of several parts, each (duration, value)."""
    return np.concatenate([np.tile(np.atleast_1d(h), (round(t / DT), 1)) for t, h in parts])


def record(cell, hs):
    runner = bp.DSRunner(cell, monitors=["state"], progress_bar=False)
    runner.run(inputs=np.asarray(hs, float))
    return np.asarray(runner.mon.state)


def residual(cell, state, h=0.0):
    x = jnp.full(cell.num, h)
    return np.abs(cell.derivative(cell.params(), jnp.asarray(state, float), x)).max()


def growth_rates(cell, state):
    """Real parts of the eigenvalues of dF/dr, in units of 1/tau."""
    jac = jax.jacfwd(cell.derivative, 1)(
        cell.params(), jnp.asarray(state, float), jnp.zeros(cell.num)
    )
    return np.sort(np.linalg.eigvals(jac).real)


@pytest.mark.parametrize("make", MAKERS, ids=lambda f: f.__name__)
def test_every_network_takes_the_options_of_its_cell(make):
    cell = make(tau=2.0, dt=0.2, mode=bm.BatchingMode(3))
    assert isinstance(cell, bp_rnn.LinearRNN | bp_rnn.RateRNN)
    assert cell.state.shape == (3, cell.num)
    assert (float(cell.tau), cell.dt) == (2.0, 0.2)
    runner = bp.DSRunner(cell, dt=0.2, monitors=["state"], progress_bar=False)
    runner.run(inputs=np.zeros((3, 2, cell.num)))
    assert runner.mon.state.shape == (3, 2, cell.num)


class TestLinear:
    def test_eigenvalues_and_gains(self):
        for cell, eigenvalues in (
            (networks.autapses(), [0.8]),
            (networks.autapses([-3.0, 0.5, 1.0]), [1.0, 0.5, -3.0]),
            (networks.mutual_excitation(), [0.8, -0.8]),
            (networks.mutual_inhibition(0.3), [0.3, -0.3]),
            (networks.amplifier(), [0.8, 0.0]),
            (networks.amplifier([0, 3.0, 4.0], gain=2.0), [0.5, 0.0, 0.0]),
            (networks.integrator([1.0, 2.0, 3.0]), [1.0, 0.0, 0.0]),
            (networks.growth(), [1.2, 0.0]),
            (networks.sequence_generator(4, strength=3.0), [0.0] * 4),
        ):
            np.testing.assert_allclose(cell.modes().eigenvalues, eigenvalues, atol=1e-14)
        along = networks.mutual_excitation().modes().vectors[:, 0]
        np.testing.assert_allclose(along, [0.5**0.5] * 2)
        against = networks.mutual_inhibition().modes().vectors[:, 0]
        np.testing.assert_allclose(against, [-(0.5**0.5), 0.5**0.5])
        f = networks.amplifier([0, 3.0, 4.0]).modes().vectors[:, 0]
        np.testing.assert_allclose(f, [0, 0.6, 0.8], atol=1e-15)

    @pytest.mark.parametrize(
        ("make", "gains"),
        [(networks.mutual_excitation, (5, 1 / 1.8)), (networks.mutual_inhibition, (1 / 1.8, 5))],
    )
    def test_an_input_along_a_mode_moves_it_alone(self, make, gains):
        for h, gain in zip(np.array([[1.0, 1.0], [-1.0, 1.0]]), gains):
            v = record(make(), steps((150, h)))
            assert np.abs(np.cross(np.c_[v, 0 * v[:, :1]], [*h, 0])).max() < 1e-12
            np.testing.assert_allclose(v[-1], gain * h, rtol=1e-10)
            # Euler's method has the closed form (1 - (1 - dt / tau_mu)^k), tau_mu = gain tau
            k = np.arange(1, len(v) + 1)[:, None]
            np.testing.assert_allclose(v, gain * h * (1 - (1 - DT / gain) ** k), rtol=1e-10)

    def test_amplifier(self):
        cell = networks.amplifier([3.0, 4.0])
        v = record(cell, steps((200, [3.0, 4.0]), (200, [0.0, 0.0]), (200, [-4.0, 3.0])))
        np.testing.assert_allclose(v[1999], [15.0, 20.0], rtol=1e-9)
        np.testing.assert_allclose(v[3999], 0, atol=1e-12)
        np.testing.assert_allclose(v[-1], [-4.0, 3.0], rtol=1e-12)

    def test_integrator_holds_what_it_was_given(self):
        cell = networks.integrator([1.0, 2.0], tau=2.0)
        v = record(cell, steps((3, [0.5, 1.0]), (60, [0, 0]), (1, [-0.5, -1.0]), (60, [0, 0])))
        h = 0.5 * 5**0.5
        c = cell.modes().project(v)[:, 0]
        np.testing.assert_allclose(c[29], 3 * h / 2, rtol=1e-12)
        np.testing.assert_allclose(c[30:630], 3 * h / 2, rtol=1e-12)
        np.testing.assert_allclose(c[-1], h, rtol=1e-12)

    def test_growth(self):
        cell = networks.growth(dt=0.01)
        start, hs = jnp.asarray([0.1, 0.1]), jnp.zeros((1000, 2))
        v = cell.exact_rollout(cell.params(), start, hs)[1]
        t = 0.01 * np.arange(1, 1001)[:, None]
        np.testing.assert_allclose(v, 0.1 * np.exp(0.2 * t) * np.ones(2), rtol=1e-10)

    def test_a_sequence_has_its_order(self):
        cell = networks.sequence_generator(8, strength=1.1, tau=2.0, dt=0.05)
        start = jnp.zeros(8).at[0].set(1.0)
        v = np.asarray(cell.exact_rollout(cell.params(), start, jnp.zeros((600, 8)))[1])
        t = 0.05 * np.arange(1, 601) / 2.0
        exact = [1.1**k * t**k * np.exp(-t) / np.prod(range(1, k + 1)) for k in range(8)]
        np.testing.assert_allclose(v, np.transpose(exact), rtol=1e-10, atol=1e-300)
        peaks = 0.05 * (1 + v.argmax(0))
        np.testing.assert_allclose(peaks[1:], 2.0 * np.arange(1, 8), atol=0.051)
        assert cell.modes().departure == pytest.approx(1.1 * 7**0.5)


class TestPersistentActivity:
    def test_pulses_switch_it(self):
        cell = networks.persistent_activity()
        r = record(cell, steps((20, 0), (2, 1.0), (40, 0), (2, -1.5), (40, 0)))[:, 0]
        assert (r[:200] == 0).all()
        assert r[-1] < 1e-10
        np.testing.assert_allclose(r[619], 1, rtol=1e-10)
        weak = record(networks.persistent_activity(), steps((40, 0.49), (60, 0)))[:, 0]
        assert weak[-1] < 1e-10

    def test_fixed_points(self):
        cell = networks.persistent_activity(3.0, threshold=0.5)
        for r in (0, 0.25, 1):
            assert residual(cell, [r]) < 1e-15
        assert growth_rates(cell, [0.25]) == pytest.approx(2)


class TestTwoAttractors:
    def test_it_goes_to_either(self):
        star = optimize.brentq(lambda r: np.tanh(2 * r) - r, 0.5, 1)
        cell = networks.two_attractors(mode=bm.BatchingMode(3))
        pulse = np.array([[0.1, 0.0], [0.0, 0.1], [0.0, 0.0]])
        hs = np.concatenate([np.tile(pulse[:, None], (1, 10, 1)), np.zeros((3, 600, 2))], axis=1)
        r = record(cell, hs)
        right = star * np.array([[1, -1], [-1, 1], [0, 0]])
        np.testing.assert_allclose(r[:, -1], right, atol=1e-10)

    def test_zero_is_a_saddle(self):
        np.testing.assert_allclose(growth_rates(networks.two_attractors(1.5), [0, 0]), [-2.5, 0.5])


class TestWinnerTakeAll:
    @pytest.mark.parametrize("num", [2, 5])
    def test_the_largest_input_wins_and_stays(self, num):
        h = 0.2 * np.random.default_rng(0).normal(size=(40, num))
        cell = networks.winner_take_all(num, mode=bm.BatchingMode(40))
        hs = np.concatenate([np.repeat(h[:, None], 600, 1), np.zeros((40, 400, num))], axis=1)
        r = record(cell, hs)
        winner = np.eye(num)[h.argmax(1)]
        np.testing.assert_allclose(r[:, 599], winner * (1 + 0 * h), atol=0.25)
        np.testing.assert_allclose(r[:, -1], winner, atol=1e-10)
        # who has more input is never overtaken
        order = np.take_along_axis(r, h.argsort(1)[:, None], 2)
        assert (np.diff(order, axis=2) >= -1e-12).all()

    def test_without_a_difference_it_does_not_decide(self):
        r = record(networks.winner_take_all(), steps((10, [0.3, 0.3]), (10, [0, 0])))
        np.testing.assert_allclose(r[-1], 1 / 3, atol=1e-6)

    @pytest.mark.parametrize(("h", "winner"), [(0.9, 0), (1.2, 1)])
    def test_only_a_strong_input_changes_a_decision(self, h, winner):
        cell = networks.winner_take_all(2)
        r = record(cell, steps((20, [0.1, 0.0]), (60, [0, 0]), (60, [0, h]), (60, [0, 0])))
        np.testing.assert_allclose(r[799], [1, 0], atol=1e-10)
        np.testing.assert_allclose(r[-1], np.eye(2)[winner], atol=1e-10)

    def test_fixed_points(self):
        cell = networks.winner_take_all(4, inhibition=1.5)
        assert residual(cell, cell.state.value) < 1e-15  # it starts at the saddle
        for k in range(1, 5):
            state = np.where(np.arange(4) < k, 1 / (1 + (k - 1) * 1.5), 0)
            assert residual(cell, state) < 1e-14
            if k == 1:  # at the corner of F, from inside
                state = np.array([0.999, 0, 0, 0])
            assert (growth_rates(cell, state) > 0).sum() == k - 1


class TestLineAttractor:
    def test_every_point_of_the_line_rests(self):
        cell = networks.line_attractor()
        for r in np.linspace(0, 1, 7):
            assert residual(cell, [r, 1 - r]) < 1e-15
        assert growth_rates(cell, [0.3, 0.7]) == pytest.approx([-2, 0], abs=1e-14)

    def test_it_integrates_the_difference(self):
        cell = networks.line_attractor(tau=2.0)
        r = record(cell, steps((3, [0.3, 0.1]), (50, [0, 0]), (2, [0.0, 0.1]), (50, [0, 0])))
        difference = r[:, 0] - r[:, 1]
        np.testing.assert_allclose(difference[29], 0.2 * 3 / 2, rtol=1e-12)
        np.testing.assert_allclose(difference[30:530], 0.3, rtol=1e-12)
        np.testing.assert_allclose(difference[-1], 0.2, rtol=1e-12)
        np.testing.assert_allclose(r[-1].sum(), 1, rtol=1e-10)


class TestRing:
    def finite(self, num, j_0, j_1):
        """The bump on a unit of a ring of ``num``, by sums in place of the integrals."""
        angles = networks.preferred_angles(num)
        width = networks.bump(j_0, j_1).half_width
        cos = np.cos(angles[np.cos(angles) > np.cos(width)])
        edge = ((cos**2).sum() - num / j_1) / cos.sum()
        amplitude = 1 / (j_0 * (cos - edge).sum() / num - edge)
        return amplitude * np.maximum(np.cos(angles) - edge, 0)

    @pytest.mark.parametrize(("j_0", "j_1"), [(4.0, 5.0), (3.0, 8.0)])
    def test_the_bump_has_its_closed_form(self, j_0, j_1):
        errors = []
        for num in (20, 100, 500):
            cell = networks.ring_attractor(num, inhibition=j_0, tuning=j_1)
            exact = self.finite(num, j_0, j_1)
            assert residual(cell, exact) < 1e-13
            theory = networks.bump(j_0, j_1).rates(networks.preferred_angles(num))
            errors.append(np.abs(theory - exact).max() / exact.max())
        assert errors[0] < 0.1
        assert errors[2] < 1e-4
        # and the network comes to it, from a cue at unit 0
        cell = networks.ring_attractor(20, inhibition=j_0, tuning=j_1)
        cue = 0.5 * np.cos(networks.preferred_angles(20))
        r = record(cell, steps((20, cue), (400, 0 * cue)))
        np.testing.assert_allclose(r[-1], self.finite(20, j_0, j_1), atol=1e-10)

    def test_it_remembers_any_angle(self):
        angles = networks.preferred_angles(100)
        wanted = np.array([-3.0, -1.234, 0.5, 2.2])
        cell = networks.ring_attractor(mode=bm.BatchingMode(4))
        cue = 0.2 * np.cos(angles - wanted[:, None])
        hs = np.concatenate([np.repeat(cue[:, None], 300, 1), np.zeros((4, 1000, 100))], axis=1)
        r = record(cell, hs)
        angle, length = networks.population_vector(r)
        np.testing.assert_allclose(angle[:, 299], wanted, atol=4e-3)
        np.testing.assert_allclose(angle[:, -1], wanted, atol=0.01)
        np.testing.assert_allclose(length[:, -1], length[0, -1], rtol=1e-3)
        theory = [networks.bump().rates(angles, float(a)) for a in angle[:, -1]]
        np.testing.assert_allclose(r[:, -1], theory, atol=5e-3 * np.max(theory))

    def test_the_width_does_not_depend_on_the_input(self):
        one, two = networks.bump(drive=1.0), networks.bump(drive=2.0)
        assert one.half_width == two.half_width
        assert two.amplitude == pytest.approx(2 * one.amplitude)
        c = one.half_width
        assert c - np.sin(2 * c) / 2 == pytest.approx(2 * np.pi / 5, rel=1e-13)

    def test_population_vector(self):
        angle, length = networks.population_vector(np.eye(4)[[1, 2]])
        np.testing.assert_allclose(np.abs(angle), [np.pi / 2, np.pi])
        np.testing.assert_allclose(length, 0.25)
        angles = networks.preferred_angles(50)
        angle, length = networks.population_vector(3 + 2 * np.cos(angles - 0.7))
        assert (float(angle), float(length)) == pytest.approx((0.7, 1.0))


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (networks.autapses, {"eigenvalues": np.ones((2, 2))}, r"eigenvalues must have shape \(num"),
        (networks.mutual_excitation, {"strength": -0.1}, "strength must not be negative, got -0.1"),
        (networks.mutual_inhibition, {"strength": -0.1}, "strength must not be negative, got -0.1"),
        (networks.amplifier, {"gain": 0.0}, "gain must be positive, got 0.0"),
        (networks.amplifier, {"direction": [0.0, 0.0]}, "direction must be a vector that is not"),
        (networks.integrator, {"direction": 3.0}, "direction must be a vector that is not zero"),
        (networks.growth, {"eigenvalue": 1.0}, "eigenvalue must be above 1, got 1.0"),
        (networks.sequence_generator, {"num": 0}, "num must be at least 1, got 0"),
        (networks.persistent_activity, {"eigenvalue": 1}, "eigenvalue must be above 1, got 1"),
        (
            networks.persistent_activity,
            {"threshold": 1.0},
            "threshold must be between 0 and 1",
        ),
        (networks.two_attractors, {"strength": 1.0}, "strength must be above 1, got 1.0"),
        (networks.winner_take_all, {"inhibition": 1.0}, "inhibition must be above 1, got 1.0"),
        (networks.winner_take_all, {"num": 1}, "num must be at least 2, got 1"),
        (networks.ring_attractor, {"tuning": 2.0}, "tuning must be above 2 for a bump, got 2.0"),
        (networks.ring_attractor, {"inhibition": 0.5}, r"inhibition must be above 0\.648 for a"),
        (networks.ring_attractor, {"drive": 0.0}, "drive must be positive, got 0.0"),
        (networks.line_attractor, {"tau": -1.0}, "tau must be positive, got -1.0"),
    ],
)
def test_bad_input(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)
