"""Constraints hold at every update: forbidden weights stay zero, signs and fixed bits stay."""

import brainpy as bp
import brainpy.math as bm
import cases
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import bp_rnn
from bp_rnn import Bounded, Dale, Fixed, Mask, NoSelf, constrain
from bp_rnn.functional.constraint import Box, free_gradient, intersect, project, project_all

NUM, NUM_STEP, BATCH = 6, 5, 4
RNG = np.random.default_rng(0)
SIGNS = np.array([1.0, 2.0, 1.0, -1.0, -0.5, 0.0])
MASK = RNG.uniform(size=(NUM, NUM)) < 0.7
GATES = RNG.uniform(size=(NUM, 4, NUM)) < 0.7
PART = RNG.uniform(size=(NUM, 3)) < 0.5
OTHERS = ~np.eye(NUM, dtype=bool)
EVERYWHERE = np.ones((NUM, NUM), bool)

X, Y = RNG.normal(size=(BATCH, NUM_STEP, 3)), 2 * RNG.normal(size=(BATCH, NUM_STEP, 2))


def limits(there=EVERYWHERE, signs=0):
    """The lowest and the highest value where connections exist and sources have signs."""
    low = np.where(there & (signs <= np.zeros(NUM)), -np.inf, 0.0)
    return low, np.where(there & (signs >= np.zeros(NUM)), np.inf, 0.0)


def fixed(value, where):
    return np.where(where, value, -np.inf), np.where(where, value, np.inf)


def rate():
    cell = bp_rnn.RateRNN(3, NUM, num_out=2)
    constrain(cell, w=[Dale(SIGNS), NoSelf(), Mask(MASK)], w_in=Fixed(PART))
    return cell, {"w": limits(MASK & OTHERS, SIGNS), "w_in": fixed(cell.w_in.value, PART)}


def lstm():
    cell = bp_rnn.LSTM(3, NUM, num_out=2)
    constrain(cell, w=(Mask(GATES), NoSelf()), w_in=Bounded(-2, 2.5), b=Fixed())
    return cell, {
        "w": limits(GATES & OTHERS[:, None]),
        "w_in": (-2, 2.5),
        "b": fixed(cell.b.value, True),
    }


def ind():
    cell = bp_rnn.IndRNN(3, NUM, phi="tanh", num_out=2)
    low, high = np.linspace(-1, 0, NUM), np.linspace(0.5, 1.5, NUM)
    constrain(cell, w=Bounded(low, high), w_in=Fixed())
    return cell, {"w": (low, high), "w_in": fixed(cell.w_in.value, True)}


def deep():
    """Some bound before they are stacked, some by their names in the whole."""
    below, above = bp_rnn.RateRNN(3, NUM, num_out=3), bp_rnn.VanillaRNN(3, NUM, num_out=2)
    constrain(below, w=Dale(SIGNS), w_in=Fixed(PART))
    cell = bp_rnn.Deep([below, above])
    constrain(cell, w_1=NoSelf(), w_in_1=Mask(PART), w_out_1=Bounded(-1.0, 1.0))
    return cell, {
        "w_0": limits(signs=SIGNS),
        "w_in_0": fixed(below.w_in.value, PART),
        "w_1": limits(OTHERS),
        "w_in_1": (np.where(PART, -np.inf, 0), np.where(PART, np.inf, 0)),
        "w_out_1": (-1.0, 1.0),
    }


class Watched(bp.optim.Adam):
    """Adam that keeps the least and the largest value of every weight at any update."""

    def register_train_vars(self, train_vars=None):
        super().register_train_vars(train_vars)
        self.least, self.most = (
            {f"{k}_{end}": bm.Variable(v.value) for k, v in (train_vars or {}).items()}
            for end in ("least", "most")
        )
        self.register_implicit_vars(self.least, self.most)

    def update(self, grads):
        for keep, seen in ((jnp.minimum, self.least), (jnp.maximum, self.most)):
            for variable, value in zip(seen.values(), self.vars_to_train.values(), strict=True):
                variable.value = keep(variable.value, value.value)
        super().update(grads)

    def ranges(self):
        """The values before each update, and those after the last."""
        for (name, now), *seen in zip(
            self.vars_to_train.items(), self.least.values(), self.most.values(), strict=True
        ):
            least, most = (np.asarray(v.value) for v in seen)
            yield name, np.minimum(least, now.value), np.maximum(most, now.value)


