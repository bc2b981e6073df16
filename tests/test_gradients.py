import functools
import json
import pathlib

import brainpy as bp
import brainpy.math as bm
import cases
import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest

import bp_rnn
from bp_rnn.functional import sensitivity, trajectory

every_cell = pytest.mark.parametrize("cell_name", cases.CELLS)
every_algorithm = pytest.mark.parametrize("algorithm", cases.ALGORITHMS)
few_cells = pytest.mark.parametrize("cell_name", cases.FEW_CELLS)
#: Cosine to the exact gradient, recorded by reference/make_cosines.py.
COSINES = json.loads((pathlib.Path(__file__).parent / "reference" / "cosines.json").read_text())


def window(net, state, xs, ys, trace=None, params=None):
    params = net.cell.params() if params is None else params
    trace = net.start(params, state) if trace is None else trace
    return compiled(net)(params, state, trace, xs, trajectory.mean_targets(ys))


@functools.cache
def stepper(net):
    return jax.jit(net.step_trace)


@functools.cache
def compiled(net):
    loss = trajectory.step_loss(net.output, oracle.half_square)
    return jax.jit(functools.partial(net.window, loss=loss))


def floats(tree):
    return [v for v in jax.tree.leaves(tree) if jnp.issubdtype(v.dtype, jnp.floating)]


def test_every_public_cell_has_a_case():
    names = [*cases.CELLS, *cases.WHOLE_SEQUENCE_CELLS, *cases.EQUILIBRIUM_CELLS]
    for cls in cases.leaves(bp_rnn.cells, bp_rnn.Cell):
        assert any(name.startswith(cls.__name__) for name in names), cls


def test_every_public_algorithm_has_a_case():
    names = {type(cases.shared(name, "RateRNN")) for name in cases.ALGORITHMS}
    assert names == set(cases.leaves(bp_rnn.gradients, bp_rnn.GradientAlgorithm))


EXACT = [k for k in cases.ALGORITHMS if cases.shared(k, "RateRNN").kind == "exact"]
#: What an approximation leaves out depends on the structure of a cell alone.
STRUCTURES = [
    "RateRNN-direct",
    "RateRNN-rk4",
    "RateRNN-start",
    "LinearRNN",
    "TwoTimescaleRNN",
    "IndRNN",
    "LSTM",
    "GRU",
    "GRU-after",
    "Deep",
    "BrainPyCell-own",
]


@pytest.mark.parametrize(
    ("algorithm", "cell_name"),
    [(a, c) for a in cases.ALGORITHMS for c in (cases.CELLS if a in EXACT else STRUCTURES)],
)
def test_the_gradient_is_what_its_kind_says(cell_name, algorithm):
    net = cases.shared(algorithm, cell_name)
    xs, ys, state = oracle.data(net.cell, 2, 6)
    before = {k: v.value for k, v in net.vars().unique().items()}
    found = window(net, state, xs, ys)
    assert all(before[k] is v.value for k, v in net.vars().unique().items())
    loss, exact = oracle.gradient(net.cell, state, xs, ys)
    np.testing.assert_allclose(found.loss, loss, rtol=1e-12)
    assert oracle.relative_error(readout(net, found.grads), readout(net, exact)) < 1e-10
    if net.kind == "exact":
        assert oracle.relative_error(found.grads, exact) < 1e-10
    elif cases.is_keyed(cell_name):
        assert cosine(net, found.grads, exact) == pytest.approx(
            COSINES[algorithm][cell_name], abs=1e-6
        )
    else:  # BrainPy draws other weights each time
        assert net.kind == "unbiased" or cosine(net, found.grads, exact) > 0.5


def cosine(net, found, exact):
    a, b = (np.concatenate([np.ravel(g[k]) for k in net.cell.param_names]) for g in (found, exact))
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def readout(net, grads):
    return {k: grads[k] for k in net.cell.readout_names} or {"": jnp.ones(1)}


