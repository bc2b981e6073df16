"""Record the cosine between each algorithm's gradient and the exact one: cosines.json.

Run from ``tests``: ``python reference/make_cosines.py``. The numbers say what an approximation is
worth on random networks and short sequences, and pin it: a change of one is a change of the rule.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import brainpy.math as bm

bm.enable_x64()

import cases
import oracle
import test_gradients

OUT = pathlib.Path(__file__).parent / "cosines.json"


def main():
    found = {}
    for algorithm in cases.ALGORITHMS:
        for cell_name in filter(cases.is_keyed, cases.CELLS):
            net = cases.shared(algorithm, cell_name)
            if net.kind == "exact":
                continue
            xs, ys, state = oracle.data(net.cell, 2, 6)
            _, exact = oracle.gradient(net.cell, state, xs, ys)
            grads = test_gradients.window(net, state, xs, ys).grads
            cosine = float(test_gradients.cosine(net, grads, exact))
            found.setdefault(algorithm, {})[cell_name] = round(cosine, 7)
    OUT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
