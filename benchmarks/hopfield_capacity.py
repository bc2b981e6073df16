"""How many patterns networks of two-valued units hold, against theory.

The overlap after retrieval against the load, from the pattern itself, beside the mean-field curve;
where it falls below the theory's overlap at the transition, and halfway from there to what is left
of a lost pattern (0.35), extrapolated to infinite size; and the number of patterns that memories of
order n keep with one unit in 200 wrong after one step, against N^(n-1).
"""

import argparse

import numpy as np
from common import header

import bp_rnn
from bp_rnn import hopfield

LOADS = np.r_[0.02:0.095:0.02, 0.1, 0.11, 0.12:0.1625:0.005].round(3)
HALF = 0.66
#: Sizes over a decade, by order.
DECADES = {2: (20, 63, 200), 3: (20, 63, 200), 4: (12, 38, 120)}


def crossing(curve, level):
    """Return the load at which the mean overlap falls below a level, or NaN."""
    below = np.flatnonzero(curve.mean < level)
    if not len(below):
        return np.nan
    i = below[0]
    part = (curve.mean[i - 1] - level) / (curve.mean[i - 1] - curve.mean[i])
    return curve.load[i - 1] + part * (curve.load[i] - curve.load[i - 1])


def retrieval(sizes, num_probe):
    curves = {}
    for num in sizes:
        numbers = [round(load * num) for load in LOADS]
        curves[num] = hopfield.retrieval_curve(
            bp_rnn.DiscreteHopfield(num),
            numbers,
            num_sample=20,
            num_probe=num_probe,
            key=num,
        )
    theory = hopfield.mean_field.overlap(LOADS)
    print("| load | theory |" + "".join(f" N = {num} |" for num in sizes))
    print("|---|---|" + "---|" * len(sizes))
    for i, load in enumerate(LOADS):
        found = [f" {c.mean[i]:.5f} +- {c.error[i]:.5f} |" for c in curves.values()]
        print(f"| {load:g} | {theory[i]:.5f} |" + "".join(found))
    critical = hopfield.mean_field.transition()
    half = np.array([crossing(curve, HALF) for curve in curves.values()])
    for num, curve, load in zip(sizes, curves.values(), half, strict=True):
        below = crossing(curve, critical.overlap)
        print(f"N = {num}: below {critical.overlap:.3f} at {below:.4f}, half lost at {load:.4f}")
    there = ~np.isnan(half)
    if there.sum() > 1:
        limit = np.polyfit(np.array(sizes)[there] ** -0.5, half[there], 1)[1]
        print(f"half lost at infinite N, by a line in 1 / sqrt(N): {limit:.4f}")
    print(f"theory: {critical.load:.4f}")


def kept(num, order, wrong=0.005):
    """Return the number of patterns with this fraction of wrong units after one step."""
    # the noise of all others is Gaussian, of variance (2n - 3)!! M / N^(n-1)
    guess = num ** (order - 1) / (2.576**2 * np.prod(np.arange(2 * order - 3, 0, -2)))
    numbers = np.unique(np.round(guess * np.array([0.4, 0.7, 1.0, 1.5, 2.2])).astype(int))
    curve = hopfield.retrieval_curve(
        bp_rnn.DenseHopfield(num, order=order),
        numbers[numbers > 0].tolist(),
        num_sample=60,
        num_step=1,
        key=num,
    )
    return float(np.exp(np.interp(2 * wrong, 1 - curve.mean, np.log(curve.num_pattern))))


def dense():
    print("\n| order n | units N | patterns M | exponent | theory |\n|---|---|---|---|---|")
    for order, sizes in DECADES.items():
        found = [kept(num, order) for num in sizes]
        exponent = np.polyfit(np.log(sizes), np.log(found), 1)[0]
        units, numbers = (", ".join(f"{v:.0f}" for v in values) for values in (sizes, found))
        print(f"| {order} | {units} | {numbers} | {exponent:.2f} | {order - 1} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 4000])
    parser.add_argument("--num-probe", type=int, default=20, help="patterns retrieved of each set")
    options = parser.parse_args()
    print(header(), "\n")
    retrieval(options.sizes, options.num_probe)
    dense()


if __name__ == "__main__":
    main()