def check_thousand_updates(make, cls, method):
    cell, allowed = make()
    start, optimizer = cell.params(), Watched(lr=1e-2)
    trainer = cls(cell, method=method, optimizer=optimizer, progress_bar=False)
    trainer.fit((X, Y), num_epoch=1000 if trainer.update_every is None else 1000 // NUM_STEP)
    assert int(optimizer.step.value) == 1000
    pressed = 0
    for name, least, most in optimizer.ranges():
        low, high = allowed.get(name, (-np.inf, np.inf))
        assert ((low <= least) & (most <= high)).all(), name
        free = np.broadcast_to(low, least.shape) < high
        assert ((least < most) == free).all(), name  # all the others learn
        at_bound = (least == low) | (most == high)
        began = (start[name] == low) | (start[name] == high)
        pressed += (free & at_bound & ~began).sum()
    assert pressed > 0  # the data push weights against what they may be


@pytest.mark.parametrize("method", ["bptt", "rtrl"])
@pytest.mark.parametrize("cls", [bp_rnn.OfflineTrainer, bp_rnn.OnlineTrainer])
@pytest.mark.parametrize("make", [rate, lstm, ind, deep])
def test_constraints_hold_over_a_thousand_updates(make, cls, method):
    check_thousand_updates(make, cls, method)


@pytest.mark.usefixtures("float32")
def test_constraints_hold_in_float32():
    check_thousand_updates(rate, bp_rnn.OnlineTrainer, "rtrl")


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: bp.optim.Momentum(lr=0.05, weight_decay=0.01),
        lambda: bp.optim.Adam(lr=1e-2, weight_decay=0.01),
        lambda: optax.adamw(1e-2, weight_decay=0.1),
    ],
)
def test_every_optimiser_obeys_in_minibatches(optimizer):
    cell, allowed = rate()
    start = cell.params()
    trainer = bp_rnn.OfflineTrainer(cell, optimizer=optimizer(), progress_bar=False)
    for num_epoch in (1, 2, 20):
        trainer.fit((X, Y), num_epoch=num_epoch, batch_size=2)
        for name, (low, high) in allowed.items():
            value = np.asarray(getattr(cell, name).value)
            assert ((low <= value) & (value <= high)).all()
    for name, value in cell.params().items():
        low, high = allowed.get(name, (-np.inf, np.inf))
        free = np.broadcast_to(low, value.shape) < high
        assert ((value != start[name]) | ~free | (value == 0)).all()


def test_online_learning_projects_before_the_next_gradient():
    cell, allowed = rate()
    params, state, ws = cell.params(), jnp.zeros((BATCH, NUM)), []

    @jax.jit
    @jax.grad
    def gradient(params, state, x, y):
        new = jax.vmap(lambda s, x: cell.step(params, s, x))(state, x)
        z = jax.vmap(lambda s: cell.output(params, s))(new)
        return ((z - y) ** 2).mean()

    step = jax.jit(jax.vmap(cell.step, (None, 0, 0)))
    for t in 3 * list(range(NUM_STEP)):
        state = state if t else jnp.zeros((BATCH, NUM))
        grads = gradient(params, state, X[:, t], Y[:, t])
        state = step(params, state, X[:, t])
        params = {k: v - 2.0 * grads[k] for k, v in params.items()}
        params |= {k: np.clip(params[k], *allowed[k]) for k in allowed}
        ws.append(np.asarray(params["w"]))
    trainer = bp_rnn.OnlineTrainer(
        cell, method="bptt", optimizer=bp.optim.SGD(lr=2.0), progress_bar=False
    )
    trainer.fit((X, Y), num_epoch=3)
    for name, value in cell.params().items():
        np.testing.assert_allclose(value, params[name], rtol=1e-9, atol=1e-13)
    now, later = np.array(ws[:-1]), np.array(ws[1:])
    one_sign = MASK & OTHERS & (SIGNS != 0)
    assert (one_sign & (now == 0) & (later != 0)).any()  # zero is no trap under Dale's law


def test_what_can_not_move_has_no_part_in_the_norm_that_is_clipped():
    cell, _ = rate()
    constrain(cell, b=Fixed(), w=Fixed())
    before = cell.params()
    trainer = bp_rnn.OfflineTrainer(
        cell, optimizer=bp.optim.SGD(lr=1.0), clip_norm=1e-3, progress_bar=False
    )
    trainer.fit((X, Y), num_epoch=1)
    moves = [np.ravel(v - before[k]) for k, v in cell.params().items()]
    assert np.linalg.norm(np.concatenate(moves)) == pytest.approx(1e-3)


