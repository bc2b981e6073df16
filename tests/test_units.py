"""Searches and tolerances do not depend on the precision or on the unit of what is looked at."""

import functools

import brainpy as bp
import brainpy.math as bm
import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bp_rnn
from bp_rnn import analysis, plasticity
from bp_rnn.analysis import _precision
from bp_rnn.analysis.systems import dtype_of
from bp_rnn.functional import fixed_point

NUM = 4
SCALES = [1e-3, 1.0, 255.0, 1e4]


def normal(seed):
    """Weights large enough for several fixed points."""
    return bp.init.Normal(0.0, 2.5 / NUM**0.5, seed=seed)


FEW = {
    "RateRNN": lambda seed: bp_rnn.RateRNN(2, NUM, w=normal(seed)),
    "CTRNN": lambda seed: bp_rnn.CTRNN(2, NUM, w=normal(seed), tau=0.3),
    "VanillaRNN": lambda seed: bp_rnn.VanillaRNN(2, NUM, w=normal(seed)),
    "LSTM": lambda seed: bp_rnn.LSTM(2, 3, w=normal(seed)),
    "GRU": lambda seed: bp_rnn.GRU(2, NUM, w=normal(seed), w_g=normal(seed)),
    "Deep": lambda seed: bp_rnn.Deep(
        [bp_rnn.GRU(2, 3, w_g=normal(seed)), bp_rnn.VanillaRNN(3, 2, w=normal(seed))]
    ),
    "from_brainpy": lambda seed: bp_rnn.from_brainpy(
        bp.dyn.GRUCell(2, NUM, mode=bm.TrainingMode(1), Wh_initializer=bp.init.Normal(0, 2.0))
    ),
}


@pytest.mark.parametrize("name", FEW)
def test_a_network_in_single_precision_has_the_fixed_points_of_double(name):
    options = {"num_start": 64, "max_round": 4, "x": [0.2, -0.1]}
    with bm.environment(x64=False):
        short = FEW[name](0)
        params = {k: np.asarray(v) for k, v in short.params().items()}
        found = analysis.find_fixed_points(short, **options)
        assert short.state.dtype == jnp.float32
        assert all(v.dtype == jnp.float32 for v in short.params().values())
    long = FEW[name](0)
    for k, variable in long.train_params().items():
        variable.value = jnp.asarray(params[k], jnp.float64)
    right = analysis.find_fixed_points(long, **options)
    assert len(found) == len(right) >= 1
    apart = np.abs(found.state[:, None] - right.state).max(2)
    assert apart.min(0).max() < 1e-5
    assert apart.min(1).max() < 1e-5
    assert found.residual.max() < 1e-12 / min(1, getattr(short, "dt", 1))
    assert found.state.dtype == found.eigenvectors.real.dtype == np.float64


SYSTEMS = {**cases.CELLS, **cases.EQUILIBRIUM_CELLS, **cases.RESERVOIRS}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_cell_can_be_looked_at_in_double_precision(name, float32):
    cell = SYSTEMS[name]()
    kept = {k: v.value for k, v in cell.vars().unique().items()}
    with _precision.double(cell):
        assert dtype_of(cell) == jnp.float64
        state = jnp.linspace(-0.5, 0.7, cell.size)
        f = jax.eval_shape(cell.derivative, cell.params(), state, jnp.zeros(cell.num_in))
        assert f.dtype == jnp.float64
    assert not jax.config.jax_enable_x64
    assert dtype_of(cell) == jnp.float32
    assert all(v.value is kept[k] for k, v in cell.vars().unique().items())


def test_what_rounds_by_itself_keeps_its_precision(float32):
    def rounded(s):
        return jnp.tanh(2 * s).astype(jnp.float32) - s

    system = analysis.Flow(rounded, 1)
    with _precision.double(system):
        assert dtype_of(system) == jnp.float32
    points = analysis.find_fixed_points(system, num_start=64)
    assert points.totals() == {"stable node": 2, "unstable node": 1}
    with pytest.raises(ZeroDivisionError), _precision.double(bp_rnn.GRU(2, 3)):
        _ = 1 / 0
    assert not jax.config.jax_enable_x64


def test_states_that_cannot_be_reached_are_no_fixed_points():
    """The gate z is one to the last digit from h = 40 on, where nothing changes any more."""
    w = np.zeros((1, 2, 1))
    w[0, 0] = 1.0
    cell = bp_rnn.GRU(1, 1, w=w, w_g=np.zeros((1, 1)), w_in=0.0)
    far = np.linspace(40, 90, 30)[:, None]
    points = analysis.find_fixed_points(cell, candidates=far, num_start=32)
    np.testing.assert_allclose(points.state, [[0]], atol=1e-12)

    def unknown(s):
        z = jax.nn.sigmoid(s)
        return z * s

    points = analysis.find_fixed_points(analysis.Map(unknown, 1), num_start=32)
    np.testing.assert_allclose(points.state, [[0]], atol=1e-12)


def test_the_ranges_that_cells_declare():
    deep = bp_rnn.Deep([bp_rnn.GRU(2, 3), bp_rnn.LSTM(3, 2), bp_rnn.VanillaRNN(2, 1)])
    low, high = deep.state_range()
    np.testing.assert_array_equal(high, [1, 1, 1, 1, 1, np.inf, np.inf, np.inf])
    np.testing.assert_array_equal(low, -high)


