"""Fixed points of flip-flop networks, against the packages that look for them.

Trained: VanillaRNN (3 bits, 32 units, tanh), one network a seed. By hand: 16 units that hold three
bistable modes with a weak coupling, 27 fixed points in all. Every side has the same 512 starts:
states on trajectories of the task, without noise. What it returns is compared with the fixed points
that Newton's method finds in float64 from 5000 mixtures of visited states; a point counts as
found within 0.01 of the right one, as twice where it comes again, and as invented where no right
one is so near. Seconds are those of a call whose programs are compiled, and of the first call.

Peers: fixed-point-finder (github.com/mattgolub/fixed-point-finder; give the folder of a clone)
with its defaults, in PyTorch; SlowPointFinder of BrainPy by gradient descent with the defaults of
its methods, then its filter and its removal of doubles.
"""

import argparse
import contextlib
import functools
import importlib.util
import io
import itertools
import sys
import time
import warnings

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np
from common import header
from scipy.spatial import distance

import bp_rnn
from bp_rnn import analysis

NUM_START, NUM, NEAR = 512, 32, 0.01
ALONE = "bp_rnn, these starts alone"


def trained(seed):
    """Return the weights of a network that has learnt the task, float64."""
    data = bp_rnn.tasks.flip_flop(seed, num_trial=500, num_step=40, probability=0.2)
    cell = bp_rnn.VanillaRNN(3, NUM, num_out=3, key=seed)
    rate = bp.optim.CosineAnnealingLR(5e-3, T_max=100)
    trainer = bp_rnn.OfflineTrainer(
        cell, optimizer=bp.optim.Adam(rate), clip_norm=1.0, progress_bar=False, key=seed
    )
    trainer.fit(data, num_epoch=100, batch_size=25)
    return {k: np.asarray(cell.params()[k], float) for k in ("w", "w_in", "b")}


def by_hand():
    """Return weights with three bistable modes, coupled by 3 % and turned at random."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.eye(3), 5, axis=0)
    w = np.zeros((16, 16))
    w[:15, :15] = 1.6 * groups @ groups.T / 5
    w += 0.03 * rng.normal(size=(16, 16)) / 4
    w_in = np.zeros((16, 3))
    w_in[:15] = 2.0 * groups
    return {"w": w, "w_in": w_in, "b": np.zeros(16)}


def visited(weights, num):
    """Return states on trajectories of the task."""
    xs = np.asarray(bp_rnn.tasks.flip_flop(99, num_trial=64, num_step=50, probability=0.2).x, float)
    h, states = np.zeros((64, len(weights["w"]))), []
    for t in range(50):
        h = np.tanh(h @ weights["w"].T + xs[:, t] @ weights["w_in"].T + weights["b"])
        states.append(h)
    every = np.concatenate(states)
    return every[np.random.default_rng(0).permutation(len(every))[:num]]


def truth(weights):
    """Return all fixed points: damped Newton from 5000 mixtures, in NumPy."""
    rng = np.random.default_rng(1)
    pool, w = visited(weights, 3200), weights["w"]
    weight = rng.dirichlet(np.ones(4), 5000) * (rng.random((5000, 4)) < 0.8)
    s = np.einsum("nk,nks->ns", weight, pool[rng.integers(len(pool), size=(5000, 4))])
    for _ in range(40):
        f = np.tanh(s @ w.T + weights["b"])
        ds = np.linalg.solve((1 - f**2)[:, :, None] * w - np.eye(len(w)), (s - f)[..., None])[
            ..., 0
        ]
        s = s + ds / np.maximum(1, np.abs(ds).max(1, keepdims=True))
    right = []
    for end in s[np.abs(np.tanh(s @ w.T + weights["b"]) - s).max(1) < 1e-13]:
        if not right or np.abs(np.array(right) - end).max(1).min() > 1e-6:
            right.append(end)
    return np.array(right)


def stable(weights, points):
    slopes = 1 - points**2
    return (np.abs(np.linalg.eigvals(slopes[:, :, None] * weights["w"])).max(1) < 1).sum()


def ours(weights, **options):
    cell = bp_rnn.VanillaRNN(3, len(weights["w"]), **weights)
    return lambda starts: analysis.find_fixed_points(cell, candidates=starts, **options).state


def slow_point_finder(weights):
    """Return BrainPy's finder, with the defaults of its methods."""
    w, b = jnp.asarray(weights["w"]), jnp.asarray(weights["b"])

    def run(starts):
        finder = bp.analysis.SlowPointFinder(
            lambda h: bm.tanh(h @ w.T + b), f_type="discrete", verbose=False
        )
        finder.find_fps_with_gd_method(candidates=bm.asarray(starts))
        finder.filter_loss()
        finder.keep_unique()
        return np.asarray(finder.fixed_points).reshape(-1, len(weights["w"]))

    return run


