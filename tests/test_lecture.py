"""The lecture's homework text with its missing lines filled in, next to the library."""

import brainpy as bp
import brainpy.math as bm
import numpy as np
import pytest

import bp_rnn


class Homework(bp.DynamicalSystemNS):
    def __init__(self, dt=bm.dt):
        super().__init__(name=None)
        self.r = bm.Variable(bm.zeros(1))
        self.pw = bm.Variable(bm.zeros(1))
        self.pb = bm.Variable(bm.zeros(1))
        self.w = bm.Variable(bm.ones(1))
        self.b = bm.Variable(bm.ones(1))
        self.dt = dt

    def reset_neuron(self, y0):
        self.r = bm.Variable(bm.ones(1) * y0)
        self.zero_sensitivities()

    def zero_sensitivities(self):
        # the text has self.pw[0].value = 0, which sets an attribute of a temporary array
        self.pw.value = bm.zeros(1)
        self.pb.value = bm.zeros(1)

    def update(self, x):
        r = self.r.value  # the missing lines follow p_w with the rate before its update
        dr = ((self.w - 1) * self.r + self.b + x) * self.dt
        self.r.value = self.r + dr
        dpw = ((self.w - 1) * self.pw + r) * self.dt
        self.pw.value = self.pw + dpw
        dpb = ((self.w - 1) * self.pb + 1) * self.dt
        self.pb.value = self.pb + dpb

    def train(self, r_seq, pw_seq, pb_seq, y):
        eta = 0.1
        dw = -eta * bm.mean((r_seq - y) * pw_seq)
        self.w.value = self.w + dw
        db = -eta * bm.mean((r_seq - y) * pb_seq)
        self.b.value = self.b + db
        return bm.mean(bm.square(r_seq - y)) / 2, dw, db


class AsPrinted(Homework):
    def zero_sensitivities(self):
        self.pw[0].value = 0
        self.pb[0].value = 0


def ten_epochs(rnn, x, y):
    losses = []
    for _ in range(10):
        rnn.reset_neuron(y[0])
        runner = bp.DSRunner(rnn, monitors=["r", "pw", "pb"], progress_bar=False)
        runner.run(inputs=x)
        seen = [bm.squeeze(runner.mon[k]) for k in ("r", "pw", "pb")]
        losses.append(float(rnn.train(*seen, y)[0]))
    return losses


def test_the_library_gives_the_lectures_losses():
    x, y = bp_rnn.tasks.homework(0)
    rnn = Homework()
    expected = ten_epochs(rnn, x, y)
    net = bp_rnn.RNN()
    trainer = bp_rnn.OfflineTrainer(
        net,
        optimizer=bp.optim.SGD(lr=0.1),
        loss="l2_loss",
        init_state="target",
        progress_bar=False,
    )
    np.testing.assert_allclose(trainer.fit((x, y), num_epoch=10), expected, rtol=1e-12)
    np.testing.assert_allclose(net.w.value[0], rnn.w.value, rtol=1e-12)
    np.testing.assert_allclose(net.b.value, rnn.b.value, rtol=1e-12)


def test_the_reset_as_printed_resets_nothing():
    x, y = bp_rnn.tasks.homework(0)
    good, printed = ten_epochs(Homework(), x, y), ten_epochs(AsPrinted(), x, y)
    assert printed[:2] == pytest.approx(good[:2])  # the first epoch starts from zeros all the same
    assert printed[2] != pytest.approx(good[2], rel=1e-2)


@pytest.mark.parametrize("num", [1, 4])
def test_rnn_obeys_the_lectures_equations(num):
    net = bp_rnn.RNN(num)
    assert (np.asarray(net.w.value) == np.eye(num)).all()
    rng = np.random.default_rng(0)
    net = bp_rnn.RNN(num, w=rng.normal(size=(num, num)), b=rng.normal(size=num))
    xs = rng.normal(size=(5, num))
    runner = bp.DSRunner(net, monitors=["r", "p_w", "p_b"], progress_bar=False)
    runner.run(inputs=xs)
    w, b, eye = np.asarray(net.w.value), np.asarray(net.b.value), np.eye(num)
    r, p_w, p_b = np.zeros(num), np.zeros((num, num, num)), np.zeros((num, num))
    for x, seen_r, seen_w, seen_b in zip(xs, *(runner.mon[k] for k in ("r", "p_w", "p_b"))):
        p_w = p_w + 0.1 * (np.tensordot(w - eye, p_w, 1) + np.einsum("ki,j->kij", eye, r))
        p_b = p_b + 0.1 * ((w - eye) @ p_b + eye)
        r = r + 0.1 * (-r + w @ r + b + x)
        np.testing.assert_allclose(seen_r, r, rtol=1e-12)
        np.testing.assert_allclose(seen_w, p_w, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(seen_b, p_b, rtol=1e-12, atol=1e-14)


def test_scalar_inputs_reach_one_unit():
    net = bp_rnn.RNN()
    net.update(0.5)
    assert float(net.r.value[0]) == pytest.approx(0.15)
