"""Clipping, penalties, Omega, masks, lengths, and the norm of the gradient through time."""

import functools

import brainpy as bp
import cases
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import oracle
import pytest
from matplotlib.colors import to_rgb

import bp_rnn
from bp_rnn.functional import flow, trajectory

both = pytest.mark.parametrize("method", ["rtrl", "bptt"])


def problem(cell, batch=4, num_step=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, num_step, cell.num_in)), rng.normal(
        size=(batch, num_step, cell.num_out)
    )


def gradient(cell, data, cls=bp_rnn.OfflineTrainer, lengths=None, **options):
    """The gradient that a trainer follows, and the loss: one step of plain descent."""
    before = cell.params()
    trainer = cls(
        cell,
        optimizer=bp.optim.SGD(lr=1.0),
        loss=oracle.half_square,
        progress_bar=False,
        **options,
    )
    loss = trainer.fit(data, num_epoch=1, lengths=lengths)[0]
    return {k: before[k] - v for k, v in cell.params().items()}, loss


def by_autodiff(cell, xs, ys, loss):
    """jax.grad of ``loss(params, states (B, T, S))``."""

    def total(params):
        start = cell.initial_state(params)
        states = jax.vmap(lambda x: cell.rollout(params, start, x)[1])(jnp.asarray(xs))
        return loss(params, states)

    return jax.grad(total)(cell.params()), total(cell.params())


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({"clip_norm": 0.01}, [optax.clip_by_global_norm(0.01)]),
        ({"clip_value": 0.003}, [optax.clip(0.003)]),
        (
            {"clip_value": 0.003, "clip_norm": 0.01},
            [optax.clip(0.003), optax.clip_by_global_norm(0.01)],
        ),
    ],
)
def test_clipping_equals_optax(mine, theirs):
    make = cases.CELLS["RateRNN"]
    data = problem(make())
    found, _ = gradient(make(), data, **mine)
    whole, _ = gradient(make(), data)
    clip = optax.chain(*theirs)
    right, _ = clip.update(whole, clip.init(whole))
    assert oracle.relative_error(found, right) < 1e-10
    assert oracle.relative_error(found, whole) > 0.1
    loose, _ = gradient(make(), data, **dict.fromkeys(mine, 1e6))
    assert oracle.relative_error(loose, whole) < 1e-10


@both
@pytest.mark.parametrize("cell_name", ["RateRNN", "CTRNN", "LSTM", "GRU", "Deep"])
def test_penalties_have_the_exact_gradient(cell_name, method):
    cell = cases.CELLS[cell_name]()
    xs, ys = problem(cell)
    before = cell.params()
    matrices = [k for k, v in before.items() if v.ndim > 1 and k[0] != "b"]

    def loss(params, states):
        per_step = jax.vmap(jax.vmap(lambda s: cell.hidden(params, s)))
        zs = jax.vmap(jax.vmap(lambda s: cell.output(params, s)))(states)
        weights = sum((params[k] ** 2).sum() for k in matrices)
        rates = (per_step(states) ** 2).mean()
        return oracle.half_square(zs, ys).mean() + 0.3 * rates + 0.5 * 0.1 * weights

    exact, value = by_autodiff(cell, xs, ys, loss)
    penalties = [bp_rnn.RateL2(0.3), bp_rnn.WeightL2(0.1)]
    found, reported = gradient(cell, (xs, ys), method=method, penalties=penalties)
    assert reported == pytest.approx(float(value), rel=1e-11)
    assert oracle.relative_error(found, exact) < 1e-10


def test_weight_penalty_concerns_the_names_it_is_given():
    cell = cases.CELLS["RateRNN"]()
    data = problem(cell)
    plain, _ = gradient(cases.CELLS["RateRNN"](), data)
    found, _ = gradient(cell, data, penalties=[bp_rnn.WeightL2(0.5, names=["w_in", "b"])])
    before = cases.CELLS["RateRNN"]().params()
    for name in plain:
        extra = 0.5 * before[name] if name in ("w_in", "b") else 0.0
        np.testing.assert_allclose(found[name], plain[name] + extra, atol=1e-12)


