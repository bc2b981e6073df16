"""How gradients align: the algorithms run beside exact online learning on the Add task.

RTRL changes the weights at every step; the others see the same weights, states and inputs, keep
their own traces and change nothing. The table is the mean over time and seeds of the cosine
between the gradients by the recurrent network's parameters, as in the alignment matrix of
Marschall, Cho & Savin (2020). Task and network are those of marschall.py.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np
from common import header
from marschall import ALGORITHMS, UNITS, network, stream

from bp_rnn.functional import trajectory
from bp_rnn.typing import Target

NAMES = [name for name in ALGORITHMS if name != "read-out alone"]


def cross_entropy(z, y):
    return -jnp.sum(y * jax.nn.log_softmax(z))


def unit_vector(cell, grads):
    flat = jnp.concatenate([grads[k].reshape(-1) for k in cell.param_names])
    return flat / jnp.maximum(jnp.linalg.norm(flat), 1e-30)


def cosines(seed, steps, lr):
    """Return mean and deviation over time of the cosines, and the loss of every step."""
    cell = network(seed)
    nets = [ALGORITHMS[name](cell, seed) for name in NAMES]
    losses = [trajectory.step_loss(net.output, cross_entropy) for net in nets]
    params, state = cell.params(), jnp.zeros((1, UNITS), jnp.float32)

    def body(carry, now):
        params, state, traces, total, squares = carry
        x, target = jax.tree.map(lambda v: v[None, None], now)
        found = [
            net.window(params, state, trace, x, target, loss)
            for net, trace, loss in zip(nets, traces, losses, strict=True)
        ]
        each = jnp.stack([unit_vector(cell, f.grads) for f in found])
        cosine = each @ each.T
        params = jax.tree.map(lambda p, g: p - lr * g, params, found[0].grads)
        total, squares = total + cosine, squares + cosine**2
        return (params, found[0].state, [f.trace for f in found], total, squares), found[0].loss

    @jax.jit
    def run(params, state, traces, xs, targets):
        zero = jnp.zeros((len(nets), len(nets)))
        carry, loss = jax.lax.scan(body, (params, state, traces, zero, zero), (xs, targets))
        return *carry[-2:], loss

    xs, ys = map(jnp.asarray, stream(seed, steps))
    targets = Target(ys, weight=jnp.ones(steps), share=jnp.ones(steps))
    traces = [net.start(params, state) for net in nets]
    total, squares, loss = run(params, state, traces, xs, targets)
    mean = np.asarray(total) / steps
    return mean, np.sqrt(np.maximum(np.asarray(squares) / steps - mean**2, 0)), np.asarray(loss)


def table(mean, sd):
    print("|  | " + " | ".join(NAMES) + " | sd with RTRL |")
    print("|---" * (len(NAMES) + 2) + "|")
    for name, row, spread in zip(NAMES, mean, sd[:, 0], strict=True):
        print(f"| {name} | " + " | ".join(f"{v:.3f}" for v in row) + f" | {spread:.3f} |")


def draw(mean, file):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), layout="constrained")
    ax = figure.add_subplot()
    image = ax.imshow(mean, cmap="RdBu_r", vmin=-1, vmax=1)
    ax.set_xticks(range(len(NAMES)), NAMES, rotation=45, ha="right")
    ax.set_yticks(range(len(NAMES)), NAMES)
    for (i, j), value in np.ndenumerate(mean):
        color = "white" if abs(value) > 0.6 else "black"
        ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=color)
    figure.colorbar(image, label="mean cosine between gradients")
    figure.savefig(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--plot", metavar="FILE", help="draw the matrix")
    options = parser.parse_args()
    print(header(), "\n")
    found = [cosines(seed, options.steps, options.lr) for seed in range(options.seeds)]
    mean, sd, loss = (np.mean(v, axis=0) for v in zip(*found, strict=True))
    tenth = options.steps // 10
    print(f"loss of RTRL, first tenth {loss[:tenth].mean():.4f}, last {loss[-tenth:].mean():.4f}\n")
    table(mean, sd)
    if options.plot:
        draw(mean, options.plot)


if __name__ == "__main__":
    main()
