"""What each algorithm claims, against its paper's equations written out once more."""

import functools

import brainpy as bp
import brainpy.math as bm
import cases
import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest

import bp_rnn
from bp_rnn.functional import trajectory
from bp_rnn.functional.influence import Influence
from bp_rnn.functional.taps import Taps
from bp_rnn.gradients import _memory

few_cells = pytest.mark.parametrize("cell_name", ["RateRNN-start", "GRU", "BrainPyCell-own"])


def run(net, state, xs, ys, trace=None, params=None):
    """Gradient of a window, in float64 or whatever the data are."""
    params = net.cell.params() if params is None else params
    trace = net.start(params, state) if trace is None else trace
    return _compiled(net)(params, state, trace, xs, trajectory.mean_targets(ys))


@functools.cache
def _compiled(net):
    loss = trajectory.step_loss(net.output, oracle.half_square)
    return jax.jit(functools.partial(net.window, loss=loss))


def in_windows(net, state, xs, ys, widths):
    """Gradients of consecutive windows, the trace carried on; summed as if it were one."""
    trace, start, total = None, 0, None
    for width in widths:
        part = slice(start, start + width)
        found = run(net, state, oracle.at(xs, slice(None), part), ys[:, part], trace)
        state, trace, start = found.state, found.trace, start + width
        grads = jax.tree.map(lambda g, w=width: g * w / ys.shape[1], found.grads)
        total = grads if total is None else jax.tree.map(jnp.add, total, grads)
    assert start == ys.shape[1]
    return total, trace


@pytest.mark.parametrize("cell_name", ["RateRNN-rk4", "LSTM", "Deep-mixed", "BrainPyCell-own"])
def test_taps_give_the_immediate_derivative(cell_name):
    cell = cases.shared("RTRL", cell_name).cell
    xs, _, state = oracle.data(cell, 1, 1)
    params, state, x = cell.params(), state[0], oracle.at(xs, 0, 0)
    taps = Taps(cell.step, cell.param_names, params, state, x)

    @jax.jit
    def immediate():
        def step(eps):
            new, factors = taps.step(params, state, x, eps)
            return new, taps.join(factors)

        e, z = jax.jacrev(step, has_aux=True)(taps.zeros(state.dtype))
        return taps.assemble([jnp.einsum("sru,rf->suf", a, b) for a, b in zip(e, z, strict=True)])

    exact = jax.jit(jax.jacrev(cell.step))(params, state, x)
    found = immediate()
    for name in cell.param_names:
        np.testing.assert_allclose(found[name], exact[name], atol=1e-13)
    back = taps.assemble(taps.gather(found))
    assert all((back[k] == v).all() for k, v in found.items())


@pytest.mark.parametrize(
    ("cell_name", "groups"),
    [
        ("RateRNN", [{"w", "w_in", "b"}]),
        ("LSTM", [{"w", "w_in", "b"}]),
        ("GRU", [{"w"}, {"w_g"}, {"w_in", "b"}]),
        ("IndRNN", [{"w"}, {"w_in", "b"}]),
        ("BrainPyCell-RNN", [{"Wi", "Wh", "b"}]),
        ("BrainPyCell-LSTM", [{"Wi", "Wh", "b"}]),
        ("BrainPyCell-GRU", [{"Wi"}, {"Wh", "b"}, {"Wh", "b"}]),
    ],
)
def test_parameters_that_enter_together_share_a_tap(cell_name, groups):
    taps = cases.shared("BPTT", cell_name)._taps
    found = [{c.name for c in g.columns} for g in taps.groups]
    assert sorted(map(sorted, found)) == sorted(map(sorted, groups))
    assert not any(taps.is_large)


