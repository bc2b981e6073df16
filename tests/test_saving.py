"""What every public object holds goes into a second one, and into copies, to the bit."""

import copy
import gc
import inspect
import os
import pathlib
import pickle
import subprocess
import sys

import brainpy as bp
import brainpy.math as bm
import cases
import cloudpickle
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import bp_rnn
from bp_rnn import hopfield, plasticity, readouts, reservoir
from bp_rnn._pack import is_data
from bp_rnn._remake import generators
from bp_rnn._state import System

ROOT = pathlib.Path(__file__).parents[1]
NUM_IN, NUM, NUM_OUT = cases.NUM_IN, cases.NUM, cases.NUM_OUT
RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, NUM_IN))
H, Y = RNG.normal(size=(12, NUM_IN)), np.eye(NUM_OUT)[RNG.integers(NUM_OUT, size=12)]


def cell(mode=None):
    return bp_rnn.RateRNN(NUM_IN, NUM, num_out=NUM_OUT, mode=mode)


CELLS = {
    **cases.CELLS,
    **cases.WHOLE_SEQUENCE_CELLS,
    **cases.EQUILIBRIUM_CELLS,
    **cases.RESERVOIRS,
    "ESN-feedback": lambda mode=None: bp_rnn.ESN(
        NUM_IN,
        NUM,
        num_out=NUM_OUT,
        feedback_scaling=0.7,
        input_features=True,
        w_out=np.linspace(-0.5, 0.8, NUM_OUT * (NUM + NUM_IN)).reshape(NUM_OUT, -1),
        mode=mode,
    ),
    "LSM": lambda mode=None: bp_rnn.LSM(NUM_IN, 8, num_out=NUM_OUT, mode=mode),
}
ALGORITHMS = {
    k: lambda mode=None, k=k: cases.ALGORITHMS[k](cell(mode)) for k in cases.ALGORITHMS
} | {
    k: lambda mode=None, k=k: getattr(bp_rnn, k)(cases.EQUILIBRIUM_CELLS["EnergyRNN"](mode))
    for k in ("Implicit", "RecurrentBackprop", "EquilibriumPropagation")
}
MEMORIES = {
    k: lambda mode=None, k=k: getattr(bp_rnn, k)(12, mode=mode)
    for k in ("DiscreteHopfield", "DenseHopfield", "SoftmaxHopfield", "ContinuousHopfield")
} | {
    "DiscreteHopfield-storkey": lambda mode=None: bp_rnn.DiscreteHopfield(
        12, rule="storkey", mask=1 - np.eye(12), mode=mode
    )
}
READOUTS = {
    k: lambda mode=None, k=k: getattr(bp_rnn, k)(NUM_IN, NUM_OUT, mode=mode)
    for k in ("Ridge", "RLS", "LMS", "Softmax")
} | {"Ridge-chosen": lambda mode=None: bp_rnn.Ridge(NUM_IN, NUM_OUT, ridge=[1e-6, 1.0], mode=mode)}
PLASTIC = {
    "PlasticLayer": lambda mode=None: bp_rnn.PlasticLayer(
        NUM_IN, NUM, plasticity.BCM(5.0), lr=0.1, mode=mode
    ),
    "PlasticRNN": lambda mode=None: bp_rnn.PlasticRNN(cell(mode), plasticity.Oja(), lr=0.1),
    "STDP": lambda mode=None: bp_rnn.STDP(NUM_IN, NUM, mode=mode),
}
OTHERS = {
    "RNN": lambda mode=None: bp_rnn.RNN(NUM_IN, w=0.3, mode=mode),
    "FORCE": lambda mode=None: bp_rnn.FORCE(CELLS["ESN-feedback"]()),
}
SYSTEMS = {**CELLS, **ALGORITHMS, **MEMORIES, **READOUTS, **PLASTIC, **OTHERS}
TAUGHT = bp_rnn.EquilibriumPropagation, bp_rnn.RecurrentBackprop, bp_rnn.FORCE
BATCHED = [k for k in SYSTEMS if k != "FORCE"]


