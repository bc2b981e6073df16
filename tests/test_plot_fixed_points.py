"""Pictures of fixed points: what is drawn, where, and how it is told apart."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import bp_rnn
from bp_rnn import analysis, plot


@pytest.fixture(scope="module")
def points():
    cell = bp_rnn.RateRNN(None, 3, w=np.diag([2.0, 2.0, 0.5]))
    return analysis.find_fixed_points(cell, num_start=64)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_state_space(points):
    _, ax = plt.subplots()
    runs = np.random.default_rng(0).normal(size=(4, 10, 3)) * [3, 1, 0.1]
    assert plot.plot_state_space(points, runs, ax=ax) is ax
    assert labels(ax) == ["stable", "saddle", "unstable"][: len(labels(ax))]
    lines = {line.get_label(): line for line in ax.lines}
    assert len(lines["stable"].get_xdata()) == 4
    assert len(lines["saddle"].get_xdata()) == 5  # the origin is stable in one direction
    gone = points.num_unstable.sum()
    assert len(ax.lines) == 4 + gone + 2
    assert ax.get_xlabel().startswith("PC 1 (")
    # the first component is nearly the first state
    seen = np.sort(lines["stable"].get_xdata())
    np.testing.assert_allclose(np.abs(np.diff(seen)[1]), 2 * points.state.max(), rtol=0.1)
    plain = plot.plot_state_space(points, runs[0], directions=False, ax=plt.subplots()[1])
    assert len(plain.lines) == 3


def test_state_space_in_three_dimensions(points):
    ax = plot.plot_state_space(points, num_dim=3)
    assert ax.name == "3d"
    assert ax.get_zlabel() == "state 3"
    x, y, z = ax.lines[-2].get_data_3d()
    np.testing.assert_allclose(np.c_[x, y, z], points.state[points.is_stable], atol=1e-12)


def test_a_given_basis(points):
    ax = plot.plot_state_space(points, basis=[[0, 0, 1.0], [0, 1.0, 0]], ax=plt.subplots()[1])
    assert ax.get_xlabel() == "projection 1"
    line = next(line for line in ax.lines if line.get_label() == "stable")
    np.testing.assert_allclose(line.get_ydata(), points.state[points.is_stable][:, 1])
    np.testing.assert_allclose(line.get_xdata(), 0, atol=1e-9)


def test_bifurcation():
    cell = bp_rnn.RateRNN(None, 1)
    branches = analysis.fixed_points_along(
        cell,
        [0.5, 2.0, 3.0],
        params=lambda g: {"w": [[g]]},
        num_start=64,
        progress_bar=False,
    )
    ax = plot.plot_bifurcation(branches, xlabel="gain g")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("gain g", "state, entry 0")
    drawn = {line.get_label(): line.get_xydata() for line in ax.lines}
    np.testing.assert_allclose(drawn["unstable"], [[2, 0], [3, 0]], atol=1e-12)
    assert len(drawn["stable"]) == 5
    assert sorted(labels(ax)) == ["stable", "unstable"]
    twice = plot.plot_bifurcation(branches, lambda s: 2 * s[:, 0], ax=plt.subplots()[1])
    assert twice.get_ylabel() == "read-out"
    high = max(line.get_ydata().max() for line in ax.lines)
    assert max(line.get_ydata().max() for line in twice.lines) == pytest.approx(2 * high)


def test_slow_points_are_triangles():
    ghost = analysis.Flow(lambda s: s**2 + 1e-3, 1)
    slow = analysis.find_fixed_points(ghost, candidates=[[0.5]], slow=1e-5, num_start=64)
    ax = plot.plot_state_space(slow, [[0.3], [0.2]], ax=plt.subplots()[1])
    assert labels(ax) == ["slow"]
    assert ax.lines[-1].get_marker() == "^"


def test_bad_input(points):
    with pytest.raises(ValueError, match="num_dim must be 2 or 3, got 4"):
        plot.plot_state_space(points, num_dim=4)
    with pytest.raises(ValueError, match=r"trajectories must have shape \(\.\.\., T, 3\), got \(4"):
        plot.plot_state_space(points, np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"basis must have shape \(2, 3\), got \(3, 3\)"):
        plot.plot_state_space(points, basis=np.eye(3))
    with pytest.raises(ValueError, match="ax must have projection='3d' for num_dim=3"):
        plot.plot_state_space(points, num_dim=3, ax=plt.subplots()[1])
