"""Lyapunov exponents: of the Lorenz system, and where a random network wakes up.

Lorenz: 20 runs of 10^5 steps of 0.01; literature 0.9056, 0, -14.5723 (Sprott 2003). Random network:
s_{t+1} = tanh(g J s_t) with n = 500 units and normal J of deviation 1 / sqrt(n), whose largest
exponent reaches zero where the rest is no longer stable, at g = 1 for infinite n (Molgedey et al.
1992; Sompolinsky et al. 1988 for continuous time). The gain at which it does is found by bisection
to 0.001. Beside it the time of a step of a run with all exponents against that of n jvp and a QR.
"""

import argparse

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
from common import fastest, header

import bp_rnn
from bp_rnn import analysis

NUM = 500


def lorenz(s):
    return jnp.stack([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])


def exponents_of_lorenz(runs):
    system = analysis.Flow(lorenz, 3)
    found = [analysis.lyapunov_spectrum(system, num_step=100_000, key=k) for k in range(runs)]
    return np.array([one.exponents for one in found]), np.array([one.dimension for one in found])


def wakes_up(cell, seed):
    """Return the gain at which the largest exponent reaches zero, and 1 / spectral radius."""
    j = np.random.default_rng(seed).normal(size=(NUM, NUM)) / np.sqrt(NUM)
    low, high = 0.5, 1.5
    while high - low > 1e-3:
        gain = 0.5 * (low + high)
        found = analysis.lyapunov_spectrum(
            cell,
            params={"w": gain * j},
            num_step=2000,
            num_transient=2000,
            num_exponent=1,
            key=seed,
        )
        low, high = (gain, high) if found.exponents[0] < -1e-3 else (low, gain)
    return gain, 1 / np.abs(np.linalg.eigvals(j)).max()


def cost(num, rounds):
    """Return the seconds of a step: ours, and those of its parts."""
    steps, w = 200, np.random.default_rng(0).normal(size=(num, num)) * 1.5 / np.sqrt(num)
    cell = bp_rnn.VanillaRNN(1, num, w=w)
    w = jnp.asarray(w, cell.state.dtype)

    @jax.jit
    def parts(frame):
        def body(frame, _):
            return jnp.linalg.qr(w @ frame)[0], None

        return jax.lax.scan(body, frame, length=steps)[0]

    options = {"num_step": steps, "num_transient": 0}
    sides = {
        "lyapunov_spectrum": lambda: analysis.lyapunov_spectrum(cell, **options).exponents,
        "W Q and its QR": lambda: parts(jnp.eye(num, dtype=w.dtype)),
    }
    return {name: value / steps for name, value in fastest(sides, rounds).items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="runs of the Lorenz system")
    parser.add_argument("--seeds", type=int, default=5, help="random networks")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved repeats")
    given = parser.parse_args()
    print(header(), "\n")
    print("| n | side | ms a step | times the parts |\n|---|---|---|---|")
    for num in (20, 100, 300):
        took = cost(num, given.rounds)
        floor = took["W Q and its QR"]
        for name, value in took.items():
            print(f"| {num} | {name} | {1e3 * value:.3f} | {value / floor:.2f} |", flush=True)
    print("\n| random network, seed | exponent zero at g | 1 / spectral radius |\n|---|---|---|")
    cell = bp_rnn.VanillaRNN(1, NUM)
    for seed in range(given.seeds):
        gain, radius = wakes_up(cell, seed)
        print(f"| {seed} | {gain:.3f} | {radius:.3f} |", flush=True)
    bm.enable_x64()
    values, dimension = exponents_of_lorenz(given.runs)
    print("\n| Lorenz | mean | standard deviation of a run |\n|---|---|---|")
    for name, column in zip(("first", "second", "third"), values.T, strict=True):
        print(f"| {name} exponent | {column.mean():.4f} | {column.std():.4f} |")
    print(f"| dimension | {dimension.mean():.4f} | {dimension.std():.4f} |")


if __name__ == "__main__":
    main()