def test_a_penalty_may_be_any_function_of_one_step():
    cell = cases.CELLS["RateRNN"]()
    xs, ys = problem(cell)

    def sparse(params, hidden):
        return 0.2 * jnp.abs(hidden).sum() + 0.1 * (params["b"] ** 2).sum()

    def loss(params, states):
        zs = states @ params["w_out"].T + params["b_out"]
        extra = 0.2 * jnp.abs(states).sum(-1).mean() + 0.1 * (params["b"] ** 2).sum()
        return oracle.half_square(zs, ys).mean() + extra

    exact, value = by_autodiff(cell, xs, ys, loss)
    found, reported = gradient(cell, (xs, ys), method="rtrl", penalties=[sparse])
    assert reported == pytest.approx(float(value))
    assert oracle.relative_error(found, exact) < 1e-10


def omega_in_numpy(cell, params, states, xs, dl_ds):
    """Pascanu's eq. 9 with explicit Jacobians, a loop over samples and steps."""
    total = 0.0
    jacobian = jax.jit(jax.jacrev(cell.step, 1))
    for b in range(len(xs)):
        for t in range(xs.shape[1]):
            after = np.asarray(dl_ds[b, t + 1])
            before = after @ np.asarray(jacobian(params, states[b, t], xs[b, t]))
            total += (np.linalg.norm(before) / np.linalg.norm(after) - 1) ** 2
    return total / len(xs)


def held(cell, params, xs, ys):
    """States and derivatives of the loss, at the given parameters."""
    loss = trajectory.step_loss(cell.output, oracle.half_square)
    start = jnp.broadcast_to(cell.initial_state(params), (len(xs), cell.size))

    def one(state, x, target):
        return flow.state_gradients(cell.step, loss, params, state, x, target)

    return jax.jit(jax.vmap(one))(start, jnp.asarray(xs), trajectory.mean_targets(jnp.asarray(ys)))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("cell_name", ["RateRNN", "VanillaRNN", "LSTM", "GRU"])
def test_the_gradient_of_omega_is_that_of_finite_differences(cell_name, exact):
    cell = cases.CELLS[cell_name]()
    xs, ys = problem(cell, batch=2, num_step=5)
    params = cell.params()
    at_first = held(cell, params, xs, ys)

    def value(params):
        dl_ds, states = held(cell, params, xs, ys) if exact else at_first
        return 0.7 * omega_in_numpy(cell, params, states, xs, dl_ds)

    data = (jnp.asarray(xs), jnp.asarray(ys))
    plain, plain_loss = gradient(cases.CELLS[cell_name](), data)
    found, loss = gradient(cell, data, penalties=[bp_rnn.Omega(0.7, exact=exact)])
    assert loss - plain_loss == pytest.approx(value(params), rel=1e-9)
    rng = np.random.default_rng(1)
    for _ in range(3):
        way = {k: rng.normal(size=v.shape) for k, v in params.items()}
        size = 1e-5
        ends = [value({k: v + sign * size * way[k] for k, v in params.items()}) for sign in (1, -1)]
        slope = sum(float(jnp.vdot(found[k] - plain[k], way[k])) for k in way)
        assert slope == pytest.approx((ends[0] - ends[1]) / (2 * size), rel=1e-6)


@both
@pytest.mark.parametrize(
    "trainer",
    [bp_rnn.OfflineTrainer, functools.partial(bp_rnn.OnlineTrainer, update_every=5)],
    ids=["offline", "online"],
)
def test_omega_keeps_the_norm_of_the_gradient(trainer, method):
    """A network whose gradient vanishes: with Omega it does so less."""
    ratios = []
    for strength in (0.0, 10.0):
        cell = bp_rnn.VanillaRNN(2, 8, num_out=1, w=bp_rnn.SpectralRadius(0.5, seed=0))
        data = bp_rnn.tasks.add(0, num_trial=20, num_step=10)
        fit = trainer(
            cell,
            method=method,
            optimizer=bp.optim.Adam(lr=1e-2),
            penalties=[bp_rnn.Omega(strength)],
            progress_bar=False,
        )
        fit.fit(data, num_epoch=30)
        state = jnp.zeros((20, 8))
        norms = bp_rnn.gradient_norms(cell, state, data.x, data.y, oracle.half_square, data.mask)
        ratios.append(np.median(norms[:, 0] / norms[:, -1]))
    assert ratios[1] > 20 * ratios[0]