def use(system):
    """Run it so that all that can change has changed; return what it says."""
    if isinstance(system, hopfield.AssociativeMemory):
        system.store(hopfield.random_patterns(len(system.patterns), 3, 12))
        system.set_state(np.ones(12))
        return system.update()
    if isinstance(system, bp_rnn.Readout):
        system.add(H, Y)
        system.solve()
        return system.update(np.ones(NUM_IN))
    if isinstance(system, bp_rnn.STDP):
        return system.update(np.ones(NUM_IN), np.ones(NUM))
    if not getattr(system, "causal", True):  # it takes whole sequences
        system.w_out.value = system.w_out.value + 1
        return system.w_out.value
    if isinstance(system, TAUGHT):
        return system.update(np.ones(NUM_IN), np.ones(NUM_OUT))
    cell = getattr(system, "cell", system)
    lead = cell.state.shape[:-1] if isinstance(cell, bp_rnn.Cell) else ()
    return system.update(np.ones((*lead, cell.num_in)))


def used(name):
    system = SYSTEMS[name]()
    use(system)
    return system


def stirred(name, mode=None):
    """A system whose every array has got other numbers, in a batch of 3 where there is one."""
    system, rng = SYSTEMS[name](mode), np.random.default_rng(1)
    if isinstance(system, bp_rnn.Ridge | bp_rnn.Softmax):
        system.fit(H, Y)
    for variable in system.vars(method="relative").unique().values():
        shape = list(variable.shape)
        if variable.batch_axis is not None:
            shape[variable.batch_axis] = 3
        variable.restore_value(jnp.asarray(5 * rng.random(shape), variable.dtype))
    for generator in generators(system).values():
        generator.split_key()
    return system


def data_of(made):
    """Every attribute of every object in it that is data."""
    nodes = made.nodes(method="relative").unique() if isinstance(made, System) else {"": made}
    return {
        (path, k): v
        for path, node in nodes.items()
        for k, v in vars(node).items()
        if k not in ("_name", "_recipe") and is_data(v)
    }


def plain(value):
    is_key = lambda v: isinstance(v, jax.Array) and jnp.issubdtype(v.dtype, jax.dtypes.prng_key)  # noqa: E731
    return jax.tree.map(lambda v: jax.random.key_data(v) if is_key(v) else v, value)


def assert_same(a, b):
    assert jax.tree.structure(plain(a)) == jax.tree.structure(plain(b))
    for v, w in zip(jax.tree.leaves(plain(a)), jax.tree.leaves(plain(b)), strict=True):
        np.testing.assert_array_equal(v, w)
        assert np.asarray(v).dtype == np.asarray(w).dtype


def by_cloudpickle(made):
    return cloudpickle.loads(cloudpickle.dumps(made))


def by_pickle(made):
    return pickle.loads(pickle.dumps(made))


WAYS = {"pickle": by_pickle, "cloudpickle": by_cloudpickle, "deepcopy": copy.deepcopy}


def test_every_public_system_is_here():
    modules = bp_rnn, hopfield, plasticity, readouts, reservoir
    public = {
        c
        for module in modules
        for c in vars(module).values()
        if inspect.isclass(c) and issubclass(c, bp.DynamicalSystem) and not inspect.isabstract(c)
    }
    assert all(issubclass(c, System) for c in public)
    here = {type(make()) for make in SYSTEMS.values()}
    assert {c.__name__ for c in public - here} == set()


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_copy_has_the_same_bits_and_goes_on_with_them(name):
    system = used(name)
    held = dict(system.state_dict())
    copies = [way(system) for way in WAYS.values()]
    for other in copies:
        assert type(other) is type(system)
        assert other.name != system.name
        assert_same(dict(other.state_dict()), held)
        assert_same(data_of(other), data_of(system))
    after = use(system)
    assert_same(use(copies[0]), after)
    assert_same(dict(copies[0].state_dict()), dict(system.state_dict()))
    assert_same(dict(copies[1].state_dict()), held)  # nothing is shared


