"""A wrapped system is what bp.DSRunner runs: every model of bp.rates and bp.dyn."""

import brainpy as bp
import brainpy.math as bm
import brainpy_models as models
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bp_rnn

NUM_STEP = 8
SEED = 7

ABSTRACT = r"[Mm]ust (be )?implement|Do not implement"
ARGUMENTS = r"missing \d required positional argument"
NOTHING = "returns nothing and has no Variable"
#: Those that can't be run on one input, and the reason that is given.
REFUSED = {
    name: reason
    for reason, names in {
        ABSTRACT: """
            DynamicalSystem GradNeuDyn HHTypedNeuron IonChaDyn IonChannel LeakyChannel NeuDyn
            Projection SynConn SynDyn""",
        ARGUMENTS: """
            CalciumChannel IAHP_De1994 IAHP_De1994v2 ICaHT_HM1992 ICaHT_Re1993 ICaL_IS2008
            ICaN_IS2008 ICaT_HM1992 ICaT_HP1992 IKA1_HM1992v2 IKA2_HM1992v2 IKDR_Ba2002v2
            IKK2A_HM1992v2 IKK2B_HM1992v2 IKNI_Ya1989v2 IK_HH1952v2 IK_Leak IK_TM1991v2
            INa_Ba2002v2 INa_HH1952v2 INa_TM1991v2 Ih_De1996 PotassiumChannel SodiumChannel""",
        NOTHING: """
            Calcium CalciumFixed IKL IL Ion MixIons Potassium PotassiumFixed Sodium SodiumFixed""",
        "first pack conductance": "COBA CUBA MgBlock SynOut",
    }.items()
    for name in names.split()
}
EQUAL = [name for name in models.MODELS if name not in REFUSED]


@pytest.fixture(autouse=True)
def _double():
    with bm.environment(x64=True, dt=0.1):
        yield


def _make(name):
    if name == "STDP_Song2000":
        pytest.importorskip("numba")  # BrainPy's products need it there
    bm.random.seed(SEED)
    try:
        return models.make(name)
    except Exception as error:
        raise AssertionError(
            f"{name} is new in BrainPy: say in MAKE of tests/brainpy_models.py how to make it, or "
            f"in REFUSED of tests/test_brainpy_models.py why it can't be run on one input ({error})"
        ) from error


def _wrap(name):
    return bp_rnn.from_brainpy(_make(name), models.NUM_IN.get(name))


def _inputs(cell):
    """Random inputs ``(time, features)``, and the arguments of a run on them."""
    xs = np.random.default_rng(0).uniform(0, 2, (NUM_STEP, cell.num_in))
    if not cell.num_in:
        return xs, {"duration": NUM_STEP * bm.get_dt()}
    shape = models.NUM_IN.get(type(cell.system).__name__, (cell.num_in,))
    shape = shape if isinstance(shape, tuple) else (shape,)
    inputs = xs.reshape(NUM_STEP, *shape)
    return xs, {"inputs": inputs[None] if cell.is_batched else inputs}


def _vectors(tree):
    """Leaves of a run of one sample, ``(time, features)`` each."""
    leaves = jax.tree.leaves(tree, is_leaf=lambda v: isinstance(v, bm.Array))
    return [np.asarray(bm.as_jax(v), float).reshape(NUM_STEP, -1) for v in leaves]


def _reference(name, cell, reset, t0=0.0):
    """What DSRunner makes of the system: outputs, and every Variable that the cell carries."""
    system = _make(name)
    variables = {k.strip("."): v for k, v in system.vars(method="relative").unique().items()}
    # with batches DSRunner puts the second axis first
    front = {k: v for k, v in variables.items() if v.batch_axis in (None, 0)}
    monitors = {k: v for k, v in front.items() if k in cell.carried}
    runner = bp.DSRunner(system, monitors=monitors, progress_bar=False, t0=t0)
    bm.random.seed(SEED)
    zs = runner.run(reset_state=reset, **_inputs(cell)[1])
    return _vectors(zs), {k: runner.mon[k] for k in monitors}