class Odd(bp_rnn.Cell):
    """A cell whose weights are used in ways that are no product with a vector."""

    def __init__(self):
        super().__init__(3, 5)
        self.rowwise = False
        self.add_parameter("w", None, (5, 5))
        self.add_parameter("w_in", None, (5, 3))
        self.add_parameter("twice", None, (5, 5))

    def step(self, params, state, x):
        w = jnp.tanh(params["w"])
        again = params["twice"] @ jnp.tanh(params["twice"] @ state)
        mixed = jnp.einsum("ij,j->i", params["w_in"], x) + (x @ params["w_in"].T) ** 2
        return jnp.tanh(w @ state + again + mixed)


@pytest.mark.parametrize("algorithm", [k for k in cases.ALGORITHMS if "trunc" not in k])
def test_a_cell_without_structure(algorithm):
    net = cases.ALGORITHMS[algorithm](Odd())
    xs, ys, state = oracle.data(net.cell, 2, 6)
    _, exact = oracle.gradient(net.cell, state, xs, ys)
    found = run(net, state, xs, ys)
    if net.kind == "exact":
        assert oracle.relative_error(found.grads, exact) < 1e-12
    assert all(jnp.isfinite(g).all() for g in found.grads.values())


class Encoded(bp_rnn.Cell):
    """A cell whose input passes two layers, and a gain that is no product."""

    def __init__(self):
        super().__init__(3, 5)
        self.rowwise = False
        shapes = {"w": (5, 5), "w_1": (4, 3), "w_2": (5, 4), "w_3": (5, 3), "gain": (3,)}
        for name, shape in shapes.items():
            self.add_parameter(name, bp.init.Normal(scale=0.7), shape)

    def step(self, params, state, x):
        hidden, scaled = jnp.tanh(params["w_1"] @ x), jnp.exp(params["gain"]) * x
        driven = params["w_2"] @ hidden + params["w_3"] @ scaled
        return jnp.tanh(params["w"] @ state + driven)


def test_what_the_input_alone_gives_is_taken_ahead_where_no_other_parameter_is_in_it():
    net = bp_rnn.BPTT(Encoded())
    driven = {c.name: g.is_driven for g in net._taps.groups for c in g.columns}
    assert driven == {"w": False, "w_1": True, "w_2": False, "w_3": False, "gain": False}
    assert [g.is_driven for g in bp_rnn.BPTT(bp_rnn.RateRNN(3, 5))._taps.groups] == [True]
    xs, ys, state = oracle.data(net.cell, 2, 6)
    _, exact = oracle.gradient(net.cell, state, xs, ys)
    assert oracle.relative_error(run(net, state, xs, ys).grads, exact) < 1e-12


@few_cells
def test_block_rtrl_over_several_blocks(cell_name):
    net = bp_rnn.BlockRTRL(cases.shared("RTRL", cell_name).cell, block=4)
    xs, ys, state = oracle.data(net.cell, 2, 14)
    _, exact = oracle.gradient(net.cell, state, xs, ys)
    found = run(net, state, xs, ys)
    assert oracle.relative_error(found.grads, exact) < 1e-12
    rtrl = cases.shared("RTRL", cell_name)
    p = jax.vmap(rtrl.named)(run(rtrl, state, xs, ys).trace)
    if net.cell.independent:  # RTRL keeps the diagonal
        return
    for name, value in jax.vmap(net.named)(found.trace).items():
        np.testing.assert_allclose(value, p[name], rtol=1e-10, atol=1e-14)


@few_cells
@pytest.mark.parametrize("widths", [[1] * 14, [2, 1, 2, 1, 5, 1, 2]])
def test_block_rtrl_in_short_windows(cell_name, widths):
    net = bp_rnn.BlockRTRL(cases.shared("RTRL", cell_name).cell, block=4)
    xs, ys, state = oracle.data(net.cell, 2, 14)
    _, exact = oracle.gradient(net.cell, state, xs, ys)
    total, trace = in_windows(net, state, xs, ys, widths)
    assert oracle.relative_error(total, exact) < 1e-12
    back = jax.vmap(net.unnamed)(jax.vmap(net.named)(trace))
    assert not back.length.any()
    first = oracle.at(xs, slice(None), slice(2))
    last = run(net, state, first, ys[:, :2], back)
    other = run(net, state, first, ys[:, :2], trace)
    assert oracle.relative_error(last.grads, other.grads) < 1e-10


