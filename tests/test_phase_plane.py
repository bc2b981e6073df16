"""Separatrices against closed forms, and the pictures of linear and small networks."""

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

import bp_rnn
from bp_rnn import analysis, networks, plot
from bp_rnn.functional.separatrix import separatrix


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def parabola(s):
    """Its stable manifold is y = -x^2 / 3."""
    return jnp.stack([-s[0], s[1] + s[0] ** 2])


def test_a_separatrix_that_is_known():
    found = separatrix(parabola, np.array([0.1, -0.1]), 2.0)
    assert found.shape == (1003, 2)
    np.testing.assert_allclose(found[501], 0, atol=1e-12)
    np.testing.assert_allclose(found[:, 1], -(found[:, 0] ** 2) / 3, atol=2e-8)
    length = np.linalg.norm(np.diff(found, axis=0), axis=1)
    np.testing.assert_allclose(length[:501].sum(), 2.0, rtol=1e-3)
    np.testing.assert_allclose(length[501:].sum(), 2.0, rtol=1e-3)


def test_a_branch_ends_at_a_source():
    found = separatrix(lambda s: jnp.stack([s[0], s[1] ** 3 - s[1]]), np.zeros(2), 3.0)
    inside = found[~np.isnan(found[:, 1])]
    assert (inside[:, 0] == 0).all()
    assert 0.99 < inside[:, 1].max() < 1.01
    assert -1.01 < inside[:, 1].min() < -0.99
    assert np.isnan(found[[0, -1]]).all()


def test_the_border_of_a_decision_is_the_diagonal():
    cell = networks.winner_take_all()
    found = separatrix(lambda r: cell.derivative(cell.params(), r, 0.0), [0.3, 0.4], 1.0)
    np.testing.assert_allclose(found[:, 0], found[:, 1], atol=1e-12)


@pytest.mark.parametrize(
    ("rate", "near", "length", "message"),
    [
        (parabola, [0.0], 1.0, r"near must have shape \(2,\), got \(1,\)"),
        (parabola, [np.nan, 0.0], 1.0, "near must be finite, got nan"),
        (parabola, [0.0, 0.0], 0.0, "length must be positive, got 0.0"),
        (lambda s: -s, [0.1, 0.0], 1.0, r"near a saddle, got a point with eigenvalues \[-1. -1.\]"),
        (lambda s: s @ jnp.array([[0.0, 1], [-1, 0]]), [0.1, 0.0], 1.0, "near a saddle, got a"),
        (lambda s: s**2 + 1, [0.3, 0.5], 1.0, "Newton's method finds none from"),
    ],
)
def test_no_saddle(rate, near, length, message):
    with pytest.raises(ValueError, match=message):
        separatrix(rate, near, length)


def test_plot_modes(ax):
    modes = bp_rnn.modes([[0.5, -1.0, 0.0], [1.0, 0.5, 0.0], [0.0, 0.0, -0.8]], tau=10.0)
    v = np.random.default_rng(0).normal(size=(20, 3))
    assert plot.plot_modes(modes, v, dt=0.5, ax=ax) is ax
    assert ax.get_xlabel() == "time (ms)"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        r"$\lambda = 0.5 \pm 1\,i$",
        r"$\lambda = -0.8$",
    ]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), 0.5 * np.arange(1, 21))
    np.testing.assert_allclose(ax.lines[0].get_ydata(), modes.project(v)[:, 0].real)
    np.testing.assert_allclose(np.abs(ax.lines[1].get_ydata()), np.abs(v[:, 2]))
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()
    ax.cla()
    plot.plot_modes(modes, v, num_mode=1, time_unit="s", ax=ax)
    assert len(ax.get_legend().get_texts()) == 1
    assert ax.get_xlabel() == "time (s)"


