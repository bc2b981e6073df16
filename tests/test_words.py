"""Mistakes that used to end deep inside JAX are told in one sentence, or are none."""

import brainpy as bp
import brainpy.math as bm
import cases
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special

import bp_rnn
import bp_rnn.cells
from bp_rnn import hopfield, plasticity

TAKES_PHI = {
    "RateRNN": lambda phi: bp_rnn.RateRNN(2, 3, phi=phi),
    "CTRNN": lambda phi: bp_rnn.CTRNN(2, 3, phi=phi),
    "TwoTimescaleRNN": lambda phi: bp_rnn.TwoTimescaleRNN(2, 3, phi=phi),
    "VanillaRNN": lambda phi: bp_rnn.VanillaRNN(2, 3, phi=phi),
    "IndRNN": lambda phi: bp_rnn.IndRNN(2, 3, phi=phi),
    "EnergyRNN": lambda phi: bp_rnn.EnergyRNN(2, 3, phi=phi),
    "LayeredRNN": lambda phi: bp_rnn.LayeredRNN(2, [3, 2], phi=phi),
    "ESN": lambda phi: bp_rnn.ESN(2, 3, phi=phi),
    "PlasticLayer": lambda phi: plasticity.PlasticLayer(2, 3, plasticity.Hebb(), lr=0.1, phi=phi),
}


@pytest.mark.parametrize("name", TAKES_PHI)
def test_a_nonlinearity_of_numpy(name):
    make = TAKES_PHI[name]
    for theirs, right in ((np.tanh, jnp.tanh), (scipy.special.expit, jax.nn.sigmoid)):
        v = jnp.linspace(-1, 1, 5)
        made = make(theirs)
        found = made.network.phi if name == "PlasticLayer" else made.phi
        np.testing.assert_allclose(found(v), right(v), rtol=1e-12)
    for phi, why in (
        (lambda v: np.maximum(v, 0), "TracerArrayConversionError"),
        (lambda v: v if v > 0 else 0 * v, "ValueError: The truth value"),
        (lambda v, w: v, "missing 1 required positional"),
    ):
        with pytest.raises(TypeError, match=f"phi must be a function of JAX arrays.*{why}"):
            make(phi)
    with pytest.raises(TypeError, match="phi must return real numbers, got bool"):
        make(lambda v: v > 0)


def test_every_place_that_takes_phi_is_tried():
    found = set()
    for module in (bp_rnn.cells, bp_rnn.reservoir, plasticity, hopfield):
        for name in module.__all__:
            parameters = getattr(getattr(module, name), "__init__", None)
            code = getattr(parameters, "__code__", None)
            if (
                code is not None
                and "phi" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            ):
                found.add(name)
    assert found <= TAKES_PHI.keys()


class Own(bp_rnn.Cell):
    """A cell with one thing wrong."""

    def __init__(self, wrong=None):
        super().__init__(2, 3, num_out=2 if wrong == "hidden" else None)
        self.wrong = wrong
        self.add_parameter("w", None, (3, 3))
        if wrong != "forgets":
            self.add_parameter("w_in", None, (3, 2))

    def step(self, params, state, x):
        new = jnp.tanh(params["w"] @ state + params["w_in"] @ x)
        return {
            "shape": lambda: new[:2],
            "dtype": lambda: new.astype(jnp.float16),
            "none": lambda: None,
            "brainpy": lambda: bm.asarray(new),
            "numpy": lambda: np.tanh(new),
        }.get(self.wrong, lambda: new)()

    def hidden(self, params, state):
        return state[:2] if self.wrong == "hidden" else state

    def output(self, params, state):
        return state[:2] if self.wrong == "output" else super().output(params, state)

    def initial_state(self, params):
        return jnp.zeros(2) if self.wrong == "start" else super().initial_state(params)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            "forgets",
            ValueError,
            r"step of Own reads params\['w_in'\], but the parameters are \['w'",
        ),
        ("shape", ValueError, r"step of Own must return shape \(3,\) for .*, got \(2,\)"),
        ("dtype", TypeError, r"step of Own must return float64 for .*, got float16; .astype"),
        ("none", TypeError, r"step of Own must return a JAX array .* got NoneType"),
        ("brainpy", TypeError, r"step of Own must return a JAX array \(bm.as_jax makes one\)"),
        ("numpy", ValueError, "step of Own fails for state .* TracerArrayConversionError"),
        ("hidden", ValueError, r"hidden of Own must return shape \(3,\) for .*, got \(2,\)"),
        ("output", ValueError, r"output of Own must return shape \(3,\) for .*, got \(2,\)"),
        ("start", ValueError, r"initial_state of Own must return shape \(3,\), got \(2,\)"),
    ],
)
@pytest.mark.parametrize("make", [bp_rnn.RTRL, bp_rnn.OfflineTrainer], ids=["RTRL", "trainer"])
def test_a_cell_with_something_wrong(make, wrong, error, message):
    with pytest.raises(error, match=message):
        make(Own(wrong))
    make(Own())