@pytest.mark.parametrize("cell_name", ["RateRNN", "LSTM", "GRU"])
def test_block_rtrl_online_takes_the_path_of_rtrl(cell_name):
    found = []
    for make in (bp_rnn.RTRL, bp_rnn.BlockRTRL):
        net = make(cases.CELLS[cell_name]())
        trainer = bp_rnn.OnlineTrainer(
            net, optimizer=bp.optim.SGD(lr=0.03), progress_bar=False, update_every=1
        )
        rng = np.random.default_rng(0)
        x = rng.normal(size=(500, 3))
        trainer.fit((x, np.roll(x[:, :2], 1, axis=0)), num_epoch=1)
        found.append(net.cell.params())
    start = cases.CELLS[cell_name]().params()
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, rtol=1e-12, atol=1e-12)
        assert np.abs(value - start[name]).max() > 1e-3


def truncated_gradient(cell, state, xs, ys, k):
    """Each step's loss, gone back through by autodiff from the state k steps before."""

    @jax.jit
    def gradient(params, states, xs, ys):
        def loss(params):
            total = 0.0
            for t in range(len(ys)):
                first = max(0, t - k + 1)
                learnt = t < k - 1  # else the state before the first of k steps is held
                s = oracle.start(cell, params, states[0]) if learnt else states[first]
                for j in range(first, t + 1):
                    s = cell.step(params, s, oracle.at(xs, j))
                total += jnp.mean(oracle.half_square(cell.output(params, s), ys[t]))
            return total / len(ys)

        return jax.grad(loss)(params)

    _, states = jax.vmap(functools.partial(cell.rollout, cell.params()))(state, xs)
    states = jnp.concatenate([state[:, None], states], axis=1)
    parts = [gradient(cell.params(), states[b], oracle.at(xs, b), ys[b]) for b in range(len(ys))]
    return jax.tree.map(lambda *v: sum(v) / len(v), *parts)


@few_cells
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("widths", [[6], [1, 1, 2, 2]])
def test_truncated_bptt(cell_name, k, widths):
    cell = cases.shared("RTRL", cell_name).cell
    net = bp_rnn.BPTT(cell, truncation=k)
    xs, ys, state = oracle.data(cell, 2, 6)
    total, _ = in_windows(net, state, xs, ys, widths)
    for name, want in truncated_gradient(cell, state, xs, ys, k).items():
        np.testing.assert_allclose(total[name], want, rtol=1e-9, atol=1e-14)


def test_a_truncation_as_long_as_the_sequence_is_none():
    cell = cases.shared("RTRL", "LSTM-start").cell
    xs, ys, state = oracle.data(cell, 2, 6)
    _, exact = oracle.gradient(cell, state, xs, ys)
    total, _ = in_windows(bp_rnn.BPTT(cell, truncation=7), state, xs, ys, [1] * 6)
    assert oracle.relative_error(total, exact) < 1e-12


def masked_rtrl(cell, keep, state, xs, ys):
    """The paper's SnAp: RTRL whose influence is multiplied by a mask at every step."""

    @jax.jit
    def step(params, state, x, p, y):
        jac = jax.jacrev(cell.step, argnums=1)(params, state, x)
        now = jax.jacrev(cell.step)(params, state, x)
        new = cell.step(params, state, x)
        p = {k: (jnp.tensordot(jac, v, 1) + now[k]) * keep[k] for k, v in p.items()}

        def loss(params, s):
            return jnp.mean(oracle.half_square(cell.output(params, s), y))

        direct, dl_ds = jax.grad(loss, argnums=(0, 1))(params, new)
        return new, p, {k: direct[k] + jnp.tensordot(dl_ds, v, 1) for k, v in p.items()}

    params, total = cell.params(), None
    p = {k: jnp.zeros((cell.size, *params[k].shape)) for k in cell.param_names}
    for t in range(ys.shape[0]):
        state, p, grads = step(params, state, xs[t], p, ys[t])
        total = grads if total is None else jax.tree.map(jnp.add, total, grads)
    return jax.tree.map(lambda g: g / len(ys), total)


