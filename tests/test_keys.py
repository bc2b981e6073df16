"""The key decides what a network starts with, and no two parts of a network start alike."""

import inspect
import itertools
import pickle

import brainpy as bp
import brainpy.math as bm
import cases
import jax
import numpy as np
import pytest
from brainpy.initialize import random_inits

import bp_rnn
from bp_rnn import plasticity

#: Every initialiser of BrainPy that draws, by introspection.
DRAWING = {
    name: getattr(bp.init, name)
    for name in random_inits.__all__
    if "seed" in inspect.signature(getattr(bp.init, name)).parameters and name != "VarianceScaling"
} | {"VarianceScaling": lambda **seed: bp.init.VarianceScaling(1.0, "fan_in", "normal", **seed)}


def drawn(init, **options):
    return {"w": init(), "w_in": init(), "w_out": init(), **options}


#: Whatever takes initialisers, made with them and a key.
MAKERS = {
    "CTRNN": lambda init, key: bp_rnn.CTRNN(4, 4, num_out=4, key=key, **drawn(init)),
    "EnergyRNN": lambda init, key: bp_rnn.EnergyRNN(4, 4, num_out=4, key=key, **drawn(init)),
    "IndRNN": lambda init, key: bp_rnn.IndRNN(
        4, 4, num_out=4, key=key, w_in=init(), w_out=init(), init_state=bp.init.Normal()
    ),
    "LayeredRNN": lambda init, key: bp_rnn.LayeredRNN(4, [4, 4], key=key, w=init()),
    "LinearRNN": lambda init, key: bp_rnn.LinearRNN(4, 4, num_out=4, key=key, **drawn(init)),
    "RateRNN": lambda init, key: bp_rnn.RateRNN(
        4, 4, key=key, w=init(), b=bp.init.Uniform(), init_state=bp.init.Normal()
    ),
    "RateRNN-start": lambda init, key: bp_rnn.RateRNN(
        4, 4, key=key, w=init(), init_state=bp.init.Normal(), train_init_state=True
    ),
    "TwoTimescaleRNN": lambda init, key: bp_rnn.TwoTimescaleRNN(4, 4, key=key, w=init()),
    "VanillaRNN": lambda init, key: bp_rnn.VanillaRNN(4, 4, num_out=4, key=key, **drawn(init)),
    "LSTM": lambda init, key: bp_rnn.LSTM(4, 4, num_out=4, key=key, **drawn(init)),
    "GRU": lambda init, key: bp_rnn.GRU(4, 4, num_out=4, key=key, w_g=init(), **drawn(init)),
    "ESN": lambda init, key: bp_rnn.ESN(4, 4, num_out=4, key=key, **drawn(init)),
    "ESN-feedback": lambda init, key: bp_rnn.ESN(
        4, 4, num_out=4, w_fb=init(), key=key, **drawn(init)
    ),
    "LSM": lambda init, key: bp_rnn.LSM(4, 4, num_out=4, key=key, **drawn(init)),
    "Deep": lambda init, key: bp_rnn.Deep(
        [bp_rnn.GRU(4, 4, w=init()), bp_rnn.GRU(4, 4, w=init())], key=key
    ),
    "Bidirectional": lambda init, key: bp_rnn.Bidirectional(
        bp_rnn.LSTM(4, 4, w=init()), bp_rnn.LSTM(4, 4, w=init()), num_out=4, key=key, w_out=init()
    ),
    "DeepESN": lambda init, key: bp_rnn.DeepESN(
        [bp_rnn.ESN(4, 4, w=init()), bp_rnn.ESN(4, 4)], num_out=4, w_out=init(), key=key
    ),
    "BidirectionalESN": lambda init, key: bp_rnn.BidirectionalESN(
        bp_rnn.ESN(4, 4, w=init()), bp_rnn.ESN(4, 4), num_out=4, w_out=init(), key=key
    ),
    "PlasticLayer": lambda init, key: bp_rnn.PlasticLayer(
        4, 4, plasticity.Oja(), lr=0.1, w=init(), m=init(), key=key
    ),
    "STDP": lambda init, key: bp_rnn.STDP(4, 4, w=init(), key=key),
}