def test_constraints_may_come_and_go_between_fits():
    """Fixed while the optimiser has momentum, freed by an empty list."""
    cell = bp_rnn.RateRNN(3, NUM, num_out=2)
    trainer = bp_rnn.OfflineTrainer(cell, optimizer=bp.optim.Momentum(lr=0.05), progress_bar=False)
    moved = []
    for given in ([], Fixed(), [Fixed(OTHERS), NoSelf()], []):
        assert constrain(cell, w=given) is cell
        assert set(cell.boxes) == ({"w"} if given else set())
        before = np.asarray(cell.w.value)
        trainer.fit((X, Y), num_epoch=3)
        moved.append((np.asarray(cell.w.value) != before).mean())
    assert moved == [1, 0, 0, 1]


def radius(w):
    return np.abs(np.linalg.eigvals(np.asarray(w, float))).max()


def scaled(w, like):
    return w * (radius(like) / radius(w))


def law_of(signs, w):
    return np.where(np.asarray(signs) == 0, w, np.sign(signs) * np.abs(w))


E_I = np.where(np.arange(100) < 80, 1.0, -1.0)
#: Every cell with recurrent weights, the names of these, and 100 units.
RECURRENT = {
    "RateRNN": (lambda: bp_rnn.RateRNN(2, 100), ["w"]),
    "CTRNN": (lambda: bp_rnn.CTRNN(2, 100), ["w"]),
    "LinearRNN": (lambda: bp_rnn.LinearRNN(2, 100), ["w"]),
    "EnergyRNN": (lambda: bp_rnn.EnergyRNN(2, 100), ["w"]),
    "TwoTimescaleRNN": (lambda: bp_rnn.TwoTimescaleRNN(2, 100), ["w"]),
    "VanillaRNN": (lambda: bp_rnn.VanillaRNN(2, 100), ["w"]),
    "GRU": (lambda: bp_rnn.GRU(2, 100), ["w", "w_g"]),
    "LSTM": (lambda: bp_rnn.LSTM(2, 100), ["w"]),
    "ESN": (lambda: bp_rnn.ESN(2, 100), ["w"]),
    "Deep": (lambda: bp_rnn.Deep([bp_rnn.RateRNN(2, 100), bp_rnn.GRU(100, 100)]), ["w_0", "w_g_1"]),
    "Bidirectional": (
        lambda: bp_rnn.Bidirectional(bp_rnn.RateRNN(2, 100), bp_rnn.LSTM(2, 100)),
        ["w_forward", "w_backward"],
    ),
}


def matrices(value):
    value = np.asarray(value)
    return [value] if value.ndim == 2 else list(np.moveaxis(value, 1, 0))


@pytest.mark.parametrize("name", RECURRENT)
def test_dale_keeps_the_spectral_radius(name):
    make, names = RECURRENT[name]
    cell = make()
    assert set(names) <= set(cell.recurrent_names)
    before = cell.params()
    constrain(cell, **{k: [Dale(E_I), NoSelf()] for k in names})
    for k in names:
        for old, new in zip(matrices(before[k]), matrices(cell.params()[k]), strict=True):
            assert radius(new) == pytest.approx(radius(old), rel=1e-6)
            right = law_of(E_I, old) * ~np.eye(100, dtype=bool)
            assert radius(right) > 2 * radius(old)  # what it would be without
            np.testing.assert_allclose(new, scaled(right, old), rtol=1e-6)
    again = cell.params()
    constrain(cell, **{k: [Dale(E_I), NoSelf()] for k in names})
    assert all((v == again[k]).all() for k, v in cell.params().items())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_that_obey_the_law_stay_to_the_bit(dtype):
    w = law_of(E_I, np.random.default_rng(0).normal(size=(100, 100))).astype(dtype)
    with bm.environment(x64=dtype == np.float64):
        cell = constrain(bp_rnn.RateRNN(2, 100, w=w), w=Dale(E_I))
        np.testing.assert_array_equal(cell.w.value, w)
        assert cell.w.value.dtype == dtype


def test_a_rectified_network_under_dales_law_stays_finite():
    net = bp_rnn.RateRNN(2, 100, num_out=1, phi="relu")
    constrain(net, w=[Dale(E_I), NoSelf()])
    zs = bp_rnn.OfflineTrainer(net, progress_bar=False).predict(np.full((1, 1000, 2), 0.1))
    assert np.abs(zs).max() < 10


