"""Inputs, targets and masks in every form in which people hold them, in one place."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bp_rnn import _check, _data, _loss

MSE = _loss.resolve("mean_squared_error")
SIZES = [3, 6, 1]
RNG = np.random.default_rng(0)
XS = [RNG.normal(size=(n, 2)) for n in SIZES]
YS = [RNG.normal(size=(n, 3)) for n in SIZES]
LABELS = [RNG.integers(0, 3, n) for n in SIZES]


def cell(num_in=2, num_out=3, dtype=jnp.float64):
    return types.SimpleNamespace(num_in=num_in, num_out=num_out, state=jnp.zeros(4, dtype))


def pad(parts, fill, num_step=6):
    value = np.full((len(parts), num_step, *parts[0].shape[1:]), fill, parts[0].dtype)
    for row, part in zip(value, parts, strict=True):
        row[: len(part)] = part
    return value


def hide(parts):
    value = pad(parts, 7)
    behind = np.arange(6) >= np.array(SIZES)[:, None]
    mask = behind.reshape(behind.shape + (1,) * (value.ndim - 2))
    return np.ma.array(value, mask=np.broadcast_to(mask, value.shape))


@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf, 1e300])
def test_filling_is_zero_whatever_it_was(fill):
    seqs = _data.sequences(cell(dtype=jnp.float32), pad(XS, fill), SIZES)
    np.testing.assert_array_equal(seqs.xs, pad(XS, 0.0).astype(np.float32))
    ys, weights = _data.targets_of(
        cell(), pad(YS, fill), seqs, pad([np.ones(n) for n in SIZES], fill)
    )
    np.testing.assert_array_equal(ys, pad(YS, 0.0))
    np.testing.assert_array_equal(weights, np.arange(6) < np.array(SIZES)[:, None])
    assert (seqs.lengths == SIZES).all()


@pytest.mark.parametrize(
    "own", ["list", "tuple", "objects", "jax", "nested", "masked", "lengths too"]
)
def test_every_form_gives_the_same(own):
    right = _data.sequences(cell(), pad(XS, 0.0), SIZES)
    objects = np.empty(3, object)
    objects[:] = XS
    x = {
        "tuple": tuple(XS),
        "objects": objects,
        "jax": [jnp.asarray(v) for v in XS],
        "nested": [v.tolist() for v in XS],
        "masked": hide(XS),
    }.get(own, XS)
    seqs = _data.sequences(cell(), x, SIZES if own == "lengths too" else None)
    np.testing.assert_array_equal(seqs.xs, right.xs)
    np.testing.assert_array_equal(seqs.valid, right.valid)
    assert seqs.layout == ("batch" if own == "masked" else "list")
    for y in (YS, pad(YS, np.nan), hide(YS), [jnp.asarray(v) for v in YS]):
        ys, weights = _data.targets_of(cell(), y, seqs)
        np.testing.assert_array_equal(ys, pad(YS, 0.0))
        np.testing.assert_array_equal(weights, right.valid)
    for y in (LABELS, pad(LABELS, -100), hide(LABELS), [v[:, None] for v in LABELS]):
        ys, _ = _data.targets_of(cell(), y, seqs)
        assert ys.dtype.kind == "i"
        np.testing.assert_array_equal(ys, pad(LABELS, 0))


def test_a_list_comes_back_as_a_list():
    values = RNG.normal(size=(3, 6, 3))
    back = _data.sequences(cell(), XS).restore({"z": jnp.asarray(values)})["z"]
    assert [v.shape for v in back] == [(3, 3), (6, 3), (1, 3)]
    np.testing.assert_array_equal(back[0], values[0, :3])
    same = _data.sequences(cell(), [XS[1]] * 2).restore(values[:2])
    assert isinstance(same, list)
    whole = _data.sequences(cell(), pad(XS, 0.0), SIZES).restore(values)
    np.testing.assert_array_equal(whole, values)
    assert _data.sequences(cell(), XS[1]).restore(values[:1]).shape == (6, 3)


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        ([np.ones(3), np.ones(2)], (2, 3, 1)),
        ([[1.0, 2.0], [3.0]], (2, 2, 1)),
        ([[1.0], [2.0], [3.0]], (1, 3, 1)),  # one sequence, step by step
        ([np.ones(1), np.ones(1)], (1, 2, 1)),
        ([np.ones((1, 1)), np.ones((1, 1))], (2, 1, 1)),
        (np.ones(5), (1, 5, 1)),
        ([1.0, 2.0], (1, 2, 1)),
    ],
)
def test_one_feature_may_come_without_its_axis(x, shape):
    assert _data.sequences(cell(num_in=1), x).xs.shape == shape


def test_a_list_of_steps_is_one_sequence():
    seqs = _data.sequences(cell(), list(XS[1]))
    assert seqs.layout == "sequence"
    np.testing.assert_array_equal(seqs.xs[0], XS[1])


def test_masked_targets_are_steps_without_loss():
    seqs = _data.sequences(cell(), XS[1])
    mask = np.zeros((6, 3), bool)
    mask[2] = True
    y = np.where(mask, np.nan, YS[1])
    ys, weights = _data.targets_of(cell(), np.ma.array(y, mask=mask), seqs, np.full(6, 2.0))
    np.testing.assert_array_equal(weights, [[2, 2, 0, 2, 2, 2]])
    np.testing.assert_array_equal(ys[0], np.where(mask, 0, YS[1]))
    _, weights = _data.targets_of(cell(), YS[1], seqs, np.ma.array(np.ones(6), mask=mask[:, 0]))
    np.testing.assert_array_equal(weights, [[1, 1, 0, 1, 1, 1]])


def masked_at(value, *index):
    value = np.ma.array(value, copy=True)
    value[index] = np.ma.masked
    return value


@pytest.mark.parametrize(
    ("x", "lengths", "message"),
    [
        (masked_at(XS[1], 2), None, r"x is masked at index \(2, 0\), before the end"),
        (masked_at(XS[1], 5, 1), None, r"x is masked at index \(5, 1\), before the end"),
        ([XS[0], masked_at(XS[1], 2)], None, r"x is masked at index \(1, 2, 0\)"),
        (masked_at(np.stack([XS[1]] * 2), 0), None, "x must have a step .* index 0 has none"),
        (masked_at(np.stack([XS[1]] * 2), 1, 3), [6, 4], r"x is masked at index \(1, 3, 0\)"),
        (
            XS,
            [3, 5, 1],
            r"lengths must be those of the sequences of x, \[3, 6, 1\], got \[3, 5, 1\]",
        ),
        ([XS[0], XS[0][:, :1]], None, r"x must hold sequences of the same number of features"),
        ([XS[0], XS[0][:0]], None, "x must have a step in every sequence, but that at index 1"),
        ([XS[0], XS[0] * np.nan], None, r"x must be finite, got nan at index \(1, 0, 0\)"),
        (pad(XS, 0.0), [3, 6], r"lengths must have shape \(3,\), got \(2,\)"),
    ],
)
def test_inputs_that_say_two_things(x, lengths, message):
    with pytest.raises(ValueError, match=message):
        _data.sequences(cell(), x, lengths)


@pytest.mark.parametrize(
    ("y", "mask", "message"),
    [
        (YS[:2], None, r"y must hold 3 sequences as long as those of x, \[3, 6, 1\], got \[3, 6\]"),
        ([YS[0], YS[0], YS[2]], None, "y must hold 3 sequences as long as"),
        ([v[:, :2] for v in YS], None, r"y must have shape \(3, 6, 3\), or \(3, 6\) for integer"),
        ([v.astype(float) for v in LABELS], None, r"y must have shape .* got \(3, 6\) of float64"),
        ([v + 1 for v in LABELS], None, "y must hold class labels from 0 to 2"),
        ([v * np.nan for v in YS], None, r"y must be finite, got nan at index \(0, 0, 0\)"),
        (masked_at(pad(YS, 0.0), 1, 4, 2), None, r"y is masked in some of .* index \(1, 4\)"),
        (YS, [np.ones(3)] * 3, "mask must hold 3 sequences as long as"),
        (YS, np.ones((3, 5)), r"mask must have shape \(3, 6\), got \(3, 5\)"),
        (YS, -np.ones(6), "mask must not be negative"),
    ],
)
def test_targets_that_do_not_go_with_the_inputs(y, mask, message):
    seqs = _data.sequences(cell(), XS)
    with pytest.raises(ValueError, match=message):
        _data.targets_of(cell(), y, seqs, mask)


def test_nothing_is_unmasked_where_masks_mean_nothing():
    for value in (masked_at(np.ones(3), 1), [masked_at(np.ones(3), 1), np.ones(3)]):
        with pytest.raises(ValueError, match="q must not hold masked entries"):
            _check.real_array("q", value)
    assert (_check.real_array("q", np.ma.array([1.0, 2.0])) == [1, 2]).all()
    with pytest.raises(ValueError, match="x must hold sequences of one length here"):
        _data.inputs(cell(), XS)


def test_a_tracer_is_refused_in_words():
    with pytest.raises(TypeError, match=r"x must hold numbers, got a value inside a JAX transf"):
        jax.vmap(lambda x: _data.inputs(cell(), x)[0])(jnp.ones((2, 5, 2)))


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (list(zip(XS, YS, strict=True)), "a list of tuples; where each is a sequence"),
        ((v for v in (XS, YS)), "generator"),
        ((XS, YS, None, None), "tuple of 4"),
        ({"x": XS, "y": YS}, "dict"),
        ((), "tuple of 0"),
        (XS[0], "ndarray"),
    ],
)
def test_data_that_are_no_pair(data, got):
    with pytest.raises(TypeError, match=rf"data must be a pair \(x, y\) or a triple .* got {got}"):
        _data.batch(cell(), data, None, MSE)


def test_a_pair_made_by_zip_is_one():
    xs, ys, mask, valid = _data.batch(
        cell(), tuple(zip(*zip(XS, YS, strict=True), strict=True)), None, MSE
    )
    assert xs.shape == (3, 6, 2)
    np.testing.assert_array_equal(ys[2, 0], YS[2][0])
    np.testing.assert_array_equal(ys[2, 1], YS[0][0])  # one that the loss takes, not zero
    np.testing.assert_array_equal(mask, valid)
