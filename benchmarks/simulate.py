"""Forward simulation, 1000 units, batch 32, 1000 steps: a cell against a hand-written lax.scan.

The hand-written side is what one would write for that one network: whole batches, gates side by
side in one product. ``h @ W`` has its matrices laid out for it beforehand; ``r @ w.T`` has them as
the lecture writes them, the row being the unit that is driven. Both sides take and return BrainPy's
layout, (batch, time, features). float32.
"""

import argparse
import functools

import jax
import jax.numpy as jnp
import numpy as np
from common import fastest, header

import bp_rnn

NUM_IN, NUM, BATCH, STEPS = 10, 1000, 32, 1000


def scan(body, start, xs):
    return jax.lax.scan(body, start, xs.swapaxes(0, 1))[1].swapaxes(0, 1)


def rate(p, r, xs):
    def body(r, x):
        r = r + 0.1 * (-r + jnp.tanh(r @ p["w"] + x @ p["w_in"] + p["b"]))
        return r, r

    return scan(body, r, xs)


def rate_by_rows(p, r, xs):
    def body(r, x):
        r = r + 0.1 * (-r + jnp.tanh(r @ p["w"].T + x @ p["w_in"].T + p["b"]))
        return r, r

    return scan(body, r, xs)


def lstm(p, state, xs):
    def body(carry, x):
        h, c = carry
        f, i, v, o = jnp.split(h @ p["w"] + x @ p["w_in"] + p["b"], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(v)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return scan(body, tuple(jnp.split(state, 2, axis=-1)), xs)


def gru(p, h, xs):
    def body(h, x):
        drive = jnp.split(x @ p["w_in"] + p["b"], 3, axis=-1)
        z, r = jnp.split(h @ p["w"], 2, axis=-1)
        z, r = jax.nn.sigmoid(z + drive[0]), jax.nn.sigmoid(r + drive[1])
        h = z * h + (1 - z) * jnp.tanh((r * h) @ p["w_g"] + drive[2])
        return h, h

    return scan(body, h, xs)


def transposed(params):
    """Put the source of every weight first, and gates side by side: (source, gate * unit)."""

    def change(name, value):
        if name == "b":
            return value.T.ravel()
        return jnp.moveaxis(value, 0, -2).reshape(-1, value.shape[-1]).T

    return {k: change(k, v) for k, v in params.items()}


CASES = {
    "RateRNN, `r @ W`": (bp_rnn.RateRNN, rate, transposed),
    "RateRNN, `r @ w.T`": (bp_rnn.RateRNN, rate_by_rows, dict),
    "LSTM, `h @ W`": (bp_rnn.LSTM, lstm, transposed),
    "GRU, `h @ W`": (bp_rnn.GRU, gru, transposed),
}


def measure(make, by_hand, layout, rounds):
    cell = make(NUM_IN, NUM)
    trainer = bp_rnn.OfflineTrainer(cell, progress_bar=False)
    rng = np.random.default_rng(0)
    xs = jnp.asarray(rng.normal(size=(BATCH, STEPS, NUM_IN)), jnp.float32)
    start = jnp.zeros((BATCH, cell.size), jnp.float32)
    run = functools.partial(jax.jit(by_hand), layout(cell.params()), start, xs)
    np.testing.assert_allclose(trainer.predict(xs)[:, :50], run()[:, :50], atol=1e-5)
    return fastest({"hand": run, "cell": lambda: trainer.predict(xs)}, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved repeats")
    rounds = parser.parse_args().rounds
    print(header(), "\n")
    print("| cell, hand-written with | lax.scan, s | bp_rnn, s | bp_rnn / lax.scan |")
    print("|---|---|---|---|")
    for name, case in CASES.items():
        took = measure(*case, rounds)
        ratio = took["cell"] / took["hand"]
        print(f"| {name} | {took['hand']:.3f} | {took['cell']:.3f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