@pytest.mark.parametrize("name", BATCHED)
def test_the_state_goes_into_a_second_instance_of_another_batch(name, tmp_path):
    system = stirred(name, bm.TrainingMode(1))
    path = str(tmp_path / "state.bp")
    bp.checkpoints.save_pytree(path, system.state_dict(), verbose=False)
    saved = bp.checkpoints.load_pytree(path)
    other = SYSTEMS[name](bm.TrainingMode(1))
    assert system.name not in saved
    assert not any(system.name in key for key in saved)
    other.load_state_dict(saved)
    assert_same(dict(other.state_dict()), dict(system.state_dict()))


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_state_that_does_not_fit_changes_nothing(name):
    system, saved = SYSTEMS[name](), dict(stirred(name).state_dict())
    before = dict(system.state_dict())
    first = next(iter(saved))
    for wrong, message in [
        ({k: v for k, v in saved.items() if k != first}, f"{first} is missing"),
        ({**saved, "foreign": np.zeros(3)}, "foreign is unknown"),
        ({**saved, first: np.zeros((7, 7, 7, 7))}, rf"{first} must be \w+\(.*got float64\(7, 7"),
        ({**saved, first: np.asarray(saved[first], np.int8)}, f"{first} must be .*got int8"),
        ({}, r"\w+ is missing; "),
    ]:
        with pytest.raises(ValueError, match=message) as error:
            system.load_state_dict(wrong)
        assert f"state of {type(system).__name__} does not fit" in str(error.value)
        assert_same(dict(system.state_dict()), before)
    with pytest.raises(TypeError, match=f"{first} must be an array of numbers, got str"):
        system.load_state_dict({**saved, first: "text"})
    with pytest.raises(TypeError, match="saved must be a dict of arrays, got list"):
        system.load_state_dict([1])
    assert_same(dict(system.state_dict()), before)
    system.load_state_dict(saved)
    assert_same(dict(system.state_dict()), saved)


class Counting(bp_rnn.CTRNN):
    """A user's cell, with a signature of its own and attributes that change."""

    def __init__(self, sizes, gain=1.0):
        super().__init__(sizes[0], sizes[1], phi="relu")
        self.gain, self.count, self.seen = gain, 0, np.zeros(3)

    def update(self, x):
        self.count += 1
        self.seen[self.count % 3] += 1
        return self.gain * super().update(x)


def double(v):
    return 2 * v


def test_a_users_cell_with_attributes_that_change():
    net = Counting([NUM_IN, NUM], gain=3.0)
    net.label = "mine"
    net.trace = bm.Variable(jnp.arange(2.0))
    net.update(X[0])
    for way in WAYS.values():
        other = way(net)
        assert (other.gain, other.count, other.label) == (3.0, 1, "mine")
        assert_same(other.trace.value, net.trace.value)
        other.update(X[0])
        assert (other.count, other.seen.tolist(), net.seen.tolist()) == (2, [0, 1, 1], [0, 1, 0])


@pytest.mark.parametrize("phi", ["tanh", jnp.tanh, bm.tanh, jax.nn.relu, double])
def test_functions_that_can_be_imported_are_pickled(phi):
    net = bp_rnn.RateRNN(NUM_IN, NUM, phi=phi, w=bp.init.Orthogonal(seed=3))
    assert_same(by_pickle(net).update(X[0]), net.update(X[0]))