def sparse_network(cls=bp_rnn.VanillaRNN, num=12):
    cell = cls(3, num, num_out=2)
    rng = np.random.default_rng(0)
    shape = cell.w.shape
    there = rng.random((num, num)) < 0.12
    np.fill_diagonal(there, True)
    mask = there if len(shape) == 2 else np.repeat(there[:, None], shape[1], axis=1)
    bp_rnn.constrain(cell, w=bp_rnn.Mask(mask))
    return cell, there


@pytest.mark.parametrize("num_step", [1, 2, 3, 50])
def test_snap_is_masked_rtrl(num_step):
    cell, there = sparse_network()
    reach = np.eye(12, dtype=bool)
    for _ in range(num_step - 1):
        reach = reach | (there.astype(int) @ reach > 0)
    keep = {k: reach.reshape(12, 12, *[1] * (v.ndim - 1)) for k, v in cell.params().items()}
    xs, ys, state = oracle.data(cell, 1, 8)
    want = masked_rtrl(cell, keep, state[0], xs[0], ys[0])
    net = bp_rnn.SnAp(cell, num_step)
    found = run(net, state, xs, ys).grads
    for name, g in want.items():
        free = cell.boxes[name].free if name in cell.boxes else True
        np.testing.assert_allclose(found[name] * free, g * free, rtol=1e-9, atol=1e-13)
    kept = [w.num_state for w in net._pattern]
    assert kept == [reach.sum(0).max()]


@pytest.mark.parametrize("cell_name", ["LSTM", "GRU", "TwoTimescaleRNN", "BrainPyCell-own"])
def test_snap_with_many_steps_is_rtrl(cell_name):
    cell = cases.shared("RTRL", cell_name).cell
    net = bp_rnn.SnAp(cell, cell.size)
    xs, ys, state = oracle.data(cell, 2, 6)
    _, exact = oracle.gradient(cell, state, xs, ys)
    assert oracle.relative_error(run(net, state, xs, ys).grads, exact) < 1e-10