def test_a_cell_made_in_the_wrong_order():
    class Early(Own):
        def __init__(self):
            self.add_parameter("w", None, (3, 3))
            super().__init__()

    class Never(Own):
        def __init__(self):
            pass

    class Promised(Own):
        param_names = ("q",)

    with pytest.raises(TypeError, match=r"add_parameter\('w'\) of Early must come after super"):
        Early()
    with pytest.raises(TypeError, match=r"Never must call super\(\).__init__\(num_in, num"):
        bp_rnn.RTRL(Never())
    with pytest.raises(
        ValueError, match=r"Promised has no parameters \['q'\], which its param_names"
    ):
        bp_rnn.BPTT(Promised())


@pytest.mark.parametrize("name", ["RateRNN-noise", "GRU", "LSTM", "IndRNN", "VanillaRNN"])
@pytest.mark.parametrize("seeds", [jnp.arange(2), jax.random.split(jax.random.key(0), 2)])
def test_seeds_are_not_mapped_over(name, seeds):
    kind = getattr(bp_rnn, name.partition("-")[0])
    with pytest.raises(TypeError, match=r"key of \w+ must be known, .* take one key after the oth"):
        jax.vmap(lambda seed: kind(2, 3, key=seed).params())(seeds)


def test_keys_of_other_objects():
    with pytest.raises(TypeError, match="key of OfflineTrainer must be known"):
        jax.vmap(lambda s: bp_rnn.OfflineTrainer(bp_rnn.GRU(2, 3), key=s).key)(jnp.arange(2))
    with pytest.raises(TypeError, match="key of a task that is computed by NumPy must be known"):
        jax.vmap(lambda s: bp_rnn.tasks.vowels(s).x)(jnp.arange(2))
    one, two = (bp_rnn.GRU(2, 3, key=key).w.value for key in (3, jnp.int32(3)))
    np.testing.assert_array_equal(one, two)


X, Y = np.random.default_rng(0).normal(size=(2, 2, 5, 2))


@pytest.mark.parametrize(
    "given",
    [
        lambda net: (net, np.zeros((2, 2)), X, Y, "l2_loss"),
        lambda net: (bp_rnn.BPTT(net), None, X, Y, "mean_squared_error"),
        lambda net: (net, np.zeros(2), X[0], Y[0], lambda z, y: (z - y) ** 2),
        lambda net: (net, None, list(X), list(Y), "huber_loss", [np.arange(5.0)] * 2),
    ],
    ids=["cell", "algorithm", "one sequence", "list"],
)
def test_check_gradient_takes_what_a_trainer_takes(given):
    found = bp_rnn.check_gradient(*given(bp_rnn.VanillaRNN(2, 2)))
    assert max(found.relative_error.values()) < 1e-10


def test_check_gradient_names_the_method():
    net = bp_rnn.VanillaRNN(2, 2)
    args = None, X, Y, "l2_loss"
    assert max(bp_rnn.check_gradient(net, *args, method="rtrl").relative_error.values()) < 1e-10
    assert max(bp_rnn.check_gradient(net, *args, method="snap").relative_error.values()) > 1e-3
    both = bp_rnn.Bidirectional(bp_rnn.VanillaRNN(2, 2), bp_rnn.GRU(2, 2, key=1), num_out=2)
    found = bp_rnn.check_gradient(both, *args, lengths=[5, 3])
    assert max(found.relative_error.values()) < 1e-10
    norms = bp_rnn.gradient_norms(net, *args)
    np.testing.assert_allclose(bp_rnn.gradient_norms(net, np.zeros(2), *args[1:]), norms)
    assert bp_rnn.gradient_norms(net, None, X[0], Y[0], "l2_loss").shape == (1, 6)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((3, None, X, Y, "l2_loss"), TypeError, "system must be a bp.DynamicalSystem, got int"),
        ((bp_rnn.GRU, None, X, Y, "l2_loss"), TypeError, "must be a network, got the class GRU"),
        ((None, None, X, Y, "l3"), ValueError, "unknown loss 'l3'"),
        ((None, None, X, Y[:, :4], "l2_loss"), ValueError, r"y must have shape \(2, 5, 2\)"),
        ((None, np.zeros(3), X, Y, "l2_loss"), ValueError, "init_state must have shape"),
        ((None, None, X, Y, "l2_loss", np.ones(4)), ValueError, "mask must have shape"),
    ],
)
def test_check_gradient_refuses(args, error, message):
    target = bp_rnn.VanillaRNN(2, 2) if args[0] is None else args[0]
    with pytest.raises(error, match=message):
        bp_rnn.check_gradient(target, *args[1:])
    with pytest.raises(ValueError, match="unknown method 'rtlr'"):
        bp_rnn.check_gradient(bp_rnn.VanillaRNN(2, 2), *args[1:5], method="rtlr")


@pytest.mark.parametrize(
    ("optimizer", "made"), [(bp.optim.Adam, "Adam"), (optax.adam, "adam"), (bp.optim.SGD, "SGD")]
)
def test_an_optimizer_that_is_not_made_yet(optimizer, made):
    with pytest.raises(TypeError, match=rf"got what makes one: {made}; write {made}\(lr\)"):
        bp_rnn.OfflineTrainer(cases.CELLS["GRU"](), optimizer=optimizer)
