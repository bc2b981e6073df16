"""Gates by their formulas in NumPy, wherever they can be monitored."""

import brainpy as bp
import brainpy.math as bm
import cases
import jax
import numpy as np
import pytest

import bp_rnn
import bp_rnn.cells
from bp_rnn.cells._gated import GatedCell

NUM_STEP, BATCH = 5, 2
XS = np.random.default_rng(0).normal(size=(BATCH, NUM_STEP, 3))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_by_hand(p, xs, reset_after=False):
    h, rows = np.zeros(p["w_g"].shape[0]), []
    for x in xs:
        u = p["w_in"] @ x + p["b"]
        z, r = (sigmoid(p["w"][:, k] @ h + u[:, k]) for k in range(2))
        inner = r * (p["w_g"] @ h) if reset_after else p["w_g"] @ (r * h)
        g = np.tanh(inner + u[:, 2])
        h = z * h + (1 - z) * g
        rows.append({"gate_z": z, "gate_r": r, "candidate": g, "h": h})
    return rows


def lstm_by_hand(p, xs):
    h, c, rows = *np.zeros((2, p["w"].shape[0])), []
    for x in xs:
        u = p["w"] @ h + p["w_in"] @ x + p["b"]
        f, i, v, o = sigmoid(u[:, 0]), sigmoid(u[:, 1]), np.tanh(u[:, 2]), sigmoid(u[:, 3])
        c = f * c + i * v
        h = o * np.tanh(c)
        rows.append({"gate_f": f, "gate_i": i, "candidate": v, "gate_o": o, "h": h, "c": c})
    return rows


MAKE = {
    "GRU": (lambda mode=None: bp_rnn.GRU(3, 4, num_out=2, mode=mode), gru_by_hand),
    "GRU-after": (
        lambda mode=None: bp_rnn.GRU(3, 4, reset_after=True, mode=mode),
        lambda p, xs: gru_by_hand(p, xs, True),
    ),
    "LSTM": (lambda mode=None: bp_rnn.LSTM(3, 4, num_out=2, mode=mode), lstm_by_hand),
}


def numbers(params):
    return {k: np.asarray(v) for k, v in params.items()}


def stacked(rows):
    return {k: np.array([row[k] for row in rows]) for k in rows[0]}


def expected(name, xs):
    cell, by_hand = MAKE[name][0](), MAKE[name][1]
    return stacked(by_hand(numbers(cell.params()), xs))


def check(mon, right, **names):
    for k, v in right.items():
        np.testing.assert_allclose(mon[names.get(k, k)], v, rtol=1e-9, atol=1e-12, err_msg=k)


def test_every_gated_cell_is_covered():
    gated = cases.leaves(bp_rnn.cells, GatedCell)
    assert {type(make()) for make, _ in MAKE.values()} == set(gated) == {bp_rnn.GRU, bp_rnn.LSTM}
    for cls in gated:
        assert len(cls(3, 4).gate_names) == (3 if cls is bp_rnn.GRU else 4)


@pytest.mark.parametrize("name", MAKE)
def test_step_by_step(name):
    cell, right = MAKE[name][0](), expected(name, XS[0])
    for gate in cell.gate_names:
        assert not np.asarray(getattr(cell, gate).value).any()
    for t, x in enumerate(XS[0]):
        cell.update(x)
        check({k: getattr(cell, k).value for k in right}, {k: v[t] for k, v in right.items()})
    assert "z" not in cell.gate_names  # the output has that name
    np.testing.assert_allclose(cell.z.value, cell.output(cell.params(), cell.state.value))
    cell.reset_state()
    for gate in cell.gate_names:
        assert not np.asarray(getattr(cell, gate).value).any()


@pytest.mark.parametrize(
    "wrap", [lambda c: c, bp_rnn.RTRL, bp_rnn.EProp], ids=["", "RTRL", "EProp"]
)
@pytest.mark.parametrize("name", MAKE)
def test_under_a_runner(name, wrap):
    right = expected(name, XS[0])
    runner = bp.DSRunner(wrap(MAKE[name][0]()), monitors=list(right), progress_bar=False)
    runner.run(inputs=XS[0])
    check(runner.mon, right)


@pytest.mark.parametrize("trainer", [bp_rnn.OfflineTrainer, bp_rnn.OnlineTrainer])
@pytest.mark.parametrize("name", MAKE)
def test_of_a_trainer(name, trainer):
    right = [expected(name, xs) for xs in XS]
    net = trainer(MAKE[name][0](), monitors=[*right[0], "z"], progress_bar=False)
    zs = net.predict(XS)
    check(net.mon, {k: np.stack([r[k] for r in right]) for k in right[0]})
    np.testing.assert_allclose(net.mon["z"], zs, rtol=1e-9)
    net.predict(XS[0])
    check(net.mon, right[0])


