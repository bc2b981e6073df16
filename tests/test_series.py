"""Tasks computed on the host: series against their equations, and what they are good for."""

import inspect

import jax
import numpy as np
import pytest
import scipy.integrate
import test_tasks

from bp_rnn import tasks
from bp_rnn.tasks.lorenz import LYAPUNOV

SERIES = {k: getattr(tasks, k) for k in test_tasks.ON_HOST}
ARGUMENTS = [
    (k, name)
    for k, f in SERIES.items()
    for name in inspect.signature(f).parameters
    if name != "key"
]
every_series = pytest.mark.parametrize("name", SERIES)


def draw(name, key=0, **options):
    short = {"num_step": 50, "washout": 20}
    takes = inspect.signature(SERIES[name]).parameters
    found = SERIES[name](key, **{**{k: v for k, v in short.items() if k in takes}, **options})
    return found if isinstance(found, tuple) else (found,)


@every_series
def test_the_key_alone_decides(name):
    first = draw(name)
    for key in (jax.random.key(0), np.int64(0)):
        assert all((a == b).all() for a, b in zip(first, draw(name, key), strict=True))
    other = draw(name, 1)
    some = (first[0] != 0) | (other[0] != 0)  # spikes are few
    assert (first[0] != other[0])[some].mean() > 0.4
    with jax.enable_x64(False):
        assert all((a == b).all() for a, b in zip(first, draw(name), strict=True))
    assert first[0].dtype == np.float64


def test_mackey_glass_converges_with_the_order_of_the_method():
    def run(num_substep, **options):
        return tasks.mackey_glass(0, num_step=60, washout=0, num_substep=num_substep, **options)

    exact = run(160)
    errors = [np.abs(run(n) - exact)[40:].max() for n in (5, 10, 20)]
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (rates > 3.5).all(), errors
    # a delay that is no multiple of the step, so that the kink lies within one
    assert np.abs(run(20, tau=16.83) - run(160, tau=16.83)).max() < 1e-6
    assert np.abs(run(10) - run(40)).max() < 1e-5
    flat = run(10)[:17]  # while the past is the constant c, y relaxes to 2 c / (1 + c^10)
    c, time = flat[0], np.arange(17)
    rest = 2 * c / (1 + c**10)
    np.testing.assert_allclose(flat, rest + (c - rest) * np.exp(-0.1 * time), rtol=1e-8)


def test_mackey_glass_has_the_range_of_its_attractor():
    y = tasks.mackey_glass(3, num_step=2000)
    assert 0.35 < y.min() < 0.5
    assert 1.25 < y.max() < 1.4
    assert y.std() == pytest.approx(0.227, abs=0.02)


def test_lorenz_is_the_solution_of_its_equation():
    u = tasks.lorenz(0, num_step=60, washout=0)

    def force(_, s):
        return [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]

    right = scipy.integrate.solve_ivp(
        force, (0, 59 * 0.02), u[0], t_eval=0.02 * np.arange(60), rtol=1e-11, atol=1e-11
    )
    np.testing.assert_allclose(u, right.y.T, atol=1e-6)


def test_lorenz_trajectories_part_at_the_lyapunov_exponent():
    start = tasks.lorenz(0, num_step=2000)
    growth = []
    for t in range(0, 1600, 200):
        near = tuple(start[t] + [1e-8, 0, 0])
        here = tuple(start[t])
        for _ in range(5000):
            near, here = (tasks.lorenz.__globals__["_step"](s, 0.002) for s in (near, here))
        growth.append(np.log(np.linalg.norm(np.subtract(near, here)) / 1e-8) / 10)
    assert np.mean(growth) == pytest.approx(LYAPUNOV, abs=0.25)


@pytest.mark.parametrize(("order", "factors"), [(10, (0.3, 0.05, 0.1)), (30, (0.2, 0.004, 0.001))])
def test_narma_follows_its_equation(order, factors):
    x, y = tasks.narma(2, num_step=200, order=order)
    a, b, c = factors
    assert ((x >= 0) & (x < 0.5)).all()
    assert not y[:order].any()
    for t in range(order - 1, 199):
        total = sum(y[t - i] for i in range(order))
        after = a * y[t] + b * y[t] * total + 1.5 * x[t - order + 1] * x[t] + c
        assert y[t + 1] == pytest.approx(after, rel=1e-12)


def test_delays_are_inputs_before():
    x, y = tasks.delays(0, num_step=30, num_lag=4)
    assert y.shape == (30, 4)
    for k in range(1, 5):
        np.testing.assert_array_equal(y[k:, k - 1], x[:-k])
    assert y[0].all()
    assert np.abs(tasks.delays(0)[0]).max() <= 1


def test_the_sine_has_the_frequency_of_the_input():
    x, y = tasks.sine(0, num_step=500, fastest=10, slowest=50, hold=100)
    assert len(set(x)) == 5
    for part in range(5):
        inside = slice(100 * part + 5, 100 * part + 95)
        expected = 2 * np.pi * (1 / 50 + x[100 * part] * (1 / 10 - 1 / 50))
        now, both = y[1:-1][inside], (y[2:] + y[:-2])[inside]  # both = 2 cos(rate) now
        found = np.arccos(both @ now / (2 * now @ now))
        assert found == pytest.approx(expected, rel=1e-6)


def test_vowels_have_the_layout_of_the_data_set_and_can_be_told_apart():
    x, y, lengths = tasks.vowels(0)
    assert x.shape == (270, 29, 12)
    assert (np.bincount(y) == 30).all()
    assert (lengths.min(), lengths.max()) == (7, 29)
    for sample, length in zip(x, lengths, strict=True):
        assert sample[:length].all()
        assert not sample[length:].any()
    mean = x.sum(1) / lengths[:, None]
    centre = np.stack([mean[:135][y[:135] == k].mean(0) for k in range(9)])
    nearest = ((mean[135:, None] - centre) ** 2).sum(-1).argmin(1)
    assert 0.5 < (nearest == y[135:]).mean() < 0.99


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_a_bad_argument_is_named(name, argument):
    kind = inspect.signature(SERIES[name]).parameters[argument].annotation
    bad = [(-1, ValueError), ("a", TypeError), (None, TypeError)]
    bad += [(2.5, TypeError)] if kind is int else [(np.nan, ValueError)]
    for value, error in bad:
        with pytest.raises(error, match=f"^{argument} must"):
            SERIES[name](0, **{argument: value})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("narma", {"order": 20}, r"order must be one of \[10, 30\], got 20"),
        ("mackey_glass", {"tau": 0.01}, "tau must be at least a substep, 0.1, got 0.01"),
        ("sine", {"slowest": 5.0}, "slowest must be at least the fastest period 10.0, got 5.0"),
        ("vowels", {"num_speaker": 1}, "num_speaker must be at least 2, got 1"),
    ],
)
def test_bounds_of_an_argument(name, options, message):
    with pytest.raises(ValueError, match=message):
        SERIES[name](0, **options)
