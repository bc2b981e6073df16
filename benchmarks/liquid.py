"""Liquid state machines: two classes of jittered spike templates, separation, memory, ranks.

Templates of four channels with the same number of spikes each, jitter 4 ms, 250 ms. The class is
read from the liquid state after the template and a pause or another spike train that all trials
share. 100 trials to fit, 100 to test; the ridge strength by cross-validation on those to fit.
Compared with the same neurons without recurrent synapses and with a read-out of the filtered input.

Then the exclusive or of two patterns, which no linear read-out of the filtered input gets right,
with the input wired as usual or to neurons that hear one spike train each. 200 trials to fit, 200
to test.
"""

import argparse

import numpy as np
from common import header

import bp_rnn
from bp_rnn import reservoir, tasks

RIDGES = [1e-3, 1e-2, 1e-1, 1.0, 10.0]
NUM_IN, NUM = 4, 135


def filtered(x):
    """Input spikes through the filter of the liquid state."""
    found = np.zeros((len(x), NUM_IN))
    for step in np.moveaxis(x, 1, 0):
        found = found * np.exp(-1 / 30) + step
    return found


def accuracy(features, y):
    half = len(y) // 2
    learner = bp_rnn.Ridge(features.shape[1], 2, ridge=RIDGES).fit(
        features[:half], np.eye(2)[y[:half]]
    )
    w, b = learner.solution
    return ((features[half:] @ w.T + b).argmax(1) == y[half:]).mean()


def exclusive_or(num_seed):
    """Accuracy by the scaling of the synapses."""
    scalings = np.array([0.0, 0.05, 0.1, 0.15, 0.3, 0.6])
    data = [tasks.spike_xor(key, num_sample=400) for key in range(num_seed)]
    print("\n| exclusive or, scaling of the synapses |", *(f"{s:g} |" for s in scalings))
    print("|" + "---|" * (1 + len(scalings)))
    for neurons in ("lif", "izhikevich"):
        for wiring in ("some spike trains", "one spike train"):
            table = []
            for key, (x, y, _) in enumerate(data):
                sizes = np.random.default_rng(key).exponential(18.0, size=(NUM, 1))
                w_in = sizes * np.eye(NUM_IN)[np.arange(NUM) % NUM_IN]
                net = bp_rnn.LSM(
                    NUM_IN,
                    NUM,
                    neurons=neurons,
                    scaling=1.0,
                    w_in=w_in if wiring == "one spike train" else None,
                    dt=1.0,
                    key=key,
                )
                w, row = net.w.value, []
                for scaling in scalings:
                    net.w.value = scaling * w
                    row.append(accuracy(np.asarray(net.features(x)[:, -1], float), y))
                table.append(row)
            found = 100 * np.array(table)
            print(
                f"| {neurons}, each neuron hears {wiring} |",
                *(f"{v:.1f} % |" for v in found.mean(0)),
                flush=True,
            )
    each = ", ".join(f"{100 * accuracy(filtered(x), y):.0f}" for x, y, _ in data)
    print(f"\nfiltered input, each seed: {each} %", flush=True)


def measure(net, key):
    """Separation of templates and of copies, memory in ms, ranks of 100 inputs."""
    data = tasks.spike_templates(key, num_sample=200)
    one = data.x[data.y == 0]
    pairs = np.repeat(data.templates[:, None], 50, axis=1)
    apart = reservoir.separation(net, *pairs).mean()
    copies = reservoir.separation(net, one[:50], one[50:]).mean()
    memory = reservoir.fading_memory(net, data.x[:50], np.zeros((250, NUM_IN))).steps()
    different = tasks.spike_templates(100 + key, num_sample=100, num_class=100).x
    return (
        apart,
        copies,
        memory,
        reservoir.kernel_rank(net, different),
        reservoir.kernel_rank(net, one),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pauses", type=int, nargs="+", default=[0, 50, 100, 150])
    options = parser.parse_args()
    kinds = {
        "LIF": {},
        "LIF, random synapses": {"connectivity": "random", "density": 0.05},
        "LIF, no synapses": {"scaling": 0.0},
        "Izhikevich": {"neurons": "izhikevich"},
    }
    print(header(), "\n")
    print("| liquid | right at once, each seed |", *(f"after {p} ms |" for p in options.pauses))
    print("|" + "---|" * (2 + len(options.pauses)))
    for name in [*kinds, "filtered input"]:
        table = []
        for key in range(options.seeds):
            x, y, _ = tasks.spike_templates(key, num_sample=200)
            common = tasks.spike_templates(50 + key, num_sample=1).x
            row = []
            x = np.concatenate([x, np.repeat(common, len(x), axis=0)[:, : max(options.pauses)]], 1)
            if name in kinds:
                net = bp_rnn.LSM(NUM_IN, NUM, dt=1.0, key=key, **kinds[name])
                seen = np.asarray(net.features(x), float)
            for pause in options.pauses:
                found = seen[:, 249 + pause] if name in kinds else filtered(x[:, : 250 + pause])
                row.append(accuracy(found, y))
            table.append(row)
        table = 100 * np.array(table)
        each = ", ".join(f"{v:.0f}" for v in table[:, 0])
        print(f"| {name} | {each} |", *(f"{v:.1f} % |" for v in table.mean(0)), flush=True)
    print(
        "\n| liquid | distance of templates | of copies | memory, ms "
        "| kernel rank | generalisation rank |"
    )
    print("|" + "---|" * 6)
    for name, extra in kinds.items():
        rows = [
            measure(bp_rnn.LSM(NUM_IN, NUM, dt=1.0, key=key, **extra), key)
            for key in range(options.seeds)
        ]
        apart, copies = np.mean([r[:2] for r in rows], axis=0)
        memory = ", ".join("more" if r[2] is None else str(r[2]) for r in rows)
        kernel, general = np.mean([r[3:] for r in rows], axis=0)
        print(
            f"| {name} | {apart:.2f} | {copies:.2f} | {memory} | {kernel:.1f} | {general:.1f} |",
            flush=True,
        )
    exclusive_or(options.seeds)


if __name__ == "__main__":
    main()
