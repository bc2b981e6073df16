"""Pictures of reservoirs draw what they are given, with units."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bp_rnn import plot, reservoir


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def labels(ax):
    return [t.get_text() for t in ax.get_legend().get_texts()]


def test_echo_state(ax):
    found = reservoir.EchoState(0.9, 0.5, -0.1, np.array([0.5, 1e-3, 0.0]))
    assert plot.plot_echo_state(found, ax=ax, label="a") is ax
    plot.plot_echo_state(found, ax=ax, label="b")
    limit, first, second = ax.lines
    assert limit.get_ydata()[0] == 1e-4
    np.testing.assert_array_equal(first.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(first.get_ydata(), [0.5, 1e-3, 1e-16])
    np.testing.assert_array_equal(second.get_ydata(), first.get_ydata())
    assert (ax.get_xlabel(), ax.get_yscale(), labels(ax)) == ("step", "log", ["a", "b"])


def test_memory_capacity(ax):
    memory = reservoir.MemoryCapacity(np.array([0.9, 0.4]))
    assert plot.plot_memory_capacity(memory, ax=ax) is ax
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[1, 0.9], [2, 0.4]])
    assert ax.get_xlabel() == "lag k (steps)"
    assert ax.get_legend() is None
    plot.plot_memory_capacity(memory, ax=ax, label="ring")
    assert labels(ax) == ["ring"]


def test_separation(ax):
    distance = np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 6.0]])
    assert plot.plot_separation(distance, dt=0.5, ax=ax, label="pairs") is ax
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[0.5, 0], [1, 2], [1.5, 4]])
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(5.6)
    assert (ax.get_xlabel(), labels(ax)) == ("time (ms)", ["pairs"])
    plot.plot_separation(distance[0], ax=ax)
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), [[1, 0], [2, 1], [3, 2]])
    assert len(ax.collections) == 1
    for bad in (1.0, [[[1.0]]], []):
        with pytest.raises(
            ValueError, match=r"distance must have shape \(T,\) or \(pairs, T\), got"
        ):
            plot.plot_separation(bad, ax=ax)
    with pytest.raises(ValueError, match="distance must be finite, got nan"):
        plot.plot_separation([1.0, np.nan], ax=ax)
    with pytest.raises(ValueError, match="dt must be positive, got 0"):
        plot.plot_separation(distance, dt=0, ax=ax)


def test_fading_memory(ax):
    memory = reservoir.FadingMemory(np.array([4.0, 2.0, 0.0]))
    assert plot.plot_fading_memory(memory, dt=2.0, ax=ax, label="silence") is ax
    plot.plot_fading_memory(memory, ax=ax)
    limit, first, second = ax.lines
    assert limit.get_ydata()[0] == np.exp(-1)
    np.testing.assert_array_equal(first.get_xydata(), [[0, 1], [2, 0.5], [4, 1e-16]])
    np.testing.assert_array_equal(second.get_xdata(), [0, 1, 2])
    assert (ax.get_yscale(), labels(ax)) == ("log", ["silence"])
    assert "ms" in ax.get_xlabel()
    with pytest.raises(ValueError, match=r"memory must begin with a distance above 0, got 0.0"):
        plot.plot_fading_memory(reservoir.FadingMemory(np.zeros(3)), ax=ax)
    with pytest.raises(ValueError, match="dt must be positive, got -1"):
        plot.plot_fading_memory(memory, dt=-1, ax=ax)