def _assert_equal(name, cell, states, reset, t0=0.0):
    outputs, seen = _reference(name, cell, reset, t0)
    if outputs:
        zs = jax.vmap(lambda s: cell.output({}, s))(states)
        np.testing.assert_allclose(zs, np.concatenate(outputs, 1), rtol=1e-12, atol=1e-12)
    for key, value in seen.items():
        got = np.asarray(jax.vmap(lambda s, key=key: cell.value_of(s, key))(states), float)
        want = np.asarray(value, float).reshape(got.shape)
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", EQUAL)
def test_a_model_runs_as_in_brainpy(name):
    cell = _wrap(name)
    xs = jnp.asarray(_inputs(cell)[0])
    run = jax.jit(lambda params, state: cell.rollout(params, state, xs)[1])
    # the random numbers of a first run are those of BrainPy's generator at its start
    for reset in (True,) if cell.is_noisy else (False, True):
        bm.random.seed(SEED)
        if reset:
            cell.reset_state()
        _assert_equal(name, cell, run(cell.params(), _of_one(cell, cell.state.value)), reset)


#: Of each kind of structure one.
FEW = (
    "FHN",
    "FeedbackFHN",
    "LifRef",
    "HHLTC",
    "GRUCell",
    "NVAR",
    "FullProjAlignPostMg",
    "SpikeTimeGroup",
)
NOISY = ("OUProcess", "PoissonGroup", "PoissonInput")


@pytest.mark.parametrize("name", FEW + NOISY)
def test_a_runner_of_the_cell_is_one_of_the_system(name):
    cell, t0 = _wrap(name), 0.3
    xs, options = _inputs(cell)
    if "inputs" in options:
        options["inputs"] = xs[None] if cell.is_batched else xs
    runner = bp.DSRunner(cell, monitors=["state"], progress_bar=False, t0=t0)
    bm.random.seed(SEED)
    runner.run(**options)
    states = runner.mon.state.reshape(NUM_STEP, -1)
    assert cell.is_noisy == (name in NOISY)
    _assert_equal(name, cell, jnp.asarray(states), False, t0)


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_is_refused_in_one_sentence(name):
    system = _make(name)
    with pytest.raises(ValueError, match=REFUSED[name]) as caught:
        bp_rnn.from_brainpy(system, models.NUM_IN.get(name, models.NUM))
    said = str(caught.value)
    assert said.startswith(f"system {name} ")
    assert "\n" not in said
    assert len(said) < 250


def test_models_are_many():
    assert len(EQUAL) >= 62, len(EQUAL)
    assert set(REFUSED) <= set(models.MODELS)


def _of_one(cell, state):
    return state[0] if cell.is_batched else state


@pytest.mark.parametrize(("name", "num"), [("CANN1D", 12), ("CANN2D", 4)])
def test_networks_of_canns(name, num):
    """A package built on BrainPy: ``update`` returns nothing, and there is no ``reset_state``."""
    module = pytest.importorskip("canns.models.basic")
    system, again = (getattr(module, name)(num) for _ in range(2))
    cell = bp_rnn.from_brainpy(again, system.u.shape)
    xs = np.random.default_rng(0).uniform(0, 5, (NUM_STEP, *system.u.shape))
    runner = bp.DSRunner(system, monitors=["u", "r", "inp"], progress_bar=False)
    for reset in (False, True):
        runner.run(inputs=xs, reset_state=reset)
        if reset:
            cell.reset_state()
        run = bp.DSRunner(cell, monitors=["u", "r", "inp"], progress_bar=False)
        run.run(inputs=xs.reshape(NUM_STEP, -1))
        for key in ("u", "r", "inp"):
            np.testing.assert_allclose(run.mon[key], runner.mon[key], rtol=1e-12, atol=1e-12)
    assert cell.frozen().size == system.u.size
