"""Initial weights: BrainPy's initialisers through cells, SpectralRadius, and keys."""

import brainpy as bp
import brainpy.math as bm
import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bp_rnn
import bp_rnn.cells

#: BrainPy's wrapped cells draw from BrainPy's own random numbers.
KEYED = [k for k in cases.CELLS if cases.is_keyed(k)]


def stacked(key):
    return bp_rnn.Deep([bp_rnn.GRU(3, 5, num_out=4, key=key), bp_rnn.LSTM(4, 5, key=key)])


def both_ways(key):
    parts = bp_rnn.RateRNN(3, 5, key=key), bp_rnn.LSTM(3, 5, key=key)
    return bp_rnn.Bidirectional(*parts, num_out=2, key=key)


def plain(cls):
    return lambda key: cls(3, 5, num_out=2, key=key)


BY_KEY = {c.__name__: plain(c) for c in cases.leaves(bp_rnn.cells, bp_rnn.Cell)} | {
    "Deep": stacked,
    "LayeredRNN": lambda key: bp_rnn.LayeredRNN(3, [5, 4], num_out=2, key=key),
    "Bidirectional": both_ways,
}


def weights(cell):
    return {k: np.asarray(v) for k, v in cell.params().items()}


def gates(w):
    """The matrices (unit, source) of a parameter, one for each gate."""
    return [w] if w.ndim == 2 else list(np.moveaxis(w, 1, 0))


@pytest.mark.parametrize(("cls", "num"), [(bp_rnn.RateRNN, 1), (bp_rnn.LSTM, 4), (bp_rnn.GRU, 2)])
def test_orthogonal_weights(cls, num):
    found = gates(np.asarray(cls(3, 5, w=bp.init.Orthogonal(seed=0)).w.value))
    assert len(found) == num
    for w in found:
        np.testing.assert_allclose(w @ w.T, np.eye(5), atol=1e-6)
    assert all(np.abs(w - found[0]).max() > 0.1 for w in found[1:])  # each gate has its own


def test_orthogonal_input_weights():
    w = np.asarray(bp_rnn.RateRNN(3, 5, w_in=bp.init.Orthogonal(seed=0)).w_in.value)
    np.testing.assert_allclose(w.T @ w, np.eye(3), atol=1e-6)


@pytest.mark.parametrize("cls", [bp_rnn.VanillaRNN, bp_rnn.LSTM])
def test_the_variance_of_xavier(cls):
    init = bp.init.XavierNormal(seed=0)
    cell = cls(300, 100, w=init, w_in=init)
    for name, fans in (("w", 200), ("w_in", 400)):
        for w in gates(np.asarray(getattr(cell, name).value)):
            assert w.mean() == pytest.approx(0, abs=4e-3)
            assert w.var() == pytest.approx(2 / fans, rel=0.05)


def test_the_variance_by_default():
    cell = bp_rnn.GRU(100, 300, num_out=200)
    for name, fan_in in {"w": 300, "w_g": 300, "w_in": 100, "w_out": 300}.items():
        for w in gates(np.asarray(getattr(cell, name).value)):
            assert w.mean() == pytest.approx(0, abs=2e-3)
            assert w.var() == pytest.approx(1 / fan_in, rel=0.04)


@pytest.mark.parametrize("cls", [bp_rnn.VanillaRNN, bp_rnn.LSTM])
def test_identity(cls):
    for w in gates(np.asarray(cls(3, 5, w=bp.init.Identity(0.7)).w.value)):
        np.testing.assert_allclose(w, 0.7 * np.eye(5), rtol=1e-6)


def radius_of(w):
    return np.abs(np.linalg.eigvals(np.asarray(w, float))).max()


@pytest.mark.parametrize("radius", [0.3, 1, 2.5])
@pytest.mark.parametrize(
    "base",
    [
        None,
        lambda: bp.init.Orthogonal(seed=1),
        lambda: bp.init.Uniform(seed=1),
        lambda: bp.init.Identity(3.0),
        lambda: lambda shape: -np.ones(shape),
    ],
)
def test_spectral_radius(base, radius):
    init = bp_rnn.SpectralRadius(radius, base and base(), seed=3)
    w = bp_rnn.RateRNN(3, 20, w=init).w.value
    assert radius_of(w) == pytest.approx(radius, rel=1e-6)
    unscaled = np.asarray(bm.as_jax((base() if base else bp.init.Normal(seed=3))((20, 20))))
    scale = w[0, 0] / unscaled[0, 0]
    assert scale > 0
    np.testing.assert_allclose(w, scale * unscaled, rtol=1e-6)


