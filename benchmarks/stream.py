"""Memory of exact learning on a stream: the peak does not grow with the number of steps.

A VanillaRNN of 64 units learns from a stream of random numbers that is made and given 1000 steps
at a time; the gradient is exact through all of it. BPTT over as many steps at once stands beside
it, by what its compiled program needs.
"""

import argparse
import resource
import sys

import brainpy as bp
import jax
import numpy as np
from common import header
from tqdm import tqdm

import bp_rnn
from bp_rnn.functional import trajectory

NUM_IN, NUM, NUM_OUT, CHUNK = 8, 64, 4, 1000
#: Of ``ru_maxrss``, in bytes.
UNIT = 1 if sys.platform == "darwin" else 1024


def stream(trainer, steps):
    """Learn from ``steps`` steps, going on from where the network is."""
    rng = np.random.default_rng(0)
    for _ in tqdm(range(steps // CHUNK), leave=False):
        x = rng.normal(size=(CHUNK, NUM_IN)).astype(np.float32)
        y = rng.normal(size=(CHUNK, NUM_OUT)).astype(np.float32)
        trainer.fit((x, y), num_epoch=1, reset_state=False)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def at_once(steps):
    """Return the bytes of a gradient by backpropagation through ``steps`` steps, data included."""
    net = bp_rnn.BPTT(bp_rnn.VanillaRNN(NUM_IN, NUM, num_out=NUM_OUT))
    loss = trajectory.step_loss(net.output, lambda z, y: (z - y) ** 2)

    def gradient(params, state, xs, ys):
        trace = net.start(params, state)
        return net.window(params, state, trace, xs, trajectory.mean_targets(ys), loss).grads

    shapes = (1, NUM), (1, steps, NUM_IN), (1, steps, NUM_OUT)
    given = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes]
    program = jax.jit(gradient).lower(net.cell.params(), *given).compile()
    need = program.memory_analysis()
    return need.temp_size_in_bytes + need.argument_size_in_bytes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1_000_000, help="steps of the longest stream")
    most = parser.parse_args().most
    cell = bp_rnn.VanillaRNN(NUM_IN, NUM, num_out=NUM_OUT)
    trainer = bp_rnn.OfflineTrainer(
        cell, method="block_rtrl", optimizer=bp.optim.Adam(lr=1e-4), progress_bar=False
    )
    stream(trainer, CHUNK)  # compiles
    lengths = [10**k for k in range(3, 10) if 10**k <= most]
    peaks = [stream(trainer, steps) for steps in lengths]
    print(header(), "\n")
    print("| steps | BlockRTRL, peak of the process, MB | BPTT at once needs, MB |")
    print("|---|---|---|")
    for steps, peak in zip(lengths, peaks, strict=True):
        print(f"| {steps} | {peak / 1e6:.1f} | {at_once(steps) / 1e6:.1f} |")


if __name__ == "__main__":
    main()
