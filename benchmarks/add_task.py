"""The adding problem at a delay of 200 steps: which networks learn it, five seeds each.

The same data, the same number of updates, Adam with a cosine schedule and gradients clipped to norm
one for all; gated networks have 32 units and the others 64, about 4300 parameters each. The error
is the mean squared one on new data; always answering 1 has 1/6 = 0.167.
"""

import argparse
import functools
import time

import brainpy as bp
import numpy as np
from common import header

import bp_rnn

STEPS, TRIALS, BATCH, EPOCHS, LR = 200, 4000, 50, 40, 2e-3


def vanilla(key, phi, orthogonal):
    w = bp.init.Orthogonal(seed=key) if orthogonal else None
    return bp_rnn.VanillaRNN(2, 64, phi=phi, w=w, num_out=1, key=key)


CASES = {
    "VanillaRNN (default: tanh, normal)": functools.partial(vanilla, phi="tanh", orthogonal=False),
    "VanillaRNN, tanh, orthogonal": functools.partial(vanilla, phi="tanh", orthogonal=True),
    "VanillaRNN, relu, normal": functools.partial(vanilla, phi="relu", orthogonal=False),
    "VanillaRNN, relu, orthogonal": functools.partial(vanilla, phi="relu", orthogonal=True),
    "LSTM": lambda key: bp_rnn.LSTM(2, 32, num_out=1, key=key),
    "GRU": lambda key: bp_rnn.GRU(2, 32, num_out=1, key=key),
}


def learn(make, seed, epochs):
    """Return the error on new data after learning."""
    data = bp_rnn.tasks.add(seed, num_trial=TRIALS, num_step=STEPS)
    new = bp_rnn.tasks.add(1000 + seed, num_trial=1000, num_step=STEPS)
    trainer = bp_rnn.OfflineTrainer(
        make(seed),
        optimizer=bp.optim.Adam(lr=bp.optim.CosineAnnealingLR(LR, T_max=epochs)),
        clip_norm=1.0,
        progress_bar=False,
    )
    trainer.fit(data, num_epoch=epochs, batch_size=BATCH)
    return float(np.mean((trainer.predict(new.x) - new.y)[:, -1] ** 2))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    print(header(), "\n")
    print("| network | error on new data, each seed | seconds a seed, compiling included |")
    print("|---|---|---|")
    for name, make in CASES.items():
        began = time.perf_counter()
        errors = [learn(make, seed, options.epochs) for seed in range(options.seeds)]
        took = (time.perf_counter() - began) / options.seeds
        print(f"| {name} | {', '.join(f'{e:.4f}' for e in errors)} | {took:.0f} |", flush=True)


if __name__ == "__main__":
    main()