def test_snap_sees_that_a_unit_hears_others_outside_of_products():
    class Rolled(bp_rnn.VanillaRNN):
        def step(self, params, state, x):
            return super().step(params, jnp.roll(state, 1), x)

    cell = Rolled(3, 5, num_out=2)
    assert not bp_rnn.SnAp(cell)._is_local
    assert all(bp_rnn.SnAp(cls(3, 5))._is_local for cls in (bp_rnn.VanillaRNN, bp_rnn.LSTM))
    xs, ys, state = oracle.data(cell, 1, 6)
    keep = {k: jnp.eye(5).reshape(5, 5, *[1] * (v.ndim - 1)) for k, v in cell.params().items()}
    want = masked_rtrl(cell, keep, state[0], xs[0], ys[0])
    found = run(bp_rnn.SnAp(cell), state, xs, ys).grads
    for name in cell.param_names:
        np.testing.assert_allclose(found[name], want[name], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("feedback", ["random", "exact", "given"])
@pytest.mark.parametrize("cls", [bp_rnn.RFLO, bp_rnn.EProp])
def test_local_learning_is_the_papers(cls, feedback):
    """Murray 2019, eqs. 3-5, for the leaky network that RateRNN is."""
    cell = bp_rnn.RateRNN(3, 5, num_out=2, tau=[1.0, 2.0, 0.5, 3.0, 1.5], dt=0.2)
    rng = np.random.default_rng(1)
    given = rng.normal(size=(2, 5))
    net = cls(cell, feedback=given if feedback == "given" else feedback, key=3)
    w, w_in, b, w_out, b_out = (
        np.asarray(cell.params()[k]) for k in ("w", "w_in", "b", "w_out", "b_out")
    )
    back = {"given": given, "exact": w_out}.get(feedback, net.feedback)
    xs, ys, state = oracle.data(cell, 1, 7)
    alpha = 0.2 / np.asarray(cell.tau)
    r, p, p_in = np.asarray(state[0]), np.zeros((5, 5)), np.zeros((5, 3))
    dw, dw_in, dw_out = np.zeros((5, 5)), np.zeros((5, 3)), np.zeros((2, 5))
    for x, y in zip(np.asarray(xs[0]), np.asarray(ys[0]), strict=True):
        phi = np.tanh(w @ r + w_in @ x + b)
        gain = (alpha * (1 - phi**2))[:, None]
        p = (1 - alpha)[:, None] * p + gain * r
        p_in = (1 - alpha)[:, None] * p_in + gain * x
        r = (1 - alpha) * r + alpha * phi
        error = (w_out @ r + b_out - y) / 2
        signal = (back.T @ error)[:, None]
        dw, dw_in, dw_out = dw + signal * p, dw_in + signal * p_in, dw_out + np.outer(error, r)
    found = run(net, state, xs, ys).grads
    for name, want in {"w": dw, "w_in": dw_in, "w_out": dw_out}.items():
        np.testing.assert_allclose(found[name], want / 7, rtol=1e-10)
    trace = jax.tree.map(lambda v: v[0], run(net, state, xs, ys).trace)
    np.testing.assert_allclose(net.named(trace)["p_w_in"][0], p_in, rtol=1e-10)


def test_the_eligibility_of_an_lstm_decays_with_its_forget_gate():
    cell = bp_rnn.LSTM(3, 5, num_out=2)
    xs, ys, state = oracle.data(cell, 1, 4)
    params = cell.params()
    h, c = np.split(np.asarray(state[0]), 2)
    eligibility = np.zeros((5, 4, 3))
    for x in np.asarray(xs[0]):
        a = np.asarray(params["w"] @ h + params["w_in"] @ x + params["b"])
        f, i, v, o = (
            *(1 / (1 + np.exp(-a[:, :2].T))),
            np.tanh(a[:, 2]),
            1 / (1 + np.exp(-a[:, 3])),
        )
        slopes = np.stack([f * (1 - f) * c, i * (1 - i) * v, i * (1 - v**2), 0 * o], axis=1)
        eligibility = f[:, None, None] * eligibility + slopes[..., None] * x
        c = f * c + i * v
        h = o * np.tanh(c)
    trace = run(bp_rnn.EProp(cell), state, xs, ys).trace
    p = bp_rnn.EProp(cell).named(jax.tree.map(lambda v: v[0], trace))["p_w_in"]
    np.testing.assert_allclose(p[1], eligibility, rtol=1e-10)  # the states of a unit are h, c


@pytest.mark.parametrize("cls", [bp_rnn.UORO, bp_rnn.KFRTRL])
def test_random_numbers_belong_to_the_key(cls):
    def learn(key, fit_key):
        net = cls(bp_rnn.RateRNN(3, 5, num_out=2), key=key)
        trainer = bp_rnn.OfflineTrainer(net, progress_bar=False, key=fit_key)
        rng = np.random.default_rng(0)
        trainer.fit((rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6, 2))), num_epoch=5)
        return np.asarray(net.cell.w.value)

    np.testing.assert_array_equal(learn(0, 1), learn(0, 1))
    assert np.abs(learn(0, 1) - learn(0, 2)).max() > 1e-9
    net = cls(bp_rnn.RateRNN(3, 5), key=0)
    state = jnp.zeros((3, 5))
    keys = net.start(net.cell.params(), state)["key"]
    assert len(np.unique(keys, axis=0)) == 3