def drawn(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_plot_eigenvalues(ax):
    values = [0.5 + 2j, 0.5 - 2j, 1.0, 1.5]
    assert plot.plot_eigenvalues(values, ax=ax) is ax
    lines = drawn(ax)
    np.testing.assert_array_equal(lines["stable"].get_xdata(), [0.5, 0.5])
    np.testing.assert_array_equal(lines["not stable"].get_xdata(), [1.0, 1.5])
    assert lines["stable"].get_markerfacecolor() != lines["not stable"].get_markerfacecolor()
    assert ax.get_xlim()[1] > 1.5
    assert ax.get_ylim()[1] > 2
    ax.cla()
    plot.plot_eigenvalues(values, border="circle", ax=ax)
    assert list(drawn(ax)) == ["not stable"]
    assert ax.get_aspect() == 1
    ax.cla()
    plot.plot_eigenvalues([-0.1, 0.1], border=0.0, unit="1/ms", ax=ax)
    assert set(drawn(ax)) == {"stable", "not stable"}
    assert ax.get_xlabel() == r"Re $\lambda$ (1/ms)"
    with pytest.raises(ValueError, match="border must be a number or 'circle', got 'line'"):
        plot.plot_eigenvalues(values, border="line", ax=ax)


def test_plot_phase_plane(ax):
    cell = networks.winner_take_all(mode=bm.BatchingMode(3))
    paths = np.random.default_rng(0).uniform(size=(3, 7, 2))
    found = plot.plot_phase_plane(cell, saddle=[0.3, 0.3], paths=paths, ax=ax)
    assert found is ax
    lines = drawn(ax)
    assert set(lines) == {"unit 1 at rest", "unit 2 at rest", "separatrix"}
    border = lines["separatrix"].get_xydata()
    np.testing.assert_allclose(border[:, 0], border[:, 1], atol=1e-6)
    ends = {tuple(line.get_xydata()[-1]) for line in ax.lines if len(line.get_xdata()) == 1}
    assert {tuple(p[-1]) for p in paths} < ends
    # the nullclines of units between threshold and saturation: r_1 = 1 - 2 r_2
    nullclines = [c for c in ax.collections if type(c).__name__ == "QuadContourSet"]
    u, v = np.concatenate([p.vertices for p in nullclines[0].get_paths()]).T
    between = (v > 0.02) & (v < 0.48)
    assert between.any()
    np.testing.assert_allclose(u[between], 1 - 2 * v[between], atol=1e-6)
    assert ax.get_xlim() == (-0.1, 1.1)


def test_phase_plane_under_an_input(ax):
    cell = networks.winner_take_all()
    plot.plot_phase_plane(cell, [-1.0, 0.0], ax=ax)
    nullcline = next(c for c in ax.collections if type(c).__name__ == "QuadContourSet")
    u, v = np.concatenate([p.vertices for p in nullcline.get_paths()]).T
    np.testing.assert_allclose(u[v > 0], 0, atol=1e-6)
    with pytest.raises(ValueError, match=r"x must have shape \(2,\), got \(3,\)"):
        plot.plot_phase_plane(cell, np.ones(3), ax=ax)
    with pytest.raises(ValueError, match="system must have two state variables, got 3"):
        plot.plot_phase_plane(networks.winner_take_all(3), ax=ax)
    with pytest.raises(ValueError, match="near must be near a saddle"):
        plot.plot_phase_plane(cell, saddle=[1.0, 0.0], ax=ax)


def fitzhugh(s):
    return jnp.stack([s[0] - s[0] ** 3 / 3 - s[1] + 0.5, 0.08 * (s[0] + 0.7 - 0.8 * s[1])])


def henon(s):
    return jnp.stack([1 - 1.4 * s[0] ** 2 + s[1], 0.3 * s[0]])


@pytest.mark.parametrize(
    ("system", "nullcline"),
    [
        (analysis.Flow(fitzhugh, 2), lambda v: v - v**3 / 3 + 0.5),
        (analysis.Map(henon, 2), lambda v: v - 1 + 1.4 * v**2),
        (
            bp.dyn.RNNCell(1, 2, activation="tanh", mode=bm.TrainingMode(1)),
            None,
        ),
    ],
)
def test_any_system_of_two_variables_has_a_phase_plane(ax, system, nullcline):
    plot.plot_phase_plane(system, ax=ax)
    if nullcline is None:
        assert ax.get_xlim() == (-0.1, 1.1)
        return
    assert ax.get_xlim() == (-3, 3)
    assert ax.get_xlabel() == "variable 1 (a.u.)"
    drawn = np.concatenate([p.vertices for p in ax.collections[1].get_paths()])
    inside = np.abs(drawn[:, 0]) < 1
    assert inside.sum() > 50
    np.testing.assert_allclose(drawn[inside, 1], nullcline(drawn[inside, 0]), atol=2e-3)


def test_the_plane_goes_as_far_as_the_paths(ax):
    path = np.stack([np.linspace(0, 50, 20), np.linspace(-10, 10, 20)], 1)
    plot.plot_phase_plane(analysis.Flow(fitzhugh, 2), paths=path, ax=ax)
    assert ax.get_xlim() == (-5, 55)
    assert ax.get_ylim() == (-12, 12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plot.plot_phase_plane(3), TypeError, "system must be a cell, a bp.Dyn"),
        (
            lambda: plot.plot_phase_plane(analysis.Flow(lambda s: -s, 3)),
            ValueError,
            "system must have two state variables, got 3",
        ),
        (
            lambda: plot.plot_phase_plane(analysis.Flow(fitzhugh, 2), [1.0]),
            ValueError,
            r"x must have shape \(0,\), got \(1,\)",
        ),
        (
            lambda: plot.plot_phase_plane(analysis.Flow(fitzhugh, 2), paths=np.ones((4, 3))),
            ValueError,
            r"paths must have shape \(..., time, 2\), got \(4, 3\)",
        ),
    ],
)
def test_what_has_no_phase_plane(call, error, message):
    with pytest.raises(error, match=message):
        call()