def test_a_function_without_a_name_is_refused_by_pickle_alone():
    net = bp_rnn.VanillaRNN(NUM_IN, NUM, phi=lambda v: v / (1 + abs(v)))
    with pytest.raises(pickle.PicklingError, match="phi of VanillaRNN can't be pickled: <function"):
        pickle.dumps(net)
    with pytest.raises(pickle.PicklingError, match="phi of VanillaRNN can't be pickled"):
        pickle.dumps([bp_rnn.RTRL(net)])
    expected = net.update(X[0])
    net.reset_state()
    for way in (by_cloudpickle, copy.deepcopy, copy.copy):
        assert_same(way(net).update(X[0]), expected)
    with pytest.raises(pickle.PicklingError, match="w of CTRNN can't be pickled"):
        pickle.dumps(bp_rnn.CTRNN(NUM_IN, NUM, w=lambda shape: np.zeros(shape)))


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_a_copy_keeps_the_precision_it_was_built_in(way, built):
    with bm.environment(x64=built, dt=0.25):
        net = bp_rnn.Deep([bp_rnn.CTRNN(NUM_IN, NUM, tau=[1, 2, 3, 1, 2]), bp_rnn.GRU(NUM, 2)])
        rule = bp_rnn.Ridge(NUM_IN, NUM_OUT).fit(H, Y)
        net.update(X[0])
    with bm.environment(x64=not built):
        other, again = WAYS[way](net), WAYS[way](rule)
        second = by_pickle(net)
        second.load_state_dict(net.state_dict())
    assert other.layers[0].dt == 0.25
    for a, b in ((net, other), (rule, again), (net, second)):
        assert_same(dict(a.state_dict()), dict(b.state_dict()))
        assert_same(data_of(a), data_of(b))
    assert other.w_0.dtype == (np.float64 if built else np.float32)


def test_building_again_leaves_the_global_stream_of_numbers():
    net = bp_rnn.RateRNN(NUM_IN, NUM, w=lambda shape: bm.random.normal(size=shape))
    bm.random.seed(5)
    copy.deepcopy(net)
    after = bm.random.random(3)
    bm.random.seed(5)
    assert_same(bm.as_jax(after), bm.as_jax(bm.random.random(3)))


def test_names_do_not_clash_and_a_free_one_is_kept():
    net = bp_rnn.ESN(1, 8, num_out=1, name="echo")
    wrapped = bp_rnn.from_brainpy(bp.dyn.GRUCell(2, 3, mode=bm.TrainingMode(1)))
    written = pickle.dumps(net)
    assert pickle.loads(written).name != "echo"
    assert by_pickle(wrapped).system.name != wrapped.system.name
    del net
    gc.collect()
    assert pickle.loads(written).name == "echo"


def test_what_is_shared_stays_shared():
    net = cell()
    both = [bp_rnn.RTRL(net), bp_rnn.BPTT(net), net]
    for way in WAYS.values():
        rtrl, bptt, other = way(both)
        assert rtrl.cell is other is bptt.cell
        assert rtrl.w is other.w is bptt.w is not net.w
        assert rtrl.r is other.state


def test_a_monitor_of_a_variable_follows_the_copy():
    net = cell()
    first = bp_rnn.OfflineTrainer(net, monitors={"rate": net.r}, progress_bar=False)
    for way in (by_pickle, copy.deepcopy):
        other = way(first)
        other.predict(X)
        assert other.mon.rate.shape == (6, NUM)
        assert np.ptp(other.mon.rate, axis=0).all()


def test_arguments_may_change_afterwards():
    start = np.full((NUM, NUM), 0.1)
    layers = [bp_rnn.CTRNN(NUM_IN, NUM, w=start)]
    deep = bp_rnn.Deep(layers)
    start[:] = np.nan
    layers.append(None)
    assert_same(dict(by_pickle(deep).state_dict()), dict(deep.state_dict()))


def test_constraints_are_copied():
    net = bp_rnn.constrain(cell(), w=[bp_rnn.NoSelf(), bp_rnn.Bounded(-0.1, 0.1)])
    for way in WAYS.values():
        other = way(net)
        assert_same(dict(other.boxes), dict(net.boxes))
    free = cell()
    wrong = dict(free.state_dict())
    with pytest.raises(ValueError, match=r"w must obey its constraints, got .* at index"):
        net.load_state_dict(wrong)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("kind", ["DiscreteHopfield", "ContinuousHopfield", "SoftmaxHopfield"])
