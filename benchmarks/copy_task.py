"""A copy task with a curriculum: how long a list each algorithm learns to repeat.

Streams of lists of random bits: the list one bit a step, then a go signal and silence in which it
is to be repeated. A list has L - 5 to L bits; L grows by one whenever the cross entropy of a piece
of the streams is below 0.15 bits a character, and what counts is the L that is reached with a fixed
amount of data. The network is a GRU whose weights are updated at every step, with a batch of
streams and Adam; it is never reset. Task and criterion after Menick et al. (2021) and Mujika et al.
(2018), whose networks are larger and see far more data.
"""

import argparse
import functools

import brainpy as bp
import brainpy.math as bm
import numpy as np
from common import header

import bp_rnn

UNITS, BATCH, PIECE, LR, DENSITY, SOLVED = 32, 16, 250, 3e-3, 0.25, 0.15
NOTHING, GO = 2, 3


class Streams:
    """Lists and their repetitions, one after the other in each of a batch of streams."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.rest = [np.zeros((3, 0), int) for _ in range(BATCH)]

    def trial(self, longest):
        """Return symbols shown, asked for, and whether that counts, ``(3, 2 length)``."""
        bits = self.rng.integers(0, 2, self.rng.integers(max(longest - 5, 1), longest + 1))
        silence = np.full(len(bits), NOTHING)
        silence[0] = GO
        zeros = np.zeros(len(bits), int)
        shown = np.append(bits, silence)
        return np.stack([shown, np.append(zeros, bits), np.append(zeros, zeros + 1)])

    def piece(self, longest):
        """Return inputs, labels and mask of the next ``PIECE`` steps of all streams."""
        rows = []
        for i, row in enumerate(self.rest):
            while row.shape[1] < PIECE:
                row = np.append(row, self.trial(longest), axis=1)
            rows.append(row[:, :PIECE])
            self.rest[i] = row[:, PIECE:]
        shown, asked, counts = np.stack(rows, axis=1)
        return np.eye(4, dtype=np.float32)[shown], asked, counts


def network(seed, sparse):
    mode = bm.BatchingMode(BATCH)
    cell = bp_rnn.GRU(4, UNITS, reset_after=True, num_out=2, key=seed, mode=mode)
    if sparse:
        mask = np.random.default_rng(seed).random((UNITS, UNITS)) < DENSITY
        np.fill_diagonal(mask, True)
        bp_rnn.constrain(cell, w=[bp_rnn.Mask(mask[:, None])], w_g=[bp_rnn.Mask(mask)])
        for name in ("w", "w_g"):  # as large a drive as with all connections
            getattr(cell, name).value /= DENSITY**0.5
    return cell


DENSE = {
    "RTRL": lambda cell, _: bp_rnn.RTRL(cell),
    "BPTT, 20 steps": lambda cell, _: bp_rnn.BPTT(cell, truncation=20),
    "BPTT, 5 steps": lambda cell, _: bp_rnn.BPTT(cell, truncation=5),
    "SnAp-1": lambda cell, _: bp_rnn.SnAp(cell),
    "e-prop": lambda cell, _: bp_rnn.EProp(cell),
    "RFLO": lambda cell, key: bp_rnn.RFLO(cell, key=key),
    "KF-RTRL": lambda cell, key: bp_rnn.KFRTRL(cell, key=key),
    "UORO": lambda cell, key: bp_rnn.UORO(cell, key=key),
}
SPARSE = {
    "RTRL": DENSE["RTRL"],
    "SnAp-2": lambda cell, _: bp_rnn.SnAp(cell, 2),
    "SnAp-1": DENSE["SnAp-1"],
}


def learn(make, seed, pieces, lr, sparse):
    """Return the length that is reached, and the bits a character of the last tenth."""
    streams, longest, bits = Streams(seed), 1, []
    trainer = bp_rnn.OnlineTrainer(
        make(network(seed, sparse), seed),
        optimizer=bp.optim.Adam(lr=lr),
        loss="cross_entropy_loss",
        progress_bar=False,
    )
    fit = functools.partial(trainer.fit, num_epoch=1, reset_state=False)
    for _ in range(pieces):
        bits.append(float(fit(streams.piece(longest))[0]) / np.log(2))
        longest += bits[-1] < SOLVED
    return longest, np.mean(bits[-(pieces // 10) :])


def table(title, algorithms, options):
    print(f"\n| {title} | length, each seed | mean | bits a character, last tenth |")
    print("|---|---|---|---|")
    sparse = algorithms is SPARSE
    for name, make in algorithms.items():
        if options.only and name not in options.only:
            continue
        found = [
            learn(make, seed, options.pieces, options.lr, sparse) for seed in range(options.seeds)
        ]
        lengths, bits = zip(*found, strict=True)
        each = ", ".join(map(str, lengths))
        means = f"{np.mean(lengths):.1f} | {np.mean(bits):.3f}"
        print(f"| {name} | {each} | {means} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pieces", type=int, default=60, help="of 250 steps of 16 streams")
    parser.add_argument("--lr", type=float, default=LR)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    print(header())
    table(f"GRU, {UNITS} units", DENSE, options)
    table(f"{1 - DENSITY:.0%} of the recurrent weights zero", SPARSE, options)


if __name__ == "__main__":
    main()