def test_what_is_not_recurrent_is_not_scaled():
    cell = bp_rnn.RateRNN(6, 6, num_out=6)
    before = {k: np.asarray(v) for k, v in cell.params().items()}
    constrain(cell, w_in=Dale(SIGNS), w_out=Dale(SIGNS))
    for k in ("w_in", "w_out"):
        np.testing.assert_array_equal(cell.params()[k], law_of(SIGNS, before[k]))
    layers = bp_rnn.LayeredRNN(6, [6, 6])
    before = np.asarray(layers.w_2.value)
    constrain(layers, w_2=Dale(SIGNS))
    np.testing.assert_array_equal(layers.w_2.value, law_of(SIGNS, before))


def test_a_radius_that_can_not_be_kept_is_told_with_its_figures():
    w = np.random.default_rng(0).normal(size=(100, 100)) / 10
    grown = radius(law_of(E_I, w))
    for others in ([Fixed(np.eye(100))], [Bounded(np.where(E_I > 0, 0.03, -5), 5)]):
        cell = bp_rnn.RateRNN(2, 100, w=w)
        with pytest.warns(UserWarning, match=r"radius of w of .* from 1\.0\d to [45]\."):
            constrain(cell, w=[Dale(E_I), *others])
        assert radius(cell.w.value) == pytest.approx(grown, rel=0.1)
    nilpotent = np.kron(np.eye(3), [[1.0, -1.0], [1.0, -1.0]])
    with pytest.warns(UserWarning, match=r"from [\d.e-]+ to 2, and it could not be scaled"):
        constrain(bp_rnn.RateRNN(3, NUM, w=nilpotent), w=Dale(np.ones(NUM)))
    balanced = np.tile(np.where(np.arange(NUM) < 3, 1.0, -1.0), (NUM, 1))
    with pytest.warns(UserWarning, match=r"from .* to 3, and it is not scaled"):
        constrain(bp_rnn.RateRNN(3, NUM, w=balanced), w=Mask(np.arange(NUM) < 3))


def test_start_values():
    cell = bp_rnn.RateRNN(3, NUM, num_out=2)
    before = {k: np.asarray(v) for k, v in cell.params().items()}
    w = before["w"]

    def found(*constraints):
        cell.w.value = jnp.asarray(w)
        return np.asarray(constrain(cell, w=constraints).w.value)

    law = np.where(SIGNS == 0, w, np.sign(SIGNS) * np.abs(w))
    for given, right in [
        ([Dale(SIGNS)], scaled(law, w)),
        ([Dale(SIGNS > 0)], scaled(np.where(SIGNS > 0, np.abs(w), w), w)),
        ([Mask(MASK)], w * MASK),
        ([Mask(2.5 * MASK)], w * MASK),
        ([Mask(MASK[0])], w * MASK[0]),
        ([NoSelf()], w * OTHERS),
        ([Fixed()], w),
        ([Bounded(-0.2, 0.3)], np.clip(w, -0.2, 0.3)),
        ([Bounded(-0.2 * MASK, 0.3)], np.clip(w, -0.2 * MASK, 0.3)),
        ([Fixed(MASK), NoSelf()], w * OTHERS),
        ([Bounded(-0.2, 0.3), Dale(SIGNS)], np.clip(law, -0.2 * (SIGNS <= 0), 0.3 * (SIGNS >= 0))),
        ([NoSelf(), Dale(SIGNS), Mask(MASK)], scaled(law * MASK * OTHERS, w)),
    ]:
        np.testing.assert_allclose(found(*given), right, rtol=1e-12)
        assert cell.w.value.dtype == w.dtype
    assert all((v == before[k]).all() for k, v in cell.params().items() if k != "w")


def test_a_second_call_replaces_the_constraints_of_that_parameter_alone():
    cell = constrain(bp_rnn.RateRNN(3, NUM), w=NoSelf(), w_in=Bounded(-1, 1))
    constrain(cell, w=Dale(SIGNS))
    low, high = limits(signs=SIGNS)
    np.testing.assert_array_equal(cell.boxes["w"].low, low)
    np.testing.assert_array_equal(cell.boxes["w"].high, high)
    np.testing.assert_array_equal(cell.boxes["w_in"].high, 1)
    assert cell.boxes["w"].free.all()


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        (lambda cell: bp_rnn.Deep([cell]), "w_0"),
        (lambda cell: bp_rnn.Bidirectional(cell, bp_rnn.LSTM(3, 2)), "w_forward"),
    ],
)
def test_a_parameter_has_one_constraint_under_both_of_its_names(whole, part):
    cell = bp_rnn.RateRNN(3, NUM)
    net = whole(cell)
    constrain(cell, w=NoSelf())
    assert net.boxes.keys() == {part}
    constrain(net, **{part: [], part.replace("w_", "b_"): Fixed()})
    assert cell.boxes.keys() == {"b"}
    assert not cell.boxes["b"].free.any()