@pytest.mark.parametrize("name", MAKE)
def test_in_a_batching_mode(name):
    right = [expected(name, xs) for xs in XS]
    both = {k: np.stack([r[k] for r in right]) for k in right[0]}
    cell = MAKE[name][0](bm.BatchingMode(1))
    cell.reset_state(BATCH)  # another batch than the one it was built with
    runner = bp.DSRunner(cell, monitors=list(both), progress_bar=False)
    runner.run(inputs=XS, reset_state=True)
    check(runner.mon, both)
    for gate in cell.gate_names:
        assert getattr(cell, gate).shape == (BATCH, 4)
    cell.set_state(np.zeros((3, cell.size)))
    assert all(getattr(cell, gate).shape == (3, 4) for gate in cell.gate_names)
    net = bp_rnn.OfflineTrainer(
        MAKE[name][0](bm.BatchingMode(BATCH)), monitors=list(both), progress_bar=False
    )
    net.predict(XS)
    check(net.mon, both)


def test_of_layers():
    deep = bp_rnn.Deep([bp_rnn.LSTM(3, 4, num_out=2), bp_rnn.CTRNN(2, 3, dt=0.1), bp_rnn.GRU(3, 4)])
    below = stacked(lstm_by_hand(numbers(deep.layers[0].params()), XS[0]))
    p, x, middle = numbers(deep.layers[1].params()), np.zeros(3), []
    for h in below["h"]:
        z = numbers(deep.layers[0].params())["w_out"] @ h
        x = x + 0.1 * (-x + p["w"] @ np.tanh(x) + p["w_in"] @ z + p["b"])
        middle.append(np.tanh(x))
    above = stacked(gru_by_hand(numbers(deep.layers[2].params()), middle))
    names = [f"{k}_0" for k in below] + [f"{k}_2" for k in above]
    trainer = bp_rnn.OfflineTrainer(deep, monitors=names, progress_bar=False)
    trainer.predict(XS[0])
    runner = bp.DSRunner(deep, monitors=names, progress_bar=False)
    runner.run(inputs=XS[0])
    for mon in (trainer.mon, runner.mon):
        check(mon, below, **{k: f"{k}_0" for k in below})
        check(mon, above, **{k: f"{k}_2" for k in above})
    np.testing.assert_array_equal(deep.layers[2].gate_z.value, deep.gate_z_2.value)


@pytest.mark.parametrize("lengths", [None, [NUM_STEP, 3]])
def test_of_both_directions(lengths):
    net = bp_rnn.Bidirectional(bp_rnn.GRU(3, 4), bp_rnn.LSTM(3, 5), num_out=2)
    names = [f"{k}_forward" for k in ("gate_z", "gate_r", "candidate", "h")]
    names += [f"{k}_backward" for k in ("gate_f", "gate_i", "candidate", "gate_o", "h", "c")]
    trainer = bp_rnn.OfflineTrainer(net, monitors=names, progress_bar=False)
    trainer.predict(XS, lengths=lengths)
    for b, xs in enumerate(XS):
        end = NUM_STEP if lengths is None else lengths[b]
        forward = stacked(gru_by_hand(numbers(net.forward.params()), xs[:end]))
        backward = stacked(lstm_by_hand(numbers(net.backward.params()), xs[:end][::-1]))
        mon = {k: v[b, :end] for k, v in trainer.mon.items()}
        check(mon, forward, **{k: f"{k}_forward" for k in forward})
        right = {k: v[::-1] for k, v in backward.items()}
        check(mon, right, **{k: f"{k}_backward" for k in backward})
        if lengths is None:
            net.update(xs)
            np.testing.assert_allclose(net.gate_z_forward.value, forward["gate_z"][-1], rtol=1e-9)
            np.testing.assert_allclose(net.gate_o_backward.value, backward["gate_o"][0], rtol=1e-9)


@pytest.mark.parametrize("name", MAKE)
def test_a_step_does_no_more_than_before(name):
    """What is not asked for is not in the program: a step of gates alone has no output."""
    cell = MAKE[name][0]()
    jaxpr = jax.make_jaxpr(jax.jit(cell.step))(cell.params(), cell.state.value, XS[0, 0])
    assert len(jaxpr.out_avals) == 1
    state, gates = cell.observed_step(cell.params(), cell.state.value, XS[0, 0])
    np.testing.assert_array_equal(state, cell.step(cell.params(), cell.state.value, XS[0, 0]))
    assert tuple(gates) == cell.gate_names
    assert tuple(cell.gates(cell.params(), cell.state.value, XS[0, 0])) == cell.gate_names


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize("name", MAKE)
def test_single_precision(name):
    cell = MAKE[name][0]()
    cell.update(XS[0, 0])
    for gate in cell.gate_names:
        assert getattr(cell, gate).value.dtype == np.float32
