"""Principal components, selectivity, ocular dominance and their pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import bp_rnn
from bp_rnn import plasticity, plot


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_components_are_eigenvectors():
    inputs = np.random.default_rng(0).normal(size=(50, 4)) * [3, 1, 2, 0.5] + 0.3
    found = plasticity.principal_components(inputs)
    q = inputs.T @ inputs / 50
    np.testing.assert_allclose(found.vectors @ q, found.values[:, None] * found.vectors, atol=1e-10)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(4), atol=1e-12)
    assert (np.diff(found.values) < 0).all()
    centred = plasticity.principal_components(inputs - inputs.mean(0))
    np.testing.assert_allclose(
        centred.values.sum(), np.trace(plasticity.covariance_matrix(inputs)), rtol=1e-12
    )


def test_angles():
    w = np.array([[2.0, 0.0, 0.0], [-1.0, 1.0, 0.0]])
    np.testing.assert_allclose(plasticity.angles(w, np.eye(3)), [0, 45])
    np.testing.assert_allclose(plasticity.angles(w, [0.0, -3.0, 0.0]), [90, 45])
    small = plasticity.angles([[1.0, 1e-9, 0.0]], np.eye(3))
    np.testing.assert_allclose(small, np.degrees(1e-9))  # the cosine alone would say 0
    assert plasticity.subspace_angle(w, [[1.0, 0, 0], [0, 1.0, 0]]) < 1e-6
    assert plasticity.subspace_angle(w, [[1.0, 0, 0], [0, 0, 1.0]]) == pytest.approx(90)


def test_selectivity():
    v = np.array([[3.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    np.testing.assert_allclose(plasticity.selectivity(v), [(1 - 1 / 3) / 0.75, 0, np.nan])
    assert plasticity.selectivity([0.0, 5.0, 0.0]) == pytest.approx(1)


def test_stability_of_rules():
    """Far out Oja's and normalised weights shrink, Hebb's grow; and the rules change nothing."""
    inputs = np.random.default_rng(0).normal(size=(50, 4))
    far = 3 * np.eye(2, 4)
    for rule, grows in [
        (plasticity.Hebb(), True),
        (plasticity.Covariance(theta=0.1), True),
        (plasticity.Oja(), False),
        (plasticity.Decay(plasticity.Hebb(), 5.0), False),
    ]:
        net = bp_rnn.PlasticLayer(4, 2, rule, lr=0.1, w=far)
        growth = plasticity.norm_growth(net, inputs)
        assert ((growth > 0) == grows).all()
        np.testing.assert_array_equal(net.w.value, far)
    oja = bp_rnn.PlasticLayer(4, 2, plasticity.Oja(0.5), lr=0.1, w=far)
    v = inputs @ far.T
    expected = 2 * (v**2).mean(0) * (1 - 0.5 * 9)
    np.testing.assert_allclose(plasticity.norm_growth(oja, inputs), expected)


@pytest.fixture(scope="module")
def stripes():
    return plasticity.ocular_dominance(60, width=2.5, key=1)


def test_ocular_dominance(stripes):
    """One eye wins each unit, in stripes of about the width that grows fastest."""
    np.testing.assert_allclose(stripes.w.sum(1), 1, rtol=1e-12)
    assert stripes.w.min() >= 0
    assert np.abs(stripes.dominance).min() > 0.9
    power = np.abs(np.fft.rfft(stripes.dominance)) ** 2
    assert abs(power.argmax() - stripes.growth.argmax()) <= 1
    assert stripes.growth.argmax() > 1
    hat = stripes.interaction
    assert hat[0] > 0.8
    assert hat[10] < 0


def test_pictures(ax, stripes):
    assert plot.plot_dominance(stripes, ax=ax) is ax
    np.testing.assert_allclose(ax.lines[0].get_ydata(), stripes.dominance)
    norms = np.arange(1.0, 9.0).reshape(4, 2)
    ax.clear()
    assert plot.plot_norms(norms, limit=2.0, label="Hebb", ax=ax) is ax
    np.testing.assert_allclose(ax.lines[1].get_ydata(), norms[:, 0])
    assert ax.get_legend().get_texts()[0].get_text() == "Hebb"
    plot.plot_norms(norms[:, 0], ax=ax)
    ax.clear()
    w = np.stack([np.arange(6.0), -np.ones(6)])
    assert plot.plot_weights(w, shape=(2, 3), ax=ax) is ax
    drawn = ax.images[0].get_array()
    assert drawn.shape == (2, 7)
    np.testing.assert_allclose(drawn[:, :3].ravel(), np.arange(6) / 5)
    np.testing.assert_allclose(drawn[:, 4:].astype(float), -1)
    ax.clear()
    assert plot.plot_weights(np.zeros((3, 4)), columns=2, ax=ax) is ax
    assert ax.images[0].get_array().shape == (5, 5)
    with pytest.raises(ValueError, match="shape must be of 4 numbers, got"):
        plot.plot_weights(np.zeros((3, 4)), shape=(3, 2))
    ax.clear()
    assert plot.plot_responses(np.eye(3), ax=ax) is ax
    np.testing.assert_allclose(ax.images[0].get_array(), np.eye(3))
    ax.clear()
    synapses = bp_rnn.STDP(1, 1, w=0.5)
    assert plot.plot_window([-2.0, 3.0], [0.1, -0.1], synapses=synapses, ax=ax) is ax
    assert ax.lines[2].get_ydata().max() == pytest.approx(0.01)
    np.testing.assert_allclose(ax.lines[-1].get_xdata(), [-2, 3])


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: plasticity.correlation_matrix([1.0]), ValueError, "inputs must have shape"),
        (lambda: plasticity.principal_components([[np.nan]]), ValueError, "inputs must be finite"),
        (lambda: plasticity.angles([1.0], [1.0]), ValueError, "w and vectors must have shape"),
        (lambda: plasticity.angles([[1.0, 0]], [1.0]), ValueError, "w and vectors must have"),
        (lambda: plasticity.angles(np.eye(2), [[1.0, 0]]), ValueError, "must have 2 rows or more"),
        (lambda: plasticity.selectivity([[1.0]]), ValueError, r"v must have shape \(patterns"),
        (lambda: plasticity.selectivity(["a", "b"]), TypeError, "v must hold real numbers"),
        (lambda: plasticity.ocular_dominance(2), ValueError, "num must be at least 4"),
        (lambda: plasticity.ocular_dominance(width=0), ValueError, "width must be positive"),
        (lambda: plasticity.ocular_dominance(different=1.0), ValueError, "different must be sma"),
        (lambda: plasticity.ocular_dominance(lr=0), ValueError, "lr must be positive"),
    ],
)
def test_bad_input(call, error, match):
    with pytest.raises(error, match=match):
        call()