@pytest.mark.parametrize(
    ("rate", "num", "isolated"),
    [
        (lambda s: s * s, 1, True),  # saddle-node
        (lambda s: s - s, 1, False),
        (lambda s: -(s**3), 3, True),  # J is zero in three directions
        (lambda s: jnp.stack([-(s[0] ** 3), -2 * s[1], s[2] * s[0] - s[2]]), 3, True),
        (lambda s: jnp.stack([-(s[0] ** 3), 0 * s[1]]), 2, False),
        (lambda s: -(s @ s) * s, 2, True),
        (lambda s: jnp.stack([s[0] - s[1], s[1] - s[0]]), 2, False),
    ],
)
def test_alone_at_a_bifurcation_or_one_of_a_continuum(rate, num, isolated):
    points = analysis.find_fixed_points(analysis.Flow(rate, num), num_start=64, max_round=4)
    near = points[np.abs(points.state).max(1) < 1e-3] if isolated else points
    assert set(near.stability) <= {"marginal"}
    assert (near.is_isolated == isolated).all()
    assert len(near) == 1 if isolated else len(near) >= 1


def test_a_pitchfork_is_counted_at_its_own_gain():
    cell = bp_rnn.RateRNN(None, 1, w=1.0)
    found = analysis.fixed_points_along(
        cell, [0.9, 1.0, 1.5], params=lambda g: {"w": [[g]]}, num_start=64, progress_bar=False
    )
    np.testing.assert_array_equal(found.num_fixed, [1, 1, 3])


def fitzhugh(c, s):
    v, w = s / c
    return c * jnp.stack([2 * v - v**3 / 3 - w, 0.08 * (v - 0.8 * w)])


def test_the_unit_of_the_state_does_not_matter_to_a_search():
    searches = []
    for c in SCALES:
        system = analysis.Flow(functools.partial(fitzhugh, c), 2)
        points = analysis.find_fixed_points(system, num_start=64)
        assert points.totals() == {"saddle": 1, "stable spiral": 2} or len(points) == 3
        np.testing.assert_allclose(np.sort(points.state[:, 0] / c)[1], 0, atol=1e-9)
        searches.append(points.search.num_start)
    assert len(set(searches)) == 1


@pytest.mark.parametrize("search", fixed_point.SEARCHES)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_unit_does_not_matter_to_a_relaxation(search, dtype):
    """Neither that of the state nor that of time."""
    w, b = jnp.asarray([[0.2, -0.5], [0.4, 0.1]], dtype), jnp.asarray([0.7, -0.3], dtype)
    counts = []
    for c in SCALES:
        for tau in (1e-3, 1.0, 1e3):

            def rate(s, c=c, tau=tau):
                return (-s + c * jnp.tanh(w @ s / c + b)) / tau

            how = fixed_point.Search(search, 0.1 * tau)
            s, found = fixed_point.find(rate, jnp.zeros(2, dtype), how)
            assert found.converged
            counts.append(int(found.num_iter))
            again = fixed_point.find(rate, s, how)[1]
            assert again.converged
            assert again.num_iter <= 2
    assert max(counts) - min(counts) <= 2
    assert min(counts) > 1


def test_the_unit_does_not_matter_to_an_equilibrium():
    counts = []
    for c in SCALES:
        phi = lambda v, c=c: c * jnp.tanh(v / c)  # noqa: E731
        cell = bp_rnn.RateRNN(None, 3, phi=phi, w=0.4 * np.eye(3), dt=0.2)
        _, _, report = bp_rnn.Implicit(cell).settle(c * np.array([[0.3, -0.5, 1.0]]))
        assert report.usable.all()
        counts.append(int(report.num_iter[0]))
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("x64", [True, False])
def test_the_unit_does_not_matter_to_memories(x64):
    rng = np.random.default_rng(0)
    p = rng.random((5, 40))
    probes = p + 0.1 * rng.normal(size=p.shape)
    signs = np.sign(rng.normal(size=(2, 40)))
    soft, graded, quiet = [], [], []
    with bm.environment(x64=x64):
        for c in SCALES:
            net = bp_rnn.SoftmaxHopfield(40, beta=0.8 / c**2)
            net.store(c * p)
            soft.append(net.retrieve(c * probes))
            net = bp_rnn.ContinuousHopfield(40, gain=10 / c, dt=0.1)
            net.store(signs)
            net.w.value = net.w.value * c
            graded.append(net.retrieve(0.1 * c * signs))
            net.w.value = net.w.value * 0
            quiet.append(net.retrieve(0.1 * c * signs))
    for found in (soft, graded, quiet):
        assert all(np.asarray(one.converged).all() for one in found)
        steps = np.array([np.asarray(one.num_step) for one in found])
        assert np.ptp(steps, axis=0).max() <= 1
        assert steps.min() >= 1


def test_tables_are_printed_on_a_screen():
    points = analysis.find_fixed_points(
        bp_rnn.RateRNN(None, 3, w=2 * np.eye(3)), num_start=64, max_round=2
    )
    text = repr(points)
    assert len(text.splitlines()) <= 20
    assert text.startswith(f"{len(points)} fixed points (")
    assert f"... {len(points) - 16} more" in text
    assert "stable node" in text
    assert "-0.958" in text
    assert repr(points[:0]).count("\n") == 0
    assert "hits" in repr(points[:1])
    spectrum = analysis.LyapunovSpectrum(np.zeros(9), np.zeros((9, 9)), np.zeros(9))
    assert repr(spectrum).count("\n") == 0
    assert "9 exponents" in repr(spectrum)
    table = analysis.Branches(np.arange(30.0), (points,) * 30)
    assert len(repr(table).splitlines()) == 20


@pytest.mark.parametrize("shape", [(0, 3), (0,), (2, 0), (2, 4)])
def test_the_growth_of_nothing_is_refused(shape):
    layer = plasticity.PlasticLayer(3, 2, plasticity.Hebb(), lr=0.1)
    with pytest.raises(ValueError, match=r"inputs must have shape \(samples, 3\), got"):
        plasticity.norm_growth(layer, np.ones(shape))