def test_omega_of_a_step_without_gradient_is_nothing():
    """A loss in the middle alone: no NaN, and nothing after it counts."""
    make = cases.CELLS["VanillaRNN"]
    xs, ys = problem(make())
    mask = np.zeros((4, 6))
    mask[:, 2] = 1.0
    for exact in (False, True):
        penalties = [bp_rnn.Omega(1.0, exact=exact)]
        short, loss = gradient(make(), (xs[:, :3], ys[:, :3], mask[:, :3]), penalties=penalties)
        whole, also = gradient(make(), (xs, ys, mask), penalties=penalties)
        assert also == pytest.approx(loss, rel=1e-12)
        assert oracle.relative_error(whole, short) < 1e-10


@both
def test_a_mask_weights_the_mean_over_steps(method):
    cell = cases.CELLS["GRU"]()
    xs, ys = problem(cell)
    mask = np.random.default_rng(2).uniform(size=(4, 6)) * (np.arange(6) > 2)

    def loss(params, states):
        zs = jax.vmap(jax.vmap(lambda s: cell.output(params, s)))(states)
        return (mask * oracle.half_square(zs, ys).mean(-1)).sum() / mask.sum()

    exact, value = by_autodiff(cell, xs, ys, loss)
    found, reported = gradient(cell, (xs, ys, mask), method=method)
    assert reported == pytest.approx(float(value), rel=1e-11)
    assert oracle.relative_error(found, exact) < 1e-10
    same = bp_rnn.check_gradient(
        bp_rnn.RTRL(cell),
        jnp.zeros((4, cell.size)),
        jnp.asarray(xs),
        jnp.asarray(ys),
        oracle.half_square,
        jnp.asarray(mask),
    )
    assert max(same.relative_error.values()) < 1e-10


@both
@pytest.mark.parametrize("cls", [bp_rnn.OfflineTrainer, bp_rnn.OnlineTrainer])
def test_filling_counts_for_nothing(cls, method):
    """What stands after the end of a sequence may be anything."""
    ends = []
    for filling in (0.0, 1e3):
        cell = cases.CELLS["LSTM"]()
        xs, ys = problem(cell)
        lengths = [6, 4, 1, 3]
        for i, n in enumerate(lengths):
            xs[i, n:], ys[i, n:] = filling, -filling
        penalties = [bp_rnn.RateL2(0.1)]
        ends.append(gradient(cell, (xs, ys), cls, lengths, method=method, penalties=penalties))
    assert ends[0][1] == pytest.approx(ends[1][1], rel=1e-12)
    assert oracle.relative_error(ends[0][0], ends[1][0]) < 1e-10


@both
def test_lengths_give_the_mean_over_all_real_steps(method):
    cell = cases.CELLS["RateRNN"]()
    xs, ys = problem(cell)
    lengths = [6, 4, 1, 3]
    found, loss = gradient(cell, (xs, ys), lengths=lengths, method=method)
    parts = []
    for i, n in enumerate(lengths):
        part = gradient(cases.CELLS["RateRNN"](), (xs[i, :n], ys[i, :n]), method=method)
        parts.append(jax.tree.map(lambda v, n=n: v * n / 14, part))
    right, value = jax.tree.map(lambda *v: sum(v), *parts)
    assert loss == pytest.approx(value, rel=1e-11)
    assert oracle.relative_error(found, right) < 1e-10