def values(net):
    """All float Variables that are not zero everywhere."""
    found = net.vars(method="relative").unique().items()
    arrays = {k: np.asarray(v.value) for k, v in found if not k.endswith("rng")}
    return {k: v for k, v in arrays.items() if v.dtype.kind == "f" and np.ptp(v) > 0}


def weights(net):
    return {k: v for k, v in values(net).items() if k.split(".")[-1].split("_")[0] in ("w", "m")}


def matrices(arrays):
    """Each matrix (unit, source) of each array, gates apart."""
    for name, value in arrays.items():
        yield from ((name, m) for m in (np.moveaxis(value, 1, 0) if value.ndim == 3 else [value]))


def check_apart(arrays):
    for (first, a), (second, b) in itertools.combinations(matrices(arrays), 2):
        assert a.shape != b.shape or (a != b).any(), (first, second)


@pytest.mark.parametrize("name", MAKERS)
def test_the_key_decides_whatever_the_initialiser(name):
    make = MAKERS[name]
    bm.random.seed(1)
    first = values(make(bp.init.Normal, 3))
    bm.random.seed(2)
    before = jax.random.key_data(bm.random.DEFAULT.value)
    second = values(make(bp.init.Normal, jax.random.key(3)))
    np.testing.assert_array_equal(jax.random.key_data(bm.random.DEFAULT.value), before)
    assert first.keys() == second.keys()
    assert first
    for k, v in first.items():
        np.testing.assert_array_equal(v, second[k])
    check_apart(weights(make(bp.init.Normal, 3)))
    other = weights(make(bp.init.Normal, 4))
    assert all((v != other[k]).any() for k, v in weights(make(bp.init.Normal, 3)).items())


@pytest.mark.parametrize("name", DRAWING)
def test_every_initialiser_of_brainpy_draws_from_the_key(name):
    first, same, other = (
        bp_rnn.LSTM(4, 4, num_out=4, key=k, **drawn(DRAWING[name])) for k in (1, 1, 2)
    )
    check_apart(weights(first))
    for k, v in weights(first).items():
        np.testing.assert_array_equal(v, same.params()[k])
        assert (v != np.asarray(other.params()[k])).any()
    seeded = [bp_rnn.RateRNN(4, 4, w=DRAWING[name](seed=5), key=k).w.value for k in (1, 2)]
    np.testing.assert_array_equal(*seeded)
    np.testing.assert_allclose(seeded[0], bm.as_jax(DRAWING[name](seed=5)((4, 4))), rtol=1e-7)


def test_the_same_initialiser_serves_twice_and_is_not_changed():
    init = bp.init.Normal(0.0, 0.1)
    first, second = (bp_rnn.RateRNN(4, 4, w=init, w_in=init, key=1) for _ in range(2))
    np.testing.assert_array_equal(first.w.value, second.w.value)
    assert (first.w.value != first.w_in.value).all()
    assert init.rng is bm.random.DEFAULT


def test_functions_of_the_key_are_given_one():
    cell = bp_rnn.LSTM(4, 4, w=jax.nn.initializers.normal(), key=1)
    check_apart({"w": np.asarray(cell.w.value)})
    same, other = (bp_rnn.LSTM(4, 4, w=jax.nn.initializers.normal(), key=k) for k in (1, 2))
    np.testing.assert_array_equal(cell.w.value, same.w.value)
    assert (cell.w.value != other.w.value).all()

    def own(shape, key):
        return jax.random.uniform(key, shape, minval=2.0)

    assert np.asarray(bp_rnn.RateRNN(4, 4, w=own).w.value).min() >= 2


