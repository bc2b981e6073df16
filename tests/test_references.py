"""LSTM and GRU against torch (a stored run) and BrainPy's own cells, on the same weights."""

import functools
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest

import bp_rnn
from bp_rnn.functional import trajectory

NUM_IN, NUM, BATCH, NUM_STEP = 3, 5, 2, 7
TORCH = dict(np.load(pathlib.Path(__file__).parent / "reference" / "torch.npz"))


class Peer(NamedTuple):
    """How the gates of another library are those of ``cell``; names of gates are ours."""

    cell: Callable
    ours: str
    theirs: str  # the order in which the peer stacks them
    turned: str = ""  # sigmoid(-x) = 1 - sigmoid(x): a gate that is one minus ours
    bias: tuple = (0,)  # what the peer adds to its bias, in our order


PEERS = {
    "torch.nn.LSTM": Peer(bp_rnn.LSTM, "fivo", "ifvo"),
    "torch.nn.GRU": Peer(functools.partial(bp_rnn.GRU, reset_after=True), "zrg", "rzg"),
    "bp.dyn.LSTMCell": Peer(bp_rnn.LSTM, "fivo", "ivfo", bias=(1, 0, 0, 0)),
    "bp.dyn.GRUCell": Peer(bp_rnn.GRU, "zrg", "zrg", turned="z"),
}

every_peer = pytest.mark.parametrize("name", PEERS)


class Run(NamedTuple):
    """A run of a peer: gates stacked on the first axis of ``weights`` and of their ``grads``."""

    weights: dict
    state: np.ndarray
    xs: np.ndarray
    ys: np.ndarray
    seen: dict  # outputs, last state, loss, and its derivatives by initial state and inputs
    grads: dict


def by_gate(peer, stacked):
    """(gates * num, ...) in the peer's order as (num, gates, ...) in ours."""
    blocks = np.split(np.asarray(stacked), len(peer.theirs))
    block = dict(zip(peer.theirs, blocks, strict=True))
    return np.stack([-block[k] if k in peer.turned else block[k] for k in peer.ours], axis=1)


def convert(peer, stacked):
    """Weights, or a gradient by them, as parameters of our cell; linear."""
    params = {k: by_gate(peer, v) for k, v in stacked.items()}
    if "g" in peer.ours:  # the matrix behind or before the reset gate has a name of its own
        params["w"], params["w_g"] = params["w"][:, :2], params["w"][:, 2]
    return params


def torch_run(kind, parts):
    own = {k.removeprefix(f"{kind}."): v for k, v in TORCH.items() if k.startswith(kind)}

    def join(prefix, source):
        return np.concatenate([source[prefix + k] for k in parts], axis=-1)

    def stacked(prefix, bias):
        names = {"w_in": "weight_ih_l0", "w": "weight_hh_l0"}
        return {**{k: own[prefix + v] for k, v in names.items()}, "b": bias}

    seen = {"outputs": own["outputs"], "loss": own["loss"], "last": join("last_", own)}
    seen |= {"state": join("grad.", own), "xs": own["grad.xs"]}
    return Run(
        stacked("", own["bias_ih_l0"] + own["bias_hh_l0"]),
        join("", TORCH),
        TORCH["xs"],
        TORCH["ys"],
        seen,
        stacked("grad.", own["grad.bias_ih_l0"]),
    )


def brainpy_run(make):
    """BrainPy's cell in BrainPy's loop, differentiated by bm.grad."""
    init = bp.init.Normal(0.0, 0.5, seed=0)  # a bias too, which is zero by default
    system = make(NUM_IN, NUM, init, init, init, mode=bm.TrainingMode(BATCH))
    rng = np.random.default_rng(1)
    xs, ys = (jnp.asarray(rng.normal(size=(BATCH, NUM_STEP, n))) for n in (NUM_IN, NUM))
    state = jnp.asarray(rng.normal(size=system.state.shape))

    def loss(state, xs):
        system.state.value = state
        hs = bm.as_jax(bm.for_loop(system.update, xs.swapaxes(0, 1))).swapaxes(0, 1)
        return oracle.half_square(hs, ys).mean(), (hs, system.state.value)

    names = {"w_in": system.Wi, "w": system.Wh, "b": system.b}
    weights = {k: np.asarray(v).T for k, v in names.items()}  # it multiplies rows from the left
    gradient = bm.grad(loss, names, argnums=(0, 1), has_aux=True, return_value=True)
    (grads, (d_state, d_xs)), value, (hs, last) = bm.jit(gradient)(state, xs)
    seen = {"outputs": hs, "loss": value, "last": last, "state": d_state, "xs": d_xs}
    return Run(weights, state, xs, ys, seen, {k: np.asarray(v).T for k, v in grads.items()})