def fixed_point_finder(weights):
    """Return Golub's finder with its defaults, on the same network in PyTorch."""
    import torch
    from FixedPointFinderTorch import FixedPointFinderTorch

    num = len(weights["w"])
    rnn = torch.nn.RNN(3, num, batch_first=True)
    with torch.no_grad():
        for name, value in (
            ("weight_hh_l0", weights["w"]),
            ("weight_ih_l0", weights["w_in"]),
            ("bias_hh_l0", weights["b"]),
            ("bias_ih_l0", 0 * weights["b"]),
        ):
            getattr(rnn, name).copy_(torch.as_tensor(value))

    def run(starts):
        finder = FixedPointFinderTorch(rnn, verbose=False, super_verbose=False)
        unique, _ = finder.find_fixed_points(
            starts.astype(np.float32), np.zeros((1, 3), np.float32)
        )
        return np.asarray(unique.xstar, float)

    return run


def judge(weights, right, points):
    """Return how many are found, come twice and are invented, the stable ones, and max |F|."""
    if not len(points):
        return 0, 0, 0, 0, np.nan
    apart = distance.cdist(points, right, "chebyshev")
    is_near, nearest = apart.min(1) < NEAR, apart.argmin(1)
    found = np.unique(nearest[is_near])
    residual = np.abs(np.tanh(points @ weights["w"].T + weights["b"]) - points).max()
    doubles = int(is_near.sum()) - len(found)
    return len(found), doubles, int((~is_near).sum()), stable(weights, right[found]), residual


def quiet(run):
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run()


def timed(run, starts):
    began = time.perf_counter()
    points = quiet(lambda: run(starts))
    return points, time.perf_counter() - began


def compare(name, weights, makers, rounds):
    right, starts = truth(weights), visited(weights, NUM_START)
    runs = {side: make(weights) for side, make in makers.items()}
    first = {side: timed(run, starts)[1] for side, run in runs.items()}
    took, points = {side: [] for side in runs}, {}
    for _, (side, run) in itertools.product(range(rounds), runs.items()):
        points[side], seconds = timed(run, starts)
        took[side].append(seconds)
    fastest = {side: min(values) for side, values in took.items()}
    for side, value in fastest.items():
        found, twice, invented, at_rest, residual = judge(weights, right, points[side])
        cells = [
            name,
            side,
            f"{found} of {len(right)}",
            f"{at_rest} of {stable(weights, right)}",
            twice,
            invented,
            f"{residual:.0e}",
            f"{value:.2f}",
            f"{first[side]:.1f}",
            f"{value / fastest['bp_rnn']:.1f}",
            f"{value / fastest[ALONE]:.1f}",
        ]
        print("|", " | ".join(map(str, cells)), "|", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--finder", help="folder of a clone of fixed-point-finder")
    parser.add_argument("--seeds", type=int, default=5, help="trained networks")
    parser.add_argument("--rounds", type=int, default=2, help="interleaved repeats")
    given = parser.parse_args()
    weights = {f"trained, seed {seed}": trained(seed) for seed in range(given.seeds)}
    bm.enable_x64()
    makers = {
        "bp_rnn": ours,
        ALONE: functools.partial(ours, max_round=0),
        "SlowPointFinder": slow_point_finder,
    }
    if given.finder and importlib.util.find_spec("torch"):
        sys.path.insert(0, given.finder)
        makers["fixed-point-finder"] = fixed_point_finder
    print(header(), "\n")
    print(
        "| network | finder | found | stable | twice | invented | max \\|F\\| | seconds "
        "| first call, s | times bp_rnn | times these starts alone |\n" + "|---" * 11 + "|"
    )
    for name, values in ({"by hand": by_hand()} | weights).items():
        compare(name, values, makers, given.rounds)


if __name__ == "__main__":
    main()