@pytest.mark.parametrize("base", [None, bp.init.Orthogonal, bp.init.Normal])
def test_the_spectral_radius_takes_the_key(base):
    def make(key):
        init = bp_rnn.SpectralRadius(0.9, base and base())
        return np.asarray(bp_rnn.RateRNN(4, 6, w=init, key=key).w.value)

    np.testing.assert_array_equal(make(1), make(1))
    assert (make(1) != make(2)).any()


# parts


def parts(make, num=3):
    return [make() for _ in range(num)]


def given(key=None):
    return bp_rnn.GRU(4, 4, num_out=4, key=key)


COMPOSITES = {
    f"Deep-{name}": lambda make=make: bp_rnn.Deep(parts(make))
    for name, make in {
        "RateRNN": lambda: bp_rnn.RateRNN(4, 4, num_out=4, noise=0.1),
        "CTRNN": lambda: bp_rnn.CTRNN(4, 4, num_out=4),
        "EnergyRNN": lambda: bp_rnn.EnergyRNN(4, 4, num_out=4),
        "LSTM": lambda: bp_rnn.LSTM(4, 4, num_out=4),
        "GRU": given,
        "IndRNN": lambda: bp_rnn.IndRNN(4, 4, num_out=4),
        "LayeredRNN": lambda: bp_rnn.LayeredRNN(4, [4, 4]),
        "ESN": lambda: bp_rnn.ESN(4, 4, num_out=4, topology="sparse", density=0.5),
        "LSM": lambda: bp_rnn.LSM(4, 4, num_out=4, dt=0.1),
        "initialiser": lambda: bp_rnn.RateRNN(
            4, 4, w=bp.init.Normal(), init_state=bp.init.Normal()
        ),
        "SpectralRadius": lambda: bp_rnn.RateRNN(4, 4, w=bp_rnn.SpectralRadius(0.9)),
    }.items()
} | {
    "Deep-mixed": lambda: bp_rnn.Deep(
        [bp_rnn.RateRNN(4, 4), bp_rnn.CTRNN(4, 4), bp_rnn.VanillaRNN(4, 4, num_out=4)]
    ),
    "Deep-Deep": lambda: bp_rnn.Deep(parts(lambda: bp_rnn.Deep(parts(given, 2)), 2)),
    "Bidirectional": lambda: bp_rnn.Bidirectional(*parts(given, 2), num_out=4),
    "Bidirectional-out": lambda: bp_rnn.Bidirectional(
        *parts(lambda: bp_rnn.LSTM(3, 8, num_out=4), 2), num_out=4
    ),
    "Bidirectional-Deep": lambda: bp_rnn.Bidirectional(
        *parts(lambda: bp_rnn.Deep(parts(given, 2)), 2), num_out=4
    ),
    "DeepESN": lambda: bp_rnn.DeepESN(
        parts(lambda: bp_rnn.ESN(4, 4, bias_scaling=0.2, topology="diagonals", density=0.5))
    ),
    "BidirectionalESN": lambda: bp_rnn.BidirectionalESN(*parts(lambda: bp_rnn.ESN(4, 4), 2)),
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_parts_with_default_keys_start_differently_and_the_same_on_every_run(name):
    first, second = (COMPOSITES[name]() for _ in range(2))
    names = [k for k in first.train_params() if k.startswith("w")]
    assert len(names) > 2
    found = {k: np.asarray(first.params()[k]) for k in names}
    check_apart({k: v for k, v in found.items() if np.ptp(v) > 0})
    for k, v in first.params().items():
        np.testing.assert_array_equal(v, second.params()[k])
    np.testing.assert_array_equal(first.state.value, second.state.value)
    other = COMPOSITES[name]()
    other.rekey(7)
    for k in names:
        if np.ptp(found[k]) > 0:
            assert (np.asarray(other.params()[k]) != found[k]).any(), k


def test_sparse_reservoirs_get_other_connections():
    first, second = bp_rnn.DeepESN(
        parts(lambda: bp_rnn.ESN(6, 6, topology="sparse", density=0.4), 2)
    ).layers
    assert (first.matrix().toarray() != second.matrix().toarray()).any()
    for layer in (first, second):
        radius = np.abs(np.linalg.eigvals(layer.matrix().toarray())).max()
        assert radius == pytest.approx(0.9)


def test_what_was_asked_for_stays():
    w = np.random.default_rng(0).normal(size=(4, 4))
    seeded, scaled = (lambda: bp.init.Normal(seed=3)), (lambda: bp_rnn.SpectralRadius(1.0, seed=2))
    for make in (
        lambda: bp_rnn.RateRNN(4, 4, w=w, key=None),
        lambda: bp_rnn.RateRNN(4, 4, w=seeded()),
        lambda: bp_rnn.RateRNN(4, 4, w=scaled()),
        lambda: bp_rnn.RateRNN(4, 4, key=0),
    ):
        net = bp_rnn.Deep([make(), make()])
        np.testing.assert_array_equal(net.w_0.value, make().w.value)
        np.testing.assert_array_equal(net.w_1.value, make().w.value)
    first, second = given(5), given(6)
    before = [c.params() for c in (first, second)]
    net = bp_rnn.Bidirectional(first, second, key=9)
    for cell, params in zip((first, second), before, strict=True):
        assert all((cell.params()[k] == v).all() for k, v in params.items())
    assert net.key_of("w_out") is not None


def test_what_was_learnt_written_or_constrained_stays():
    second = given()
    second.w.value = second.w.value + 1e-9
    bp_rnn.constrain(second, w_out=bp_rnn.Fixed())
    before = second.params()
    net = bp_rnn.Deep([given(), second])
    for k, v in second.params().items():
        stays = k in ("w", "w_out") or not np.asarray(v).any()
        assert bool((v == before[k]).all()) == stays, k
    np.testing.assert_array_equal(net.z.value, second.z.value)


def test_the_key_of_the_whole_is_that_of_its_parts():
    def make(key):
        return bp_rnn.Bidirectional(given(), given(), num_out=4, key=key)

    first, same, other = make(1), make(1), make(2)
    for k, v in weights(first).items():
        assert (v == values(same)[k]).all()
        assert (v != values(other)[k]).any()
    with pytest.raises(TypeError, match="key must be an integer or a JAX key"):
        bp_rnn.Deep([given()], key="a")


@pytest.mark.parametrize("name", [k for k in cases.CELLS if cases.is_keyed(k) and k != "Pair"])
def test_rekey_is_building_with_that_key(name):
    cell = cases.CELLS[name]()
    if isinstance(cell, bp_rnn.Deep):
        return
    before = cell.params()
    cell.rekey(11)
    changed = [
        k for k, v in cell.params().items() if (np.asarray(v) != np.asarray(before[k])).any()
    ]
    assert {k for k in before if k.startswith("w")} == set(changed)
    cell.rekey(0)
    for k, v in cell.params().items():
        np.testing.assert_array_equal(v, before[k])


@pytest.mark.parametrize("name", ["Deep-ESN", "Bidirectional-Deep", "DeepESN", "BidirectionalESN"])
def test_copies_have_the_keys_of_the_parts(name):
    net = COMPOSITES[name]()
    net.rekey(5)
    again = pickle.loads(pickle.dumps(net))
    for k, v in net.params().items():
        np.testing.assert_array_equal(v, again.params()[k])
    xs = np.random.default_rng(0).normal(size=(4, net.num_in))
    run = jax.jit(lambda cell, p, s: cell.rollout(p, s, xs)[1], static_argnums=0)
    np.testing.assert_array_equal(
        *(run(cell, cell.params(), cell.initial_state(cell.params())) for cell in (net, again))
    )