def test_a_large_matrix_has_nearly_the_spectral_radius():
    w = np.asarray(bp_rnn.SpectralRadius(0.9)((400, 400)))
    assert np.abs(np.linalg.eigvals(w)).max() == pytest.approx(0.9, rel=3e-4)


def test_each_gate_has_the_spectral_radius():
    found = gates(np.asarray(bp_rnn.LSTM(3, 20, w=bp_rnn.SpectralRadius(0.9)).w.value))
    np.testing.assert_allclose([radius_of(w) for w in found], 0.9, rtol=1e-6)
    assert np.abs(found[0] - found[1]).max() > 0.1


@pytest.mark.usefixtures("float32")
def test_spectral_radius_in_float32():
    w = bp_rnn.RateRNN(3, 20, w=bp_rnn.SpectralRadius(0.9)).w.value
    assert w.dtype == np.float32
    assert radius_of(w) == pytest.approx(0.9, rel=1e-6)
    assert bp_rnn.SpectralRadius(0.9)((4, 4)).dtype == np.float32


@pytest.mark.parametrize("key", [lambda i: i, jax.random.key], ids=["int", "key"])
def test_the_seed_of_the_spectral_radius(key):
    first, same, other = (bp_rnn.SpectralRadius(0.9, seed=key(i))((6, 6)) for i in (3, 3, 4))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.1


def test_spectral_radius_under_jit():
    w = jax.jit(lambda: bp_rnn.SpectralRadius(0.9)((6, 6)))()
    np.testing.assert_allclose(w, bp_rnn.SpectralRadius(0.9)((6, 6)), rtol=1e-6)
    assert bp.init.parameter(bp_rnn.SpectralRadius(0.9), (6, 6)).shape == (6, 6)


@pytest.mark.parametrize(
    ("radius", "error", "message"),
    [
        (0, ValueError, "radius must be positive, got 0"),
        (-0.5, ValueError, "radius must be positive, got -0.5"),
        (np.nan, ValueError, "radius must be finite, got nan"),
        (np.inf, ValueError, "radius must be finite, got inf"),
        ("one", TypeError, "radius must hold real numbers"),
        (None, TypeError, "radius must hold real numbers"),
        ([0.5, 0.9], (TypeError, ValueError), "^radius must"),
    ],
)
def test_a_bad_radius(radius, error, message):
    with pytest.raises(error, match=message):
        bp_rnn.SpectralRadius(radius)


@pytest.mark.parametrize("shape", [(2, 3), (3,), 3, (3, 3, 3)])
def test_the_spectral_radius_needs_a_square(shape):
    with pytest.raises(ValueError, match=r"SpectralRadius needs a square shape \(n, n\), got \("):
        bp_rnn.SpectralRadius(0.9)(shape)
    with pytest.raises(ValueError, match=r"needs a square shape \(n, n\), got \(5, 3\)"):
        bp_rnn.RateRNN(3, 5, w_in=bp_rnn.SpectralRadius(0.9))


@pytest.mark.parametrize(
    "base", [bp.init.ZeroInit(), lambda shape: np.triu(np.ones(shape), 1)], ids=["0", "nilpotent"]
)
def test_a_base_that_can_not_be_scaled(base):
    with pytest.raises(ValueError, match="base gives a matrix with spectral radius 0"):
        bp_rnn.RateRNN(3, 5, w=bp_rnn.SpectralRadius(0.9, base))


@pytest.mark.parametrize("name", KEYED)
def test_a_cell_is_the_same_each_time_it_is_built(name):
    first, second = (weights(cases.CELLS[name]()) for _ in range(2))
    assert all((first[k] == second[k]).all() for k in first)


@pytest.mark.parametrize("name", BY_KEY)
def test_the_key_decides_the_weights(name):
    first = weights(BY_KEY[name](3))
    for key in (3, np.int32(3), jax.random.key(3), jax.random.PRNGKey(3)):
        again = weights(BY_KEY[name](key))
        assert all((v == again[k]).all() for k, v in first.items())
    other = weights(BY_KEY[name](4))
    drawn = [k for k in first if k.startswith("w")]
    assert len(drawn) >= 3
    assert all((first[k] != other[k]).all() for k in drawn)


def test_parameters_of_one_cell_are_drawn_apart():
    cell = bp_rnn.VanillaRNN(5, 5, num_out=5)
    found = [cell.w.value, cell.w_in.value, cell.w_out.value]
    assert all((a != b).all() for a, b in zip(found, found[1:] + found[:1], strict=True))


@pytest.mark.parametrize("key", ["a", 1.5, True, jnp.zeros(3), np.zeros(2, np.uint32)])
def test_a_bad_key(key):
    with pytest.raises(TypeError, match="key must be an integer or a JAX key"):
        bp_rnn.RateRNN(3, 5, key=key)
