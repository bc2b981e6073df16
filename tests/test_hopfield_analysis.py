"""Capacity, basins, spurious states, landscapes and their pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import special

import bp_rnn
from bp_rnn import hopfield
from bp_rnn.hopfield import mean_field


def memory(num_pattern=3, num=200, **options):
    net = bp_rnn.DiscreteHopfield(num, **options)
    net.store(hopfield.random_patterns(0, num_pattern, num))
    return net


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_mean_field_equations_hold():
    """The overlap solves the equations for m, r and C as Amit, Gutfreund & Sompolinsky print."""
    for load in (0.01, 0.05, 0.1, 0.137):
        m = mean_field.overlap(load)
        y = special.erfinv(m) if load > 0.03 else None
        if y is None:
            assert 1 - 1e-9 < m <= 1
            continue
        noise = m / y / np.sqrt(2 * load)  # the root of r
        susceptibility = np.sqrt(2 / (np.pi * load)) / noise * np.exp(-(y**2))
        np.testing.assert_allclose(noise**2, (1 - susceptibility) ** -2, rtol=1e-6)


def test_mean_field_transition():
    found = mean_field.transition()
    assert found.load == pytest.approx(0.138, abs=5e-4)
    assert found.overlap == pytest.approx(0.967, abs=5e-4)
    loads = np.array([[0.0, 0.05], [found.load - 1e-6, found.load + 1e-6]])
    m = mean_field.overlap(loads)
    assert m.shape == (2, 2)
    assert m[0, 0] == 1
    assert m[1, 0] == pytest.approx(found.overlap, abs=3e-3)
    assert m[1, 1] == 0
    assert (np.diff(mean_field.overlap(np.linspace(0, found.load, 50))) <= 0).all()
    with pytest.raises(ValueError, match=r"load must not be negative, got -0\.1"):
        mean_field.overlap(-0.1)


def test_retrieval_curve_follows_the_theory():
    net = bp_rnn.DiscreteHopfield(400)
    curve = hopfield.retrieval_curve(net, [40, 200], num_sample=6, num_probe=20, progress_bar=False)
    assert curve.overlap.shape == (2, 6, 20)
    np.testing.assert_allclose(curve.load, [0.1, 0.5])
    assert curve.mean[0] == pytest.approx(mean_field.overlap(0.1), abs=0.005)
    assert curve.mean[1] < 0.5
    assert 40 < curve.capacity() < 200
    assert not len(net.patterns)
    assert not np.asarray(net.w.value).any()
    again = hopfield.retrieval_curve(net, [40], num_sample=2, num_probe=20, progress_bar=False)
    assert np.isnan(again.capacity())


def test_capacity_is_interpolated():
    overlap = np.array([[[1.0, 1.0]], [[1.0, 1.0]], [[0.2, 0.2]]])
    curve = hopfield.RetrievalCurve(10, np.array([1, 3, 5]), overlap)
    assert curve.capacity() == 4.0
    np.testing.assert_allclose(curve.mean, [1, 1, 0.2])
    assert (curve.error == 0).all()
    uneven = hopfield.RetrievalCurve(10, np.array([1]), np.array([[[0.0], [1.0]]]))
    assert uneven.error == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("num", "num_pattern", "low", "high"), [(20, 160, 0, 0.9), (80, 256, 0.96, 1)]
)
def test_dense_capacity_grows_with_the_square(num, num_pattern, low, high):
    """Of order 3: 0.4 N^2 patterns are lost, 0.04 N^2 are kept, which soon is the larger number."""
    net = bp_rnn.DenseHopfield(num, order=3)
    curve = hopfield.retrieval_curve(
        net, [num_pattern], num_sample=2, num_probe=10, num_step=1, progress_bar=False
    )
    assert low <= curve.mean[0] <= high


def test_basin_shrinks_with_the_load():
    sizes = []
    for num_pattern in (4, 24):
        net = memory(num_pattern)
        basin = hopfield.basin_of_attraction(net, np.linspace(0, 0.5, 11), num_probe=40)
        np.testing.assert_allclose(basin.start, 1 - 2 * np.linspace(0, 0.5, 11))
        assert basin.retrieved[0] == 1
        assert basin.retrieved[-1] < 0.5
        sizes.append(basin.size)
    assert 0.3 < sizes[1] + 0.2 < sizes[0] < 1


def test_basin_size():
    start = np.array([1.0, 0.8, 0.6])
    for retrieved, size in (([1, 1, 0], 0.3), ([1, 1, 1], 0.4), ([0.4, 0, 0], 0.0)):
        basin = hopfield.Basin(start, start, np.array(retrieved, float))
        assert basin.size == pytest.approx(size)


def test_three_patterns_have_their_mixtures():
    net = memory(3, 300)
    found = hopfield.fixed_points(net, num_start=300)
    totals = found.totals()
    assert totals["pattern"][0] == totals["inverse"][0] == 3
    assert totals["mixture of 3"][0] >= 6  # of the 8 signs
    assert sum(visits for _, visits in totals.values()) == found.visits.sum() == 300
    assert (np.diff(found.visits) <= 0).all()
    p = np.asarray(net.patterns.value)
    w = np.asarray(net.w.value)
    for x, energy, mixture, kind in zip(
        found.state, found.energy, found.mixture, found.kind, strict=True
    ):
        assert (x * (w @ x) >= -1e-12).all()
        np.testing.assert_allclose(energy, -x @ w @ x / 2)
        if kind != "other":
            assert np.sign(mixture @ p) @ x / 300 >= 0.9
            assert kind == {1: "pattern", -1: "inverse"}.get(
                mixture.sum() * (np.abs(mixture).sum() == 1), "mixture of 3"
            )
    # theory: a mixture of three has 3/4 of a pattern's energy
    by_kind = {k: found.energy[[k == one for one in found.kind]].mean() for k in totals}
    assert by_kind["mixture of 3"] / by_kind["pattern"] == pytest.approx(0.75, abs=0.06)


@pytest.mark.parametrize("cls", [bp_rnn.DiscreteHopfield, bp_rnn.ContinuousHopfield])
def test_energy_slice(cls):
    net = cls(200)
    p = np.asarray(hopfield.random_patterns(0, 3, 200))
    net.store(p)
    found = hopfield.energy_slice(net, 0, 2, num_grid=5)
    assert np.isnan(found.energy).sum() == 25 - 13
    assert found.energy[2, 2] == pytest.approx(0, abs=1e-9)
    w = np.asarray(net.w.value)
    x = 0.5 * p[0] - 0.5 * p[2]
    inside = -x @ w @ x / 2
    corner = -p[0] @ w @ p[0] / 2
    if cls is bp_rnn.ContinuousHopfield:  # the integral, 2 ln 2 / a at a corner
        # of a unit at x: (1 + x) ln(1 + x) + (1 - x) ln(1 - x), over a
        inside += (special.xlogy(1 + x, 1 + x) + special.xlogy(1 - x, 1 - x)).sum() / net.gain
        corner += 200 * 2 * np.log(2) / net.gain
    assert found.energy[1, 3] == pytest.approx(inside)
    assert found.energy[2, 4] == pytest.approx(corner, rel=1e-6)


def test_pictures(ax):
    net = memory(3, 64)
    assert bp_rnn.plot.plot_patterns(net.patterns.value, ax=ax) is ax
    assert ax.images[0].get_array().shape == (8, 26)
    bp_rnn.plot.plot_patterns(net.patterns.value, shape=(4, 16), columns=2, ax=ax)
    drawn = ax.images[1].get_array()
    assert drawn.shape == (9, 33)
    np.testing.assert_array_equal(drawn[5:, :16].ravel(), net.patterns.value[2])
    with pytest.raises(ValueError, match=r"shape must be of 64 numbers, got \(3, 3\)"):
        bp_rnn.plot.plot_patterns(net.patterns.value, shape=(3, 3), ax=ax)


def test_pictures_of_the_analysis(ax):
    plot = bp_rnn.plot
    assert plot.plot_energy([[3.0, 1.0], [2.0, 0.0]], ax=ax, label="two runs") is ax
    assert len(ax.lines) == 2
    ax.cla()
    curve = hopfield.RetrievalCurve(10, np.array([1, 2]), np.ones((2, 4, 3)))
    assert plot.plot_retrieval(curve, ax=ax) is ax
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["mean-field theory", "N = 10"]
    ax.cla()
    basin = hopfield.Basin(np.array([1.0, 0.5]), np.array([1.0, 0.2]), np.array([1.0, 0.0]))
    assert plot.plot_basin(basin, ax=ax, label="a") is ax
    plot.plot_basin(basin, ax=ax, label="b")
    assert len(ax.lines) == 3
    ax.cla()
    found = hopfield.energy_slice(memory(3, 64), num_grid=9)
    assert plot.plot_energy_slice(found, path=np.zeros((2, 5, 2)), ax=ax) is ax
    assert len(ax.lines) == 4


def test_bad_calls():
    net, empty = memory(), bp_rnn.DiscreteHopfield(4)
    with pytest.raises(ValueError, match="memory must be empty, got 3 patterns"):
        hopfield.retrieval_curve(net, [1])
    for numbers in ([3, 2], [2, 2], []):
        with pytest.raises(ValueError, match="num_pattern must increase, got"):
            hopfield.retrieval_curve(empty, numbers)
    with pytest.raises(ValueError, match="num_probe must be at most 2, as num_pattern, got 3"):
        hopfield.retrieval_curve(empty, [2], num_probe=3)
    for analysis in (hopfield.basin_of_attraction, hopfield.fixed_points):
        with pytest.raises(ValueError, match="memory must hold patterns, got an empty one"):
            analysis(empty)
    graded = bp_rnn.ContinuousHopfield(4)
    graded.store(np.ones(4))
    with pytest.raises(ValueError, match="memory must have states of -1 and 1, not None"):
        hopfield.fixed_points(graded)
    with pytest.raises(ValueError, match="second must be below the 3 patterns stored, got 3"):
        hopfield.energy_slice(net, 0, 3)
    with pytest.raises(ValueError, match="memory must have patterns of -1 and 1, not None"):
        hopfield.energy_slice(bp_rnn.SoftmaxHopfield(4))
