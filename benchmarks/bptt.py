"""A training step by backpropagation through time, against BrainPy's and torch's.

Dense tanh network, n = 128, 8 inputs, 4 outputs, 100 steps, batch 32, Adam, float32, steady state,
one update on the same data each time. BrainPy's side is ``bp.BPTT`` with ``bp.dyn.RNNCell`` and a
Dense layer; torch's is ``nn.RNN`` and ``nn.Linear``, if it is installed.
"""

import argparse
import importlib.util

import brainpy as bp
import brainpy.math as bm
import numpy as np
from common import fastest, header

import bp_rnn

NUM_IN, NUM, NUM_OUT, STEPS, BATCH = 8, 128, 4, 100, 32
#: Updates in one call.
UPDATES = 20


class Net(bp.DynamicalSystem):
    def __init__(self):
        super().__init__()
        self.cell = bp.dyn.RNNCell(NUM_IN, NUM, activation="tanh")
        self.out = bp.dnn.Dense(NUM, NUM_OUT)

    def update(self, x):
        return self.out(self.cell(x))


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, STEPS, NUM_IN)).astype(np.float32)
    return x, rng.normal(size=(BATCH, STEPS, NUM_OUT)).astype(np.float32)


def ours():
    net = bp_rnn.VanillaRNN(NUM_IN, NUM, num_out=NUM_OUT)
    trainer = bp_rnn.OfflineTrainer(net, optimizer=bp.optim.Adam(lr=1e-3), progress_bar=False)
    batch = data()
    return lambda: trainer.fit(batch, num_epoch=UPDATES)


def brainpy():
    with bm.training_environment():
        net = Net()
    trainer = bp.BPTT(
        net, loss_fun="mean_squared_error", optimizer=bp.optim.Adam(lr=1e-3), progress_bar=False
    )
    x, y = (bm.asarray(v) for v in data())

    def batches():
        for _ in range(UPDATES):
            yield x, y

    return lambda: trainer.fit(batches, num_epoch=1, num_report=-1)


def torch():
    import torch

    rnn, out = torch.nn.RNN(NUM_IN, NUM, batch_first=True), torch.nn.Linear(NUM, NUM_OUT)
    optimizer = torch.optim.Adam([*rnn.parameters(), *out.parameters()], lr=1e-3)
    x, y = (torch.from_numpy(v) for v in data())

    def run():
        for _ in range(UPDATES):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(out(rnn(x)[0]), y)
            loss.backward()
            optimizer.step()

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="interleaved repeats")
    rounds = parser.parse_args().rounds
    sides = {"bp_rnn": ours(), "bp.BPTT": brainpy()}
    if importlib.util.find_spec("torch"):
        sides["torch nn.RNN"] = torch()
    print(header(), "\n")
    print("| an update | ms | times bp_rnn |")
    print("|---|---|---|")
    took = fastest(sides, rounds)
    for name, value in took.items():
        print(f"| {name} | {1e3 * value / UPDATES:.2f} | {value / took['bp_rnn']:.2f} |")


if __name__ == "__main__":
    main()