@functools.cache
def run_of(name):
    return {
        "torch.nn.LSTM": functools.partial(torch_run, "lstm", "hc"),
        "torch.nn.GRU": functools.partial(torch_run, "gru", "h"),
        "bp.dyn.LSTMCell": functools.partial(brainpy_run, bp.dyn.LSTMCell),
        "bp.dyn.GRUCell": functools.partial(brainpy_run, bp.dyn.GRUCell),
    }[name]()


def our_cell(name):
    """Our cell with the peer's weights, and initial state, inputs and targets of its run."""
    peer, run = PEERS[name], run_of(name)
    params = convert(peer, run.weights)
    cell = peer.cell(NUM_IN, NUM, **{**params, "b": params["b"] + np.array(peer.bias)})
    return cell, *(jnp.asarray(v, bm.float_) for v in (run.state, run.xs, run.ys))


def by_autodiff(name):
    cell, state, xs, ys = our_cell(name)

    def loss(params, state, xs):
        last, states = jax.vmap(cell.rollout, (None, 0, 0))(params, state, xs)
        hs = jax.vmap(jax.vmap(cell.output, (None, 0)), (None, 0))(params, states)
        return oracle.half_square(hs, ys).mean(), {"outputs": hs, "last": last}

    gradient = jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))
    (value, seen), (grads, d_state, d_xs) = gradient(cell.params(), state, xs)
    return {**seen, "loss": value, "state": d_state, "xs": d_xs, **grads}


def by_rtrl(name):
    cell, state, xs, ys = our_cell(name)
    net, params = bp_rnn.RTRL(cell), cell.params()
    loss = trajectory.step_loss(cell.output, oracle.half_square)
    window = jax.jit(functools.partial(net.window, loss=loss))
    found = window(params, state, net.start(params, state), xs, trajectory.mean_targets(ys))
    return {"outputs": found.outputs, "last": found.state, "loss": found.loss, **found.grads}


@every_peer
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-6)])
def test_rollout_and_autodiff_agree_with_the_peer(name, dtype, tolerance):
    run = run_of(name)  # in float64 either way
    # a GPU would round the factors of a float32 product to ten bits
    with bm.environment(x64=dtype == "float64"), jax.default_matmul_precision("float32"):
        found = by_autodiff(name)
    assert {v.dtype for v in found.values()} == {jnp.dtype(dtype)}
    exact = {**run.seen, **convert(PEERS[name], run.grads)}
    assert oracle.relative_error(found, exact) < tolerance


@every_peer
def test_rtrl_agrees_with_the_peer(name):
    run, found = run_of(name), by_rtrl(name)
    exact = {**run.seen, **convert(PEERS[name], run.grads)}
    del exact["state"], exact["xs"]
    assert oracle.relative_error(found, exact) < 1e-10


@pytest.mark.parametrize(
    ("name", "kind", "shared"),
    [
        ("torch.nn.LSTM", "lstm", "fivo"),
        ("torch.nn.GRU", "gru", "zr"),
    ],
)
def test_our_bias_has_the_gradient_of_each_of_torchs_two(name, kind, shared):
    peer, found = PEERS[name], by_autodiff(name)["b"]
    kept = [peer.ours.index(k) for k in shared]  # not torch's b_hn, which bp_rnn does not have
    other = by_gate(peer, TORCH[f"{kind}.bias_hh_l0"])
    assert not np.delete(other, kept, axis=1).any()
    for bias in ("bias_ih_l0", "bias_hh_l0"):
        exact = by_gate(peer, TORCH[f"{kind}.grad.{bias}"])
        assert oracle.relative_error({"b": found[:, kept]}, {"b": exact[:, kept]}) < 1e-10