@pytest.mark.parametrize("cell_name", ["VanillaRNN", "LSTM", "RateRNN-noise"])
def test_gradient_norms_are_products_of_jacobians(cell_name):
    cell = cases.quiet(cell_name)
    xs, ys = problem(cell, batch=2)
    mask = np.zeros((2, 6))
    mask[:, -1] = 1.0
    params, state = cell.params(), jnp.ones((2, cell.size)) * 0.1
    xs, ys = jnp.asarray(xs), jnp.asarray(ys)
    norms = bp_rnn.gradient_norms(cell, state, xs, ys, oracle.half_square, jnp.asarray(mask))
    assert norms.shape == (2, 7)
    for b in range(2):
        states = [state[b]]
        for x in xs[b]:
            states.append(cell.step(params, states[-1], x))
        dl_ds = jax.grad(
            lambda s, b=b: oracle.half_square(cell.output(params, s), ys[b, -1]).mean()
        )
        v, seen = dl_ds(states[-1]), []
        for t in range(6, -1, -1):
            seen.append(float(jnp.linalg.norm(v)))
            if t:
                v = v @ jax.jacrev(cell.step, 1)(params, states[t - 1], xs[b, t - 1])
        np.testing.assert_allclose(norms[b], seen[::-1], rtol=1e-11)


@pytest.mark.parametrize(("radius", "grows"), [(0.5, False), (1.5, True)])
def test_gradients_vanish_and_explode_at_the_rate_of_the_spectral_radius(radius, grows):
    cell = bp_rnn.VanillaRNN(3, 20, phi="identity", w=bp_rnn.SpectralRadius(radius), num_out=2)
    xs, ys = problem(cell, num_step=100)
    mask = jnp.zeros((4, 100)).at[:, -1].set(1.0)
    norms = bp_rnn.gradient_norms(
        cell, jnp.zeros((4, 20)), jnp.asarray(xs), jnp.asarray(ys), oracle.half_square, mask
    )
    rate = (norms[:, 0] / norms[:, 60]) ** (1 / 60)
    np.testing.assert_allclose(rate, radius, rtol=0.03)
    assert ((norms[:, 0] > norms[:, -1]) == grows).all()


def test_an_orthogonal_linear_network_keeps_the_norm():
    cell = bp_rnn.VanillaRNN(3, 20, phi="identity", w=bp.init.Orthogonal(seed=0), num_out=2)
    xs, ys = problem(cell, num_step=100)
    mask = jnp.zeros((4, 100)).at[:, -1].set(1.0)
    norms = bp_rnn.gradient_norms(
        cell, jnp.zeros((4, 20)), jnp.asarray(xs), jnp.asarray(ys), oracle.half_square, mask
    )
    np.testing.assert_allclose(norms / norms[:, -1:], 1.0, rtol=1e-6)


def test_the_picture_of_the_norms():
    norms = np.geomspace(1e-6, 1.0, 11) * np.array([[0.5], [1.0], [2.0]])
    _, ax = plt.subplots()
    assert bp_rnn.plot.plot_gradient_norms(norms, ax=ax, label="tanh") is ax
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_ydata(), norms[1])
    assert ax.get_yscale() == "log"
    assert ax.get_legend_handles_labels()[1] == ["tanh"]
    assert to_rgb(ax.collections[0].get_facecolor()[0]) == to_rgb(line.get_color())
    bp_rnn.plot.plot_gradient_norms(np.append(norms[0], 0.0), ax=ax)  # one sample, an empty end
    assert len(ax.lines[1].get_ydata()) == 11
    plt.close()


@pytest.mark.usefixtures("float32")
def test_float32_stays_float32_with_every_aid():
    cell = cases.CELLS["LSTM"]()
    data = (*problem(cell), np.ones((4, 6)))
    found, loss = gradient(
        cell,
        data,
        lengths=[6, 3, 4, 5],
        clip_norm=1.0,
        clip_value=0.5,
        penalties=[bp_rnn.Omega(), bp_rnn.RateL2(0.1), bp_rnn.WeightL2(0.1)],
    )
    assert np.isfinite(loss)
    assert {v.dtype for v in found.values()} == {jnp.dtype("float32")}
