"""One compiled program for all that are alike."""

import brainpy as bp
import cases
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from compilations import counted

import bp_rnn
from bp_rnn import _programs

X = np.random.default_rng(0).normal(size=(3, 6, 2))
Y = X[..., :1] + 0.5


def make(key=0, cell=bp_rnn.CTRNN, optimizer=None, **options):
    fixed = {k: options.pop(k) for k in ("tau", "phi") if k in options}
    net = cell(2, 4, num_out=1, key=key, **fixed)
    optimizer = optax.adam(1e-2) if optimizer is None else optimizer
    return bp_rnn.OfflineTrainer(net, optimizer=optimizer, progress_bar=False, **options)


def learned(trainer):
    losses = trainer.fit((X, Y), num_epoch=3, batch_size=1)
    return np.append(losses, np.asarray(trainer.predict(X)))


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: optax.chain(optax.clip(1.0), optax.adam(1e-2)),
        lambda: bp.optim.Momentum(lr=bp.optim.ExponentialDecayLR(0.1, 2, 0.9)),
    ],
)
@pytest.mark.parametrize("cell", [bp_rnn.CTRNN, bp_rnn.LSTM])
def test_a_second_network_compiles_nothing_and_learns_as_if_alone(optimizer, cell):
    trainers = [make(key, cell, optimizer(), method="rtrl") for key in (1, 2)]
    learned(trainers[0])
    with counted() as compiled:
        second = learned(trainers[1])
    assert not compiled
    _programs.clear()
    np.testing.assert_array_equal(learned(make(2, cell, optimizer(), method="rtrl")), second)


@pytest.mark.parametrize(
    ("algorithm", "cell_name"),
    [(a, c) for a in cases.ALGORITHMS for c in cases.CELLS if a == "BPTT" or c == "LSTM"],
)
def test_every_algorithm_on_every_cell_shares_its_program(algorithm, cell_name):
    nets = [cases.ALGORITHMS[algorithm](cases.CELLS[cell_name]()) for _ in range(2)]
    first, second = (_programs.Fingerprint(net) for net in nets)
    # a system that is not this package's is alike only to itself
    assert (first.key == second.key) == (cases.is_keyed(cell_name) and cell_name != "Pair")


def test_a_shared_program_writes_no_variable(monkeypatch):
    """Its network may be in use in another thread while it is traced."""
    _programs.clear()
    trainer = make(method="rtrl")

    def refuse(self, value):
        raise AssertionError(f"{self} is written while a program is traced")

    with monkeypatch.context() as patched:
        patched.setattr(bp_rnn.Cell, "set_state", refuse)
        trainer.predict(X)
    learned(trainer)


def test_a_changed_constant_is_obeyed():
    trainer = make()
    before = trainer.predict(X)
    trainer.cell.tau = jnp.asarray(3.0)
    changed = trainer.predict(X)
    assert np.abs(changed - before).max() > 1e-3
    np.testing.assert_array_equal(changed, make(tau=3.0).predict(X))
    # the first network's constants have changed: nobody else may run with them
    np.testing.assert_array_equal(make().predict(X[:, :4]), before[:, :4])


def test_networks_that_differ_do_not_share():
    different = [
        make(),
        make(tau=2.0),
        make(phi="relu"),
        make(optimizer=optax.adam(1e-1)),
        make(loss="l2_loss"),
        make(clip_norm=1.0),
        make(penalties=[bp_rnn.WeightL2(0.1)]),
        make(method="rtrl"),
        make(cell=bp_rnn.GRU),
    ]
    found = [_programs.Fingerprint(trainer._made_from(False)).key for trainer in different]
    assert len(set(found)) == len(found)


SCALE = 1.0


def scaled(z, y):
    return SCALE * sum((z - y) ** 2 for _ in range(1))


def test_a_loss_is_known_by_what_it_reads(monkeypatch):
    once = make(loss=scaled).fit((X, Y), num_epoch=1)
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    np.testing.assert_allclose(make(loss=scaled).fit((X, Y), num_epoch=1), 2 * once)

    def times(factor):
        return lambda z, y: factor * (z - y) ** 2

    np.testing.assert_allclose(make(loss=times(3)).fit((X, Y), num_epoch=1), 3 * once)
    np.testing.assert_allclose(make(loss=times(4)).fit((X, Y), num_epoch=1), 4 * once)


def test_cells_of_the_user_are_alike_only_to_themselves():
    class Own(bp_rnn.VanillaRNN):
        gain = 1.0

        def step(self, params, state, x):
            return self.gain * super().step(params, state, x)

    first, second = (make(cell=Own) for _ in range(2))
    second.cell.gain = 0.5
    assert np.abs(first.predict(X) - second.predict(X)).max() > 1e-3


def test_few_programs_are_kept(monkeypatch):
    _programs.clear()
    monkeypatch.setattr(_programs, "MAX_PROGRAMS", 2)
    for tau in (1.0, 2.0, 3.0):
        make(tau=tau).predict(X)
    kept, forgotten = make(tau=3.0), make(tau=1.0)
    with counted() as compiled:
        kept.predict(X)
        assert not compiled
        forgotten.predict(X)
    assert compiled
    monkeypatch.setattr(_programs, "MAX_BYTES", 1)
    for _ in range(2):
        kept.predict(X)
    with counted() as compiled:
        kept.predict(X)  # the newest stays, however large it is
    assert not compiled
    assert len(_programs._programs) == 1