def test_a_wrapped_system_of_brainpy_obeys():
    cell = cases.CELLS["BrainPyCell-RNN"]()
    constrain(cell, Wh=NoSelf(), Wi=Fixed())
    fixed, b = np.asarray(cell.params()["Wi"]), np.asarray(cell.params()["b"])
    data = X, np.ones((BATCH, NUM_STEP, cases.NUM))
    bp_rnn.OfflineTrainer(cell, progress_bar=False).fit(data, num_epoch=5)
    params = cell.params()
    np.testing.assert_array_equal(params["Wi"], fixed)
    np.testing.assert_array_equal(params["Wh"] == 0, np.eye(cases.NUM))
    assert (params["b"] != b).all()


def test_a_users_own_constraint():
    class Quiet(bp_rnn.Constraint):
        def box(self, name, value):
            size = jnp.full_like(value, {"w": 0.1, "b": 0.0}[name])
            return Box(size > 0, -size, size)

    cell = constrain(bp_rnn.RateRNN(3, NUM, b=1.0), w=[Quiet(), NoSelf()], b=Quiet())
    assert not np.asarray(cell.b.value).any()
    assert np.abs(cell.w.value).max() == pytest.approx(0.1)
    assert not np.diag(cell.w.value).any()


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"q": Fixed()}, ValueError, r"unknown parameter 'q'; .* has \['b', .*'w_out'\]"),
        ({"w_0": []}, ValueError, "unknown parameter 'w_0'"),
        ({"w": Mask(np.ones((3, 3)))}, ValueError, r"mask of w must broadcast.*\(6, 6\).*\(3, 3\)"),
        ({"w": Mask(np.ones((1, 6, 6)))}, ValueError, "mask of w must broadcast"),
        ({"w_in": Mask([[1, np.nan, 1]])}, ValueError, "mask of w_in must be finite, got nan"),
        ({"w": Mask("all")}, TypeError, "mask of w must hold real numbers"),
        ({"w": Mask([[1], [1, 0]])}, ValueError, "mask of w must be a rectangular array"),
        ({"w": Dale([1, -1])}, ValueError, r"signs of w must have .*\(6,\), got \(2,\)"),
        ({"w": Dale(1.0)}, ValueError, r"signs of w must have .*\(6,\), got \(\)"),
        ({"w": Dale(np.full(6, np.nan))}, ValueError, "signs of w must be finite"),
        ({"b": Dale(np.ones(6))}, ValueError, "signs of b must have one entry for each source"),
        ({"w_in": NoSelf()}, ValueError, r"square matrix, got w_in of shape \(6, 3\)"),
        ({"b": NoSelf()}, ValueError, r"square matrix, got b of shape \(6,\)"),
        ({"w": Fixed(np.ones(5))}, ValueError, "where of w must broadcast"),
        ({"w": Fixed([None])}, TypeError, "where of w must hold real numbers"),
        ({"b": Bounded(1.0, -1.0)}, ValueError, "low of b must not be above high, got 1.0, -1.0"),
        ({"b": Bounded([0, 0, 0, 0, 0, 2], 1)}, ValueError, "low of b must not be above high"),
        ({"w": Bounded(np.nan, 1.0)}, ValueError, "low of w must be finite"),
        ({"w": Bounded(0, np.ones(4))}, ValueError, "high of w must broadcast"),
        ({"w": Bounded(0, "one")}, TypeError, "high of w must hold real numbers"),
        ({"w": [Bounded(0.1, 1), NoSelf()]}, ValueError, "constraints of w contradict each other"),
        ({"w": [Bounded(1, 2), Dale(-np.ones(6))]}, ValueError, "constraints of w contradict"),
        ({"w": [Bounded(0, 1), Fixed(), Bounded(2, 3)]}, ValueError, "constraints of w contradict"),
        ({"w": [NoSelf(), MASK]}, TypeError, "w must be given constraints.*got ndarray"),
        ({"w": MASK}, TypeError, "w must be given constraints.*got ndarray"),
        ({"w": "Dale"}, TypeError, "w must be given constraints.*got str"),
        ({"w": Mask}, TypeError, "w must be given constraints"),
        ({"w": 3}, TypeError, "w must be given constraints.*got int"),
        ({"w": None}, TypeError, "w must be given constraints.*got NoneType"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(given, error, message):
    cell = constrain(bp_rnn.RateRNN(3, NUM, num_out=2), w=NoSelf())
    params, box = cell.params(), cell.boxes["w"]
    with pytest.raises(error, match=message):
        constrain(cell, **{"w_out": Bounded(0, 0), **given})
    assert all(v is params[k] for k, v in cell.params().items())
    assert cell.boxes == {"w": box}


def test_only_a_cell_can_be_constrained():
    net = bp_rnn.RTRL(bp_rnn.RateRNN(3, NUM))
    with pytest.raises(TypeError, match="cell must be a bp_rnn Cell or Readout, got RTRL"):
        constrain(net, w=NoSelf())


@pytest.mark.parametrize(
    ("name", "constraint", "value", "where"),
    [
        ("w", Mask(MASK), 1.0, tuple(int(i) for i in np.argwhere(~MASK)[0])),
        ("w", NoSelf(), 1e-300, (0, 0)),
        ("w", Dale(SIGNS), -1.0, (0, 0)),
        ("w", Dale(SIGNS), 1.0, (0, 3)),
        ("b", Bounded(-1, 1), 1.1, (0,)),
        ("b", Bounded(-1, 1), np.nan, (0,)),
    ],
)
def test_a_checkpoint_that_breaks_a_constraint_is_refused(name, constraint, value, where):
    cell = constrain(bp_rnn.RateRNN(3, NUM, num_out=2), **{name: constraint})
    trainer = bp_rnn.OfflineTrainer(cell, progress_bar=False)
    saved = trainer.state_dict()
    # a second trainer, so that everything else in the checkpoint would be news
    other = bp_rnn.OfflineTrainer(bp_rnn.RateRNN(3, NUM, num_out=2, key=1), key=1).state_dict()
    other["params"] = {**saved["params"], name: jnp.full_like(saved["params"][name], value)}
    with pytest.raises(ValueError, match=rf"checkpoint\.params\.{name} must obey .* at index") as e:
        trainer.load_state_dict(other)
    assert str(e.value).endswith(f"index {where}")
    jax.tree.map(np.testing.assert_array_equal, trainer.state_dict(), saved)
    trainer.load_state_dict({**other, "params": saved["params"]})
    np.testing.assert_array_equal(jax.random.key_data(trainer.key), other["key"])


def boxes(seed, dtype):
    """A box, possibly closed or half open, with values in and out of it."""
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.normal(size=(2, 200)), axis=0)
    ends[0, rng.uniform(size=200) < 0.3] = -np.inf
    ends[1, rng.uniform(size=200) < 0.3] = np.inf
    closed = rng.uniform(size=200) < 0.2
    ends[:, closed] = 0.0
    free = rng.uniform(size=200) < 0.8
    low, high, new = (jnp.asarray(v, dtype) for v in (*ends, 2 * rng.normal(size=200)))
    return Box(jnp.asarray(free), low, high), new


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_projection_gives_the_nearest_allowed_value(dtype):
    box, new = boxes(0, dtype)
    second, old = boxes(1, dtype)
    found = project(box, new, old)
    assert found.dtype == dtype
    free = np.asarray(box.free)
    inside = np.maximum(np.minimum(new, box.high), box.low)
    np.testing.assert_array_equal(found, np.where(free, inside, old))
    np.testing.assert_array_equal(project(box, found, old), found)
    np.testing.assert_array_equal(project(box, found, new)[free], found[free])
    both = intersect(box, second)
    np.testing.assert_array_equal(both.free, free & np.asarray(second.free))
    np.testing.assert_array_equal(both.low, np.maximum(box.low, second.low))
    np.testing.assert_array_equal(both.high, np.minimum(box.high, second.high))


def test_projection_and_gradient_leave_parameters_without_a_box_alone():
    box, new = boxes(0, float)
    _, old = boxes(1, float)
    found = project_all({"w": box}, {"w": new, "b": new}, {"w": old, "b": old})
    assert found["b"] is new
    np.testing.assert_array_equal(found["w"], project(box, new, old))
    grads = free_gradient({"w": box}, {"w": new, "b": new})
    assert grads["b"] is new
    np.testing.assert_array_equal(grads["w"], np.where(box.free, new, 0))