def test_an_epoch_draws_new_numbers():
    net = bp_rnn.UORO(bp_rnn.RateRNN(3, 5, num_out=2, w_out=1.0))
    trainer = bp_rnn.OfflineTrainer(net, optimizer=bp.optim.SGD(lr=1e-12), progress_bar=False)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    moved = []
    for _ in range(2):
        before = np.asarray(net.cell.w.value)
        trainer.fit(data, num_epoch=1)
        moved.append(np.asarray(net.cell.w.value) - before)
    assert np.abs(moved[0] - moved[1]).max() > 0.1 * np.abs(moved[0]).max()


@pytest.mark.parametrize("trainer_class", [bp_rnn.OfflineTrainer, bp_rnn.OnlineTrainer])
@pytest.mark.parametrize("algorithm", cases.ALGORITHMS)
def test_every_algorithm_learns_in_every_trainer(algorithm, trainer_class):
    net = cases.ALGORITHMS[algorithm](bp_rnn.RateRNN(2, 20, num_out=1, dt=0.5))
    trainer = trainer_class(
        net, optimizer=bp.optim.Adam(lr=5e-3), progress_bar=False, monitors=["r"]
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 12, 2))
    y = 0.5 * x[..., :1] + 0.5 * np.roll(x[..., 1:], 1, axis=1)
    losses = trainer.fit((x, y), num_epoch=60)
    assert losses[-10:].mean() < (0.8 if net.kind == "unbiased" else 0.5) * losses[0]
    trainer.predict(x)
    assert trainer.mon.r.shape == (8, 12, 20)
    saved = trainer.state_dict()
    again = trainer_class(
        cases.ALGORITHMS[algorithm](bp_rnn.RateRNN(2, 20, num_out=1, dt=0.5)),
        optimizer=bp.optim.Adam(lr=5e-3),
        progress_bar=False,
    )
    again.load_state_dict(saved)
    np.testing.assert_array_equal(again.fit((x, y), num_epoch=3), trainer.fit((x, y), num_epoch=3))


@pytest.mark.parametrize("method", ["bptt", "rtrl", "block_rtrl", "snap", "eprop", "uoro"])
def test_methods_by_name(method):
    trainer = bp_rnn.OfflineTrainer(bp_rnn.LSTM(2, 4), method=method, progress_bar=False)
    assert type(trainer.net).__name__.lower() == method.replace("_", "")


def test_the_memory_is_known_beforehand(monkeypatch):
    monkeypatch.setattr(_memory, "free_memory", lambda: 1_000_000)
    cell = bp_rnn.LSTM(8, 50)
    num = sum(v.size for v in cell.params().values())
    with pytest.raises(
        MemoryError, match=f"RTRL needs a trace of {8 * 100 * num:,} bytes"
    ) as error:
        bp_rnn.RTRL(cell)
    assert "SnAp" in str(error.value)
    assert "BlockRTRL" not in str(error.value)
    net = bp_rnn.SnAp(cell)
    trainer = bp_rnn.OfflineTrainer(net, progress_bar=False)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 5, 8)), rng.normal(size=(40, 5, 50))
    before = cell.w.value
    with pytest.raises(MemoryError, match=r"SnAp needs a trace of .* a batch of 40"):
        trainer.fit(data, num_epoch=1)
    assert cell.w.value is before
    trainer.fit(data, num_epoch=1, batch_size=1)


@pytest.mark.parametrize("cls", [bp_rnn.SnAp, bp_rnn.EProp, bp_rnn.RFLO, bp_rnn.KFRTRL])
@pytest.mark.parametrize("make", [bp_rnn.LSTM, bp_rnn.GRU])
def test_a_small_trace_is_not_cut_from_the_whole(cls, make, monkeypatch):
    def refuse(self, dtype):
        raise AssertionError("the whole of p was made")

    monkeypatch.setattr(Influence, "zeros", refuse)
    net = cls(make(3, 5, num_out=2))
    net.start(net.cell.params(), jnp.zeros((2, net.cell.size)))