def test_patterns_go_into_a_fresh_memory(kind, nested):
    patterns = hopfield.random_patterns(0, 3, 12)
    name = f"memory_{kind}_{nested}"
    net = getattr(bp_rnn, kind)(12, name=name)
    net.store(patterns)
    saved = net.state_dict()
    assert set(saved[name]) == set(saved)
    other = getattr(bp_rnn, kind)(12)
    if nested:  # as BrainPy's own systems say it
        saved = {other.name: {f"{other.name}.{k}": v for k, v in saved.items()}}
    other.load_state_dict(saved)
    probe = hopfield.corrupt(1, patterns, 0.3)
    assert_same(other.retrieve(probe), net.retrieve(probe))
    other.forget(0)
    assert other.patterns.shape == (2, 12)
    torn = {**net.state_dict(), "overlap": np.zeros(2)}
    with pytest.raises(ValueError, match=r"overlap must be float64\(3,\), got float64\(2,\)"):
        other.load_state_dict(torn)
    with pytest.raises(KeyError, match=other.name):
        net.state_dict()[other.name]


@pytest.mark.parametrize("name", ["RateRNN-noise", "DiscreteHopfield"])
def test_a_state_has_the_random_generator(name):
    system, other = used(name), SYSTEMS[name]()
    if name == "DiscreteHopfield":  # the order of updates is random
        system.set_state(np.resize([1.0, -1.0, 1.0], 12))
    other.load_state_dict(system.state_dict())
    for _ in range(3):
        x = () if name == "DiscreteHopfield" else (X[0],)
        assert_same(other.update(*x), system.update(*x))
    assert "rng" in system.state_dict()


def test_a_batch_is_whole_or_refused():
    net = cell(bm.TrainingMode(2))
    saved = {**net.state_dict(), "state": np.zeros((3, NUM))}
    with pytest.raises(ValueError, match=r"batch must be one, got \[2, 3\]"):
        net.load_state_dict(saved)


@pytest.mark.parametrize(
    "make",
    [
        lambda key: bp_rnn.ESN(1, 20, num_out=1, topology="sparse", density=0.2, key=key),
        lambda key: bp_rnn.ESN(1, 20, num_out=1, topology="diagonals", density=0.2, key=key),
        lambda key: bp_rnn.DeepESN([bp_rnn.ESN(1, 20, topology="sparse", density=0.2, key=key)]),
        lambda key: bp_rnn.RFLO(cell(), key=key),
    ],
)
def test_a_state_that_belongs_to_other_random_connections_is_refused(make):
    saved, other = make(0).state_dict(), make(1)
    before = dict(other.state_dict())
    with pytest.raises(ValueError, match="is drawn otherwise here: make this network with the key"):
        other.load_state_dict(saved)
    assert_same(dict(other.state_dict()), before)
    make(0).load_state_dict(saved)


def test_reservoirs_predict_and_generate_alike():
    series = np.sin(np.arange(60) / 5)[:, None]
    for options in ({}, {"topology": "diagonals", "density": 0.3, "input_features": True}):
        net = bp_rnn.ESN(1, 20, num_out=1, **options)
        net.fit(series[:-1], series[1:], washout=5)
        second = bp_rnn.ESN(1, 20, num_out=1, **options)
        second.load_state_dict(net.state_dict())
        for other in (by_pickle(net), second):
            assert_same(other.predict(series), net.predict(series))
            assert_same(other.generate(9), net.generate(9))


def test_reservoirs_learn_on_alike():
    series = np.sin(np.arange(60) / 5)[:, None]
    net, fresh = bp_rnn.ESN(1, 10, num_out=1), bp_rnn.ESN(1, 10, num_out=1)
    net.fit(series[:-1], series[1:])
    loaded = by_pickle(net)
    loaded.load_state_dict(net.state_dict())
    copies = [way(net) for way in WAYS.values()]
    for other in (net, loaded, fresh, *copies):
        other.partial_fit(series[::-1][:-1], series[::-1][1:], reset_state=True)
    for other in copies:
        assert_same(dict(other.state_dict()), dict(net.state_dict()))
    assert_same(loaded.w_out.value, fresh.w_out.value)  # what learnt before is not loaded
    assert not np.allclose(loaded.w_out.value, net.w_out.value)