@pytest.mark.parametrize("cell_name", [*cases.FEW_CELLS, "RateRNN-rk4", "GRU", "IndRNN"])
@pytest.mark.parametrize("algorithm", ["UORO", "KFRTRL"])
def test_the_mean_over_keys_is_the_exact_gradient(cell_name, algorithm):
    net = cases.shared(algorithm, cell_name)
    cell, num_key = net.cell, 4096
    xs, ys, state = oracle.data(cell, 1, 4)
    loss = trajectory.step_loss(net.output, oracle.half_square)

    @jax.jit
    def one(key):
        trace = net.start(cell.params(), state, key)
        found = net.window(cell.params(), state, trace, xs, trajectory.mean_targets(ys), loss)
        return {k: found.grads[k] for k in cell.param_names}

    found = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(1), num_key))
    _, exact = oracle.gradient(cell, state, xs, ys)
    for name, g in found.items():
        error = np.abs(g.mean(0) - exact[name])
        assert np.all(error < 5 * np.asarray(g).std(0) / num_key**0.5 + 1e-12), name
    spread = max(float(jnp.abs(g.std(0)).max()) for g in found.values())
    assert (spread > 1e-6) == (algorithm == "UORO" or any(net._is_factored))


@every_cell
def test_rtrl_carries_its_trace_across_windows(cell_name):
    net = cases.shared("RTRL", cell_name)
    xs, ys, state = oracle.data(net.cell, 1, 6)
    first = window(net, state, oracle.at(xs, slice(None), slice(3)), ys[:, :3])
    rest = oracle.at(xs, slice(None), slice(3, None))
    second = window(net, first.state, rest, ys[:, 3:], first.trace)
    joined = {k: (first.grads[k] + second.grads[k]) / 2 for k in first.grads}
    _, exact = oracle.gradient(net.cell, state, xs, ys)
    assert oracle.relative_error(joined, exact) < 1e-10
    truncated = window(net, first.state, rest, ys[:, 3:])
    assert oracle.relative_error(truncated.grads, second.grads) > 1e-3


@every_cell
def test_equals_brainpys_own_gradient(cell_name):
    cell = cases.quiet(cell_name)
    xs, ys, state = oracle.data(cell, 1, 6)
    shell_state = state if cell.is_batched else state[0]
    by_time = (xs.swapaxes(0, 1), ys.swapaxes(0, 1)) if cell.is_batched else (xs[0], ys[0])
    exact = oracle.brainpy_gradient(cell, shell_state, *by_time)
    net = cases.shared("RTRL", cell_name)
    found = window(net, state, xs, ys, params=cell.params())
    assert oracle.relative_error(found.grads, exact) < 1e-10


@pytest.mark.parametrize("cell_name", [n for n in cases.CELLS if n.startswith("BrainPyCell")])
def test_a_wrapped_system_does_what_it_does_alone(cell_name):
    cell = cases.CELLS[cell_name]()
    xs, _, _ = oracle.data(cell, 1, 4)
    cell.system.reset(1)
    alone = [np.asarray(bm.as_jax(cell.system(x))) for x in xs[0][:, None]]
    cell.reset_state(1)
    wrapped = [np.asarray(cell.update(x)) for x in xs[0][:, None]]
    np.testing.assert_allclose(wrapped, alone, rtol=1e-12, atol=1e-14)
    assert np.ptp(alone) > 0


