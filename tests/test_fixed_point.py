"""Searches for a fixed point, the layer, linear systems and stability, as pure functions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bp_rnn.functional import fixed_point, linear_solve
from bp_rnn.functional.fixed_point import Search

NUM, BATCH = 12, 3


def rate(w, x, s):
    return -s + jnp.tanh(w @ s + x)


@functools.cache
def problem(gain=0.8, num=NUM):
    rng = np.random.default_rng(0)
    w = jnp.asarray(rng.normal(size=(num, num)) * gain / np.sqrt(num))
    return w, jnp.asarray(rng.normal(size=(BATCH, num)))


def layer_loss(w, xs, search, solver):
    def one(x):
        start = jnp.zeros_like(x)
        return fixed_point.fixed_point(functools.partial(rate, w, x), start, search, solver)

    s, found = jax.vmap(one)(xs)
    return jnp.sum(jnp.sin(s) * jnp.arange(s.shape[1])), found


@functools.cache
def unrolled():
    def loss(w, xs):
        def one(x):
            return jax.lax.scan(lambda s, _: (s + 0.5 * rate(w, x, s), 0), 0 * x, length=300)[0]

        return jnp.sum(jnp.sin(jax.vmap(one)(xs)) * jnp.arange(NUM))

    return jax.jit(jax.grad(loss, argnums=(0, 1)))(*problem())


@pytest.mark.parametrize(
    ("search", "solver"), [("relax", "gmres"), ("anderson", "bicgstab"), ("newton", "direct")]
)
def test_the_layer_has_the_derivative_of_the_unrolled_relaxation(search, solver):
    how = Search(search, 0.5, 1e-12), solver
    w, xs = problem()
    grads, found = jax.jit(jax.grad(lambda *a: layer_loss(*a, *how), (0, 1), has_aux=True))(w, xs)
    assert found.converged.all()
    assert found.residual.max() <= 3e-12  # relative to inputs of up to 3
    for mine, right in zip(grads, unrolled(), strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-8, atol=1e-9)


def test_the_layer_in_forward_mode():
    w, xs = problem()
    direction, how = jnp.cos(w), (Search("newton", 0.5, 1e-12), "direct")
    _, found = jax.jvp(lambda w: layer_loss(w, xs, *how)[0], (w,), (direction,))
    assert float(found) == pytest.approx(float(jnp.sum(unrolled()[0] * direction)), rel=1e-8)


def test_a_faster_search_takes_fewer_iterations_to_the_same_point():
    w, xs = problem()
    ends, counts = [], []
    for name in fixed_point.SEARCHES:
        find = functools.partial(fixed_point.find, search=Search(name, 0.1, 1e-12))
        s, found = jax.vmap(lambda x, find=find: find(functools.partial(rate, w, x), 0 * x))(xs)
        ends.append(s)
        counts.append(np.asarray(found.num_iter))
    np.testing.assert_allclose(ends[1:], [ends[0]] * 2, atol=1e-10)
    assert (counts[1] < counts[0] / 5).all()
    assert (counts[2] < counts[1]).all()
    assert len(set(counts[0])) > 1  # each sample ends by itself
    alone, found = fixed_point.find(functools.partial(rate, w, xs[1]), 0 * xs[1], Search(dt=0.1))
    np.testing.assert_allclose(alone, ends[0][1], atol=1e-9)


def test_newton_solves_a_linear_system_at_once():
    w, xs = problem()
    s, found = fixed_point.find(lambda s: w @ s - s + xs[0], 0 * xs[0], Search("newton"))
    np.testing.assert_allclose(s, np.linalg.solve(np.eye(NUM) - w, xs[0]), rtol=1e-10)
    assert found.num_iter == 1


@pytest.mark.parametrize("name", fixed_point.SEARCHES)
def test_what_does_not_rest_is_told(name):
    """No zero at all: F is a positive number."""
    search = Search(name, max_iter=20)
    _, found = fixed_point.find(lambda s: jnp.exp(-s) + 1, jnp.zeros(2), search)
    assert not found.converged
    assert not found.residual < 1  # NaN where Newton ran away
    s, found = fixed_point.fixed_point(lambda s: jnp.exp(-s) + 1, jnp.zeros(2), search)
    assert not found.converged
    assert jnp.isnan(s).all()


def test_nan_ends_a_search_at_once():
    _, found = fixed_point.find(lambda s: -s + jnp.nan, jnp.zeros(2))
    assert not found.converged
    assert found.num_iter == 0


def test_a_singular_jacobian_gives_no_derivative():
    """A line of fixed points, s_0 + s_1 = b: nothing says where on it the next one is."""

    def loss(b):
        def line(s):
            return jnp.array([b - s[0] - s[1], b - s[0] - s[1]])

        return fixed_point.fixed_point(line, jnp.zeros(2), Search(dt=0.3), "direct")[0][0]

    assert jnp.isfinite(loss(1.0))
    assert jnp.isnan(jax.grad(loss)(1.0))


@pytest.mark.parametrize("solver", linear_solve.SOLVERS)
def test_linear_systems(solver):
    rng = np.random.default_rng(0)
    a, b = jnp.asarray(rng.normal(size=(7, 7)) + 4 * np.eye(7)), jnp.asarray(rng.normal(size=7))
    singular = a.at[:, 0].set(0).at[0].set(0)
    solve = jax.vmap(lambda a, b: linear_solve.solve(lambda v: a @ v, b, solver))
    v, error = jax.jit(solve)(jnp.stack([a, a, singular]), jnp.stack([b, 0 * b, b]))
    np.testing.assert_allclose(v[0], np.linalg.solve(a, b), rtol=1e-9)
    assert error[0] < 1e-11
    assert not v[1].any()
    assert error[1] == 0
    np.testing.assert_array_equal(linear_solve.is_solved(error), [True, True, False])


def test_gmres_finishes_what_bicgstab_breaks_off():
    """A quarter turn maps each residual to a right angle: BiCGSTAB divides by zero."""
    turn = jnp.array([[0.0, 1.0], [-1.0, 0.0]])
    v, error = linear_solve.solve(lambda v: turn @ v, jnp.array([1.0, 0.0]), "bicgstab")
    np.testing.assert_allclose(v, [0.0, 1.0], atol=1e-14)
    assert error < 1e-14


def test_stability_is_what_the_eigenvalues_say():
    """Random Jacobians on both sides of the border, with real and complex leading eigenvalues."""
    rng = np.random.default_rng(0)
    num, dt, gains = 20, 0.2, np.linspace(0.5, 1.6, 60)
    jacs = rng.normal(size=(60, num, num)) * gains[:, None, None] / np.sqrt(num) - np.eye(num)
    test = jax.vmap(lambda j: fixed_point.stability(lambda s: j @ s, jnp.zeros(num), dt, 1000))
    stable, growth = test(jnp.asarray(jacs))
    leading = np.log(np.abs(1 + dt * np.linalg.eigvals(jacs)).max(1)) / dt
    assert 15 < (leading < 0).sum() < 45
    clear = np.abs(leading) > 1e-3
    assert clear.sum() > 55
    np.testing.assert_array_equal(stable[clear], (leading < 0)[clear])
    assert np.corrcoef(growth, leading)[0, 1] > 0.9


def test_a_slow_mode_is_judged_by_its_end():
    for slope in (-1e-3, 1e-3):
        jac = jnp.diag(jnp.array([-1.0, -0.5, slope]))
        stable, growth = fixed_point.stability(lambda s, j=jac: j @ s, jnp.zeros(3), 0.1, 1000)
        assert bool(stable) == (slope < 0)
        assert growth == pytest.approx(slope, rel=1e-3)


def test_float32():
    w, xs = problem()
    ends = {}
    for dtype in (jnp.float64, jnp.float32):
        for name in ("relax", "anderson"):
            search = Search(name, 0.1)
            field = functools.partial(rate, w.astype(dtype), xs[0].astype(dtype))
            s, found = fixed_point.find(field, jnp.zeros(NUM, dtype), search)
            assert s.dtype == found.residual.dtype == dtype
            assert found.converged
            ends.setdefault(name, s)
            np.testing.assert_allclose(s, ends[name], atol=1e-4)


def test_unknown_names():
    with pytest.raises(ValueError, match="unknown search 'relaxe'; expected one of"):
        fixed_point.find(lambda s: -s, jnp.zeros(2), Search("relaxe"))
    with pytest.raises(ValueError, match="unknown solver 'lu'; expected one of"):
        linear_solve.solve(lambda v: v, jnp.zeros(2), "lu")