def trainer(kind, optimizer):
    options = {"optimizer": optimizer, "progress_bar": False, "key": 3}
    if kind == "equilibrium":
        return bp_rnn.EquilibriumTrainer(cases.EQUILIBRIUM_CELLS["EnergyRNN"](), **options)
    net = bp_rnn.RateRNN(NUM_IN, NUM, noise=0.1)
    options |= {"init_state": "target", "monitors": ["r"], "penalties": [bp_rnn.RateL2(0.1)]}
    return bp_rnn.OfflineTrainer(net, **options)


@pytest.mark.parametrize("kind", ["offline", "equilibrium"])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: bp.optim.Adam(bp.optim.ExponentialDecayLR(0.1, decay_steps=2, decay_rate=0.5)),
        lambda: optax.adam(0.01),
        lambda: None,
    ],
)
def test_a_copied_trainer_learns_on_with_the_same_bits(kind, optimizer):
    first = trainer(kind, optimizer())
    data = (RNG.normal(size=(4, 5, NUM_IN)), RNG.normal(size=(4, 5, NUM)))
    if kind == "equilibrium":
        data = data[0][:, 0], data[1][:, 0, :NUM_OUT]
    first.fit(data, num_epoch=3, batch_size=2)
    first.predict(data[0])
    saved = first.state_dict()
    is_optax = isinstance(optimizer(), optax.GradientTransformation)
    ways = [copy.deepcopy, by_cloudpickle] if is_optax else list(WAYS.values())
    if is_optax:
        with pytest.raises(pickle.PicklingError, match=r"optimizer of \w+Trainer can't be"):
            pickle.dumps(first)
    copies = [way(first) for way in ways]
    second = trainer(kind, optimizer())
    second.load_state_dict(saved)
    assert_same(second.state_dict(), saved)
    assert_same(second.predict(data[0]), first.predict(data[0]))
    losses = first.fit(data, num_epoch=2, batch_size=2)
    for other in copies:
        assert_same(other.state_dict(), saved)
        assert other.net.cell is other.cell
        assert other.cell.name != first.cell.name
        if kind == "offline":
            assert_same(other.mon.r, first.mon.r)
    for other in (copies[0], second):
        assert_same(other.fit(data, num_epoch=2, batch_size=2), losses)
        assert_same(other.state_dict(), first.state_dict())
        assert_same(other.predict(data[0]), first.predict(data[0]))


def test_another_process_goes_on_with_the_same_bits(tmp_path):
    series = np.sin(np.arange(40) / 5)[:, None]
    net = bp_rnn.ESN(1, 10, num_out=1, name="echo_of_another_process")
    net.fit(series[:-1], series[1:], washout=5)
    memory = bp_rnn.DiscreteHopfield(12)
    memory.store(hopfield.random_patterns(0, 2, 12))
    learner = bp_rnn.OnlineTrainer(bp_rnn.GRU(1, 4, num_out=1), progress_bar=False)
    learner.fit((series, series), num_epoch=1)
    code = """
import pickle
import brainpy.math as bm
import numpy as np
bm.enable_x64()
net, memory, learner = pickle.load(open("made", "rb"))
series = np.load("series.npy")
assert net.name == "echo_of_another_process"
losses = learner.fit((series, series), num_epoch=2)
found = [net.generate(5), memory.retrieve(np.ones(12)).state, losses]
pickle.dump([np.asarray(v) for v in found], open("found", "wb"))
"""
    (tmp_path / "made").write_bytes(pickle.dumps([net, memory, learner]))
    np.save(tmp_path / "series.npy", series)
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        check=True,
    )
    found = pickle.loads((tmp_path / "found").read_bytes())
    expected = [net.generate(5), memory.retrieve(np.ones(12)).state]
    assert_same(found, [*expected, learner.fit((series, series), num_epoch=2)])
