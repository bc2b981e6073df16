"""1000 epochs of the lecture's homework: its own loop over DSRunner against OfflineTrainer.

The lecture makes a DSRunner in each epoch; a second loop uses one runner for all epochs. An epoch
of either takes much longer than any noise, so a part of the epochs is timed and scaled to 1000.
"""

import argparse

import brainpy as bp
import brainpy.math as bm
import numpy as np
from common import header, seconds

import bp_rnn

EPOCHS = 1000


class Homework(bp.DynamicalSystem):
    """The lecture's class, its missing lines filled in and its reset made to work."""

    def __init__(self):
        super().__init__()
        self.r, self.pw, self.pb = (bm.Variable(bm.zeros(1)) for _ in range(3))
        self.w, self.b = (bm.Variable(bm.ones(1)) for _ in range(2))
        self.dt = bm.get_dt()

    def reset_neuron(self, y0):
        self.r.value = bm.ones(1) * y0
        self.pw.value, self.pb.value = bm.zeros(1), bm.zeros(1)

    def update(self, x):
        dr = ((self.w - 1) * self.r + self.b + x) * self.dt
        dpw = ((self.w - 1) * self.pw + self.r) * self.dt
        dpb = ((self.w - 1) * self.pb + 1) * self.dt
        self.r.value, self.pw.value, self.pb.value = self.r + dr, self.pw + dpw, self.pb + dpb

    def train(self, r_seq, pw_seq, pb_seq, y):
        self.w.value = self.w - 0.1 * bm.mean((r_seq - y) * pw_seq)
        self.b.value = self.b - 0.1 * bm.mean((r_seq - y) * pb_seq)
        return bm.mean(bm.square(r_seq - y)) / 2


def loop(x, y, num_epoch, reuse):
    """Return the losses of the lecture's loop."""
    rnn, losses, runner = Homework(), [], None
    for _ in range(num_epoch):
        rnn.reset_neuron(y[0])
        if runner is None or not reuse:
            runner = bp.DSRunner(rnn, monitors=["r", "pw", "pb"], progress_bar=False)
        runner.run(inputs=x)
        seen = [bm.squeeze(runner.mon[k]) for k in ("r", "pw", "pb")]
        losses.append(float(rnn.train(*seen, y)))
    return losses


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop-epochs", type=int, default=50, help="epochs of the loop to time")
    num = parser.parse_args().loop_epochs
    x, y = bp_rnn.tasks.homework(0)
    trainer = bp_rnn.OfflineTrainer(
        bp_rnn.RNN(),
        optimizer=bp.optim.SGD(lr=0.1),
        loss="l2_loss",
        init_state="target",
        progress_bar=False,
    )

    def fit():
        return trainer.fit((x, y), num_epoch=EPOCHS)

    np.testing.assert_allclose(loop(x, y, 3, False), loop(x, y, 3, True), rtol=1e-5)
    first = seconds(fit)
    np.testing.assert_allclose(trainer.train_losses[:3], loop(x, y, 3, False), rtol=1e-5)
    again = min(seconds(fit) for _ in range(5))
    times = {
        "lecture's loop, a DSRunner an epoch": seconds(lambda: loop(x, y, num, False)),
        "the same with one DSRunner": seconds(lambda: loop(x, y, num, True)),
    }
    times = {k: v * EPOCHS / num for k, v in times.items()}
    times |= {"OfflineTrainer, first call": first, "OfflineTrainer, second call": again}
    print(header(), f"(loops: {num} epochs timed)\n")
    print("| 1000 epochs | seconds | times slower than first call | than second call |")
    print("|---|---|---|---|")
    for name, value in times.items():
        print(f"| {name} | {value:.3g} | {value / first:.3g} | {value / again:.3g} |")


if __name__ == "__main__":
    main()