@few_cells
@every_algorithm
def test_runner_sees_what_the_pure_functions_compute(cell_name, algorithm):
    net = cases.ALGORITHMS[algorithm](cases.quiet(cell_name))
    xs, _, _ = oracle.data(net.cell, 1, 5)
    net.reset(1) if net.cell.is_batched else net.reset()
    state = net.cell.initial_state(net.cell.params())
    trace = net.init_trace(net.cell.params(), state)
    if net.cell.is_batched:
        start = net.start(net.cell.params(), state[None])
        trace = jax.tree.map(lambda v: v[0], start)
    step = stepper(cases.shared(algorithm, cell_name))
    for x in xs[0]:
        state, trace = step(net.cell.params(), state, x, trace)
    monitors = ["state", "z", *net.trace_names]
    runner = bp.DSRunner(net, monitors=monitors, progress_bar=False)
    runner.run(inputs=xs if net.cell.is_batched else xs[0])
    last = {k: (v[0] if net.cell.is_batched else v)[-1] for k, v in runner.mon.items() if k != "ts"}
    np.testing.assert_allclose(last["state"], state, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(last["z"], net.cell.output(net.cell.params(), state), rtol=1e-12)
    for name, value in net.named(trace).items():
        np.testing.assert_allclose(last[name], value, rtol=1e-10, atol=1e-13)
    assert all(getattr(net, k).shape[-1] for k in net.trace_names)
    if net.cell.is_batched:
        return
    for name, value in net.cell.views(net.cell.params(), state).items():
        np.testing.assert_allclose(getattr(net, name).value, value, rtol=1e-12, atol=1e-14)


@every_cell
def test_first_sensitivity_is_the_immediate_derivative(cell_name):
    net = cases.shared("RTRL", cell_name)
    cell, params = net.cell, net.cell.params()
    xs, _, state = oracle.data(cell, 1, 1)
    x = oracle.at(xs, 0, 0)
    _, trace = stepper(net)(params, state[0], x, net.init_trace(params, state[0]))

    def step(params):
        return cell.step(params, oracle.start(cell, params, state[0]), x)

    exact = jax.jit(jax.jacrev(step))(params)
    for name in cell.param_names:
        want = exact[name]
        if cell.independent:
            want = jnp.einsum("ii...->i...", want)[None]
        np.testing.assert_allclose(net.named(trace)[f"p_{name}"], want, atol=1e-13)


@every_cell
def test_pushing_and_contracting_together_is_doing_both(cell_name):
    net = cases.shared("RTRL", cell_name)
    xs, _, state = oracle.data(net.cell, 1, 3)
    params, state = net.cell.params(), state[0]
    both = jax.jit(net.step_and_contract)
    trace, dl_ds = net.init_trace(params, state), jnp.sin(jnp.arange(1.0, net.cell.size + 1))
    for t in range(3):
        x = oracle.at(xs, 0, t)
        together, grads = both(params, state, x, trace, dl_ds)
        state, trace = stepper(net)(params, state, x, trace)
        np.testing.assert_allclose(together, trace, rtol=1e-10, atol=1e-14)
        for name, g in net.contract(trace, dl_ds).items():
            np.testing.assert_allclose(grads[name], g, rtol=1e-10, atol=1e-13)


@every_cell
def test_rowwise_is_true(cell_name):
    cell = cases.CELLS[cell_name]()
    if not cell.rowwise:
        return
    xs, _, state = oracle.data(cell, 1, 1)
    now = jax.jit(jax.jacrev(cell.step))(cell.params(), state[0], oracle.at(xs, 0, 0))
    other = np.arange(cell.size)[:, None] % cell.num != np.arange(cell.num)[None]
    for name in cell.param_names:
        wrong = now[name] if name == "s0" else np.asarray(now[name])[other]  # no step reads s0
        assert not wrong.any(), name


@every_algorithm
@few_cells
def test_batch_mode_is_the_batch_of_single_runs(cell_name, algorithm):
    net = cases.ALGORITHMS[algorithm](cases.quiet(cell_name, bm.TrainingMode(4)))
    single = cases.shared(algorithm, cell_name)
    xs, ys, _ = oracle.data(net.cell, 4, 6)
    net.reset(4)
    runner = bp.DSRunner(net, monitors=["state", *net.trace_names], progress_bar=False)
    runner.run(inputs=xs)
    params, start = net.cell.params(), net.cell.initial_state(net.cell.params())[None]
    traces = single.start(params, jnp.broadcast_to(start, (4, net.cell.size)))
    for b in range(4):
        trace = jax.tree.map(lambda v, b=b: v[b : b + 1], traces)
        alone = window(single, start, xs[b : b + 1], ys[b : b + 1], trace, params)
        np.testing.assert_allclose(
            runner.mon["state"][b, -1], alone.state[0], rtol=1e-10, atol=1e-14
        )
        if algorithm == "BPTT-truncated":  # a runner's steps are not remembered
            continue
        for name, value in net.named(jax.tree.map(lambda v: v[0], alone.trace)).items():
            np.testing.assert_allclose(runner.mon[name][b, -1], value, rtol=1e-9, atol=1e-12)
    net.reset_state(7)
    assert net.cell.state.shape[0] == 7
    np.testing.assert_array_equal(net.cell.state.value, jnp.broadcast_to(start, (7, net.cell.size)))
    if net.is_random:
        return
    begin = net.named(net.init_trace(net.cell.params(), start[0]))
    for name in net.trace_names:
        value = getattr(net, name).value
        np.testing.assert_array_equal(value, jnp.broadcast_to(begin[name], value.shape))


@few_cells
def test_float32_stays_float32(cell_name):
    with bm.environment(x64=False):
        cell = cases.CELLS[cell_name]()
        xs, ys, state = oracle.data(cell, 2, 6)
        for make in cases.ALGORITHMS.values():
            net = make(cell)
            loss = trajectory.step_loss(net.output, oracle.half_square)
            run = functools.partial(net.window, loss=loss)
            given = cell.params(), state, net.start(cell.params(), state), xs
            shapes = jax.eval_shape(run, *given, trajectory.mean_targets(ys))
            assert {v.dtype for v in floats(shapes)} == {jnp.dtype("float32")}


@every_algorithm
@few_cells
def test_float32_is_close_to_float64(cell_name, algorithm):
    with bm.environment(x64=False):
        net = cases.ALGORITHMS[algorithm](cases.CELLS[cell_name]())
        xs, ys, state = oracle.data(net.cell, 2, 6)
        given = net.cell.params(), state, net.start(net.cell.params(), state), xs
        found = compiled(net)(*given, trajectory.mean_targets(ys))
    given, ys = jax.tree.map(
        lambda v: jnp.asarray(v, "float64") if v.dtype == "float32" else v, (given, ys)
    )
    double = compiled(cases.shared(algorithm, cell_name))(*given, trajectory.mean_targets(ys))
    assert oracle.relative_error(found.grads, double.grads) < 1e-4


def test_check_gradient_tells_exact_from_wrong():
    net = bp_rnn.RTRL(cases.CELLS["RateRNN"]())
    xs, ys, state = oracle.data(net.cell, 2, 6)
    good = bp_rnn.check_gradient(net, state, xs, ys, oracle.half_square)
    assert max(good.relative_error.values()) < 1e-12
    assert good.cosine > 1 - 1e-12
    right = net.step_and_contract

    def wrong(*args):
        trace, grads = right(*args)
        return trace, {k: -v for k, v in grads.items()}

    net.step_and_contract = wrong
    bad = bp_rnn.check_gradient(net, state, xs, ys, oracle.half_square)
    assert bad.relative_error["w"] == pytest.approx(2)
    assert bad.relative_error["w_out"] < 1e-12


def test_unpack_inverts_pack():
    rng = np.random.default_rng(0)
    shapes = {"w": (5, 5), "a": (5,), "k": (5, 2, 3)}
    entries = {k: jnp.asarray(rng.normal(size=(10, *v))) for k, v in shapes.items()}
    for rows in (5, 1):
        back = sensitivity.unpack(sensitivity.pack(entries, rows), shapes)
        assert all((back[k] == v).all() for k, v in entries.items())


def test_an_algorithm_takes_only_a_cell():
    with pytest.raises(TypeError, match="from_brainpy"):
        bp_rnn.RTRL(bp.dyn.RNNCell(3, 4, mode=bm.TrainingMode(1)))