@pytest.mark.parametrize("cell_name", ["RateRNN", "LSTM", "IndRNN", "GRU"])
def test_the_estimated_memory_is_what_is_taken(cell_name):
    cell = cases.CELLS[cell_name]()
    for name, want in _memory.estimates(cell).items():
        if cell_name == "GRU" and name in ("SnAp", "RFLO", "EProp"):
            continue  # an upper bound
        net = getattr(bp_rnn, name)(cell)
        params, state = cell.params(), jnp.zeros(cell.size)
        trace = net.init_trace(params, state)
        if name == "BlockRTRL":
            trace = trace.p
        if name == "UORO":
            trace = {k: v for k, v in trace.items() if k != "key"}
        assert sum(v.nbytes for v in jax.tree.leaves(trace)) == want, name


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda c: bp_rnn.BlockRTRL(c, block=0), ValueError, "block must be at least 1, got 0"),
        (lambda c: bp_rnn.BlockRTRL(c, block=2.5), TypeError, "block must be an integer"),
        (lambda c: bp_rnn.BPTT(c, truncation=0), ValueError, "truncation must be at least 1"),
        (lambda c: bp_rnn.SnAp(c, 0), ValueError, "num_step must be at least 1, got 0"),
        (lambda c: bp_rnn.SnAp(c, True), TypeError, "num_step must be an integer"),
        (lambda c: bp_rnn.RFLO(c, feedback="no"), ValueError, "unknown feedback 'no'"),
        (
            lambda c: bp_rnn.RFLO(c, feedback=np.ones((5, 2))),
            ValueError,
            r"shape of w_out, \(2, 5\)",
        ),
        (lambda c: bp_rnn.EProp(c, feedback=np.full((2, 5), np.nan)), ValueError, "must be finite"),
        (lambda c: bp_rnn.UORO(c, key=1.5), TypeError, "key must be an integer or a JAX key"),
        (lambda c: bp_rnn.KFRTRL(c, key="a"), TypeError, "key must be an integer or a JAX key"),
    ],
)
def test_bad_options(make, error, message):
    with pytest.raises(error, match=message):
        make(bp_rnn.RateRNN(3, 5, num_out=2))


def test_random_feedback_needs_a_readout():
    with pytest.raises(ValueError, match="feedback must be 'exact' for a cell without read-out"):
        bp_rnn.RFLO(bp_rnn.RateRNN(3, 5))


def test_no_truncation_of_what_sees_the_future():
    cell = cases.WHOLE_SEQUENCE_CELLS["Bidirectional"]()
    with pytest.raises(ValueError, match="truncation must be None"):
        bp_rnn.BPTT(cell, truncation=3)
    with pytest.raises(ValueError, match="follows a network forward in time"):
        bp_rnn.BlockRTRL(cell)


def test_gradients_follow_the_parameters_that_are_given():
    """Not those of the cell when the algorithm was built: zero weights hide no connection."""
    cell = bp_rnn.GRU(3, 5, w=0.0, w_g=0.0, w_in=0.0, num_out=2)
    rng = np.random.default_rng(0)
    nets = [bp_rnn.BlockRTRL(cell, block=2), bp_rnn.BPTT(cell), bp_rnn.SnAp(cell, 9)]
    for name, variable in cell.train_params().items():
        variable.value = jnp.asarray(rng.normal(size=variable.shape))
        assert name
    xs, ys, state = oracle.data(cell, 2, 5)
    _, exact = oracle.gradient(cell, state, xs, ys)
    for net in nets:
        assert oracle.relative_error(run(net, state, xs, ys).grads, exact) < 1e-12


def test_x64_is_on():
    assert bm.float_ == jnp.float64
