"""Accuracy of echo state networks against reservoirpy 0.4.2, each with its own networks.

On both sides recurrent weights are normal, and those of input and bias uniform. Leak, spectral
radius and the sizes of input and bias are those that a random search found on other data; the ridge
strength is chosen without the test data: by ``ESN.fit`` through cross-validation, for reservoirpy
on the last fifth, and for Mackey-Glass on both sides by free runs from other starts. Mean and
standard error over networks. reservoirpy is left out where it is missing.
"""

import argparse
import importlib.util
from functools import cache, partial

import brainpy.math as bm
import numpy as np
from common import header

import bp_rnn
from bp_rnn import tasks

RIDGES = [0.0, *(10.0 ** np.arange(-16, 1))]
#: Deviation of the noise on what is observed.
NOISE = 1e-3
NARMA = {"spectral_radius": 1.047, "leak": 0.827, "input_scaling": 0.026, "bias_scaling": 0.554}
NARMA_LARGE = {"spectral_radius": 0.986, "input_scaling": 0.064, "bias_scaling": 0.347}
MACKEY = {"spectral_radius": 1.097, "leak": 0.6, "input_scaling": 1.2, "bias_scaling": 0.6}
LORENZ = {"spectral_radius": 0.255, "leak": 0.641, "input_scaling": 0.053, "bias_scaling": 0.862}


class Theirs:
    """reservoirpy with the methods that the tasks need."""

    def __init__(self, num, density, key, options):
        from reservoirpy.mat_gen import uniform
        from reservoirpy.nodes import Reservoir

        self.leak = options.get("leak", 1.0)
        size = options["bias_scaling"]
        self.node = Reservoir(
            num,
            lr=self.leak,
            sr=options["spectral_radius"],
            input_scaling=options["input_scaling"],
            rc_connectivity=density,
            input_connectivity=1.0,
            Win=uniform(low=-1.0, high=1.0),
            bias=uniform(low=-size, high=size),
            seed=key,
        )

    def fit(self, x, y, washout, ridges=RIDGES):
        from reservoirpy.nodes import Ridge

        self.states_of = np.asarray(self.node.run(x))
        h, y = self.states_of[washout:], y[washout:]
        cut = len(h) * 4 // 5

        def write(ridge, part=slice(None)):
            node = Ridge(ridge=ridge)
            node.fit(h[part], y[part])
            self.w_out, self.b_out = np.asarray(node.Wout).T, np.asarray(node.bias).ravel()

        def error(ridge):
            try:
                write(ridge, slice(cut))
            except np.linalg.LinAlgError:
                return np.inf
            found = h[cut:] @ self.w_out.T + self.b_out
            return np.nan_to_num(np.mean((found - y[cut:]) ** 2), nan=np.inf)

        self.write = write
        if len(ridges) > 1:
            write(min(ridges, key=error))

    def step(self, h, x):
        w, w_in = self.node.W, self.node.Win
        drive = (w_in @ x.T).T + np.asarray(self.node.bias).ravel()
        return (1 - self.leak) * h + self.leak * np.tanh((w @ h.T).T + drive)

    def states(self, x):
        return self.states_of if len(x) == len(self.states_of) else self.node.run(x)

    def read(self, states):
        return states @ self.w_out.T + self.b_out

    def predict(self, x):
        return self.read(self.states(x))

    def generate(self, num_step, init_state):
        found, h = [], init_state
        for _ in range(num_step):
            found.append(h @ self.w_out.T + self.b_out)
            h = self.step(h, found[-1])
        return np.stack(found, 1)


class Ours:
    """ESN with the same methods."""

    def __init__(self, num, topology, density, num_in, num_out, key, options):
        self.net = bp_rnn.ESN(
            num_in,
            num,
            num_out=num_out,
            topology=topology,
            density=density,
            distribution=None if topology == "ring" else "normal",
            key=key,
            **options,
        )

    def fit(self, x, y, washout, ridges=RIDGES):
        learner = self.net.fit(x, y, washout=washout, ridge=ridges, progress_bar=False)
        path = learner.path()

        def write(ridge):
            self.net.w_out.value, self.net.b_out.value = map(bm.asarray, path(ridge))

        self.write = write

    def states(self, x):
        return np.asarray(self.net.states(x))

    def read(self, states):
        return states @ np.asarray(self.net.w_out.value).T + np.asarray(self.net.b_out.value)

    def predict(self, x):
        return np.asarray(self.net.predict(x))

    def generate(self, num_step, init_state):
        return np.asarray(self.net.generate(num_step, init_state=init_state), float)


@cache
def narma_series():
    return [v[:, None] for v in tasks.narma(2, num_step=9000)]


@cache
def mackey_glass_series():
    return tasks.mackey_glass(2, num_step=8200)[:, None] - 1.0


@cache
def lorenz_series():
    u = tasks.lorenz(2, num_step=5600 + 50 * 50 + 2300)
    return (u - u.mean(0)) / u.std(0)


def narma(net):
    """NRMSE on new data; 200 + 4800 steps to fit, 3999 to test."""
    x, y = narma_series()
    net.fit(x[:5000], y[:5000], 200)
    return nrmse(net.predict(x)[5001:], y[5001:])


def mackey_glass(net):
    """log10 of the NRMSE of the 84th step of a free run, 100 starts; 1000 + 3000 steps to fit."""
    series = mackey_glass_series()
    net.fit(series[:4000], series[1:4001], 1000, RIDGES[:1])
    states = net.states(series[:8000])
    to_choose, to_test = (np.linspace(*v, 100).astype(int) for v in ((4100, 5800), (6000, 7999)))

    def error(starts):
        found = net.generate(84, states[starts])[:, -1]
        return np.log10(np.sqrt(np.mean((found - series[starts + 84]) ** 2)) / series.std())

    def after(ridge):
        try:
            net.write(ridge)
        except np.linalg.LinAlgError:
            return np.inf
        return np.nan_to_num(error(to_choose), nan=np.inf)

    net.write(min(RIDGES[:12], key=after))  # up to 1e-6
    return error(to_test)


def lorenz(net, window=40.0):
    """Valid prediction time in Lyapunov times, error below 0.4; 50 starts, 500 + 5000 steps."""
    u = lorenz_series()
    net.fit(u[:5500], u[1:5501], 500)
    starts = 5600 + 50 * np.arange(50)
    num_step = int(window / (0.9056 * 0.02))
    found = net.generate(num_step, net.states(u[:-1])[starts])
    right = np.stack([u[s + 1 : s + 1 + num_step] for s in starts])
    size = np.sqrt((u**2).sum(1).mean())
    bad = ~(np.linalg.norm(found - right, axis=-1) / size <= 0.4)
    first = np.where(bad.any(1), bad.argmax(1), num_step)
    return first.mean() * 0.9056 * 0.02


def memory(net):
    """Memory capacity, lags 1 to 200; 8000 steps to fit, 8000 to test."""
    x, y = tasks.delays(2, num_step=17000, num_lag=200)
    net.fit(0.8 * x[:9000, None], y[:9000], 1000)
    z = net.predict(0.8 * x[:, None])[9000:]
    both = zip(z.T, y[9000:].T, strict=True)
    return sum(np.corrcoef(a, b)[0, 1] ** 2 for a, b in both)


def noisy(series, num_fit, net):
    """NRMSE of the next value in noisy data, over that of the strength best on the test data."""
    series = series()
    series = series + NOISE * np.random.default_rng(3).normal(size=series.shape)
    x, y = series[:-1], series[1:]
    net.fit(x[:num_fit], y[:num_fit], 500)
    found = nrmse(net.predict(x)[num_fit + 1 :], y[num_fit + 1 :])
    return found / min(each_strength(net, x, y, num_fit))


def weakest(data, num_fit, net):
    """NRMSE on new data without noise at the strength from 0 to 1 where it is largest."""
    x, y = data()
    net.fit(x[:num_fit], y[:num_fit], 500, RIDGES[:1])
    return max(each_strength(net, x, y, num_fit))


def each_strength(net, x, y, num_fit):
    """Yield the NRMSE of the data behind the fitted ones at each strength."""
    states, right = net.states(x)[num_fit + 1 :], y[num_fit + 1 :]
    for ridge in RIDGES:
        try:
            net.write(ridge)
            yield np.nan_to_num(nrmse(net.read(states), right), nan=np.inf)
        except np.linalg.LinAlgError:
            yield np.inf


def nrmse(z, y):
    return np.sqrt(np.mean((z - y) ** 2) / y.var())


def next_values(series):
    """Return what gives a series and its next values."""
    return lambda: (series()[:-1], series()[1:])


#: Task -> measure, features, units, density, sizes.
TASKS = {
    "narma": (narma, 1, 1, 200, 0.1, NARMA),
    "narma-large-input": (narma, 1, 1, 200, 0.1, NARMA_LARGE),
    "mackey_glass": (mackey_glass, 1, 1, 1000, 0.02, MACKEY),
    "lorenz": (lorenz, 3, 3, 300, 0.1, LORENZ),
    "memory": (memory, 1, 200, 100, None, {"spectral_radius": 0.95, "input_scaling": 0.001}),
    "noisy-mackey_glass": (partial(noisy, mackey_glass_series, 4000), 1, 1, 400, 0.05, MACKEY),
    "noisy-lorenz": (partial(noisy, lorenz_series, 5500), 3, 3, 300, 0.1, LORENZ),
    "weakest-narma": (partial(weakest, narma_series, 5000), 1, 1, 200, 0.1, NARMA),
    "weakest-mackey_glass": (
        partial(weakest, next_values(mackey_glass_series), 4000),
        *(1, 1, 400, 0.05, MACKEY),
    ),
    "weakest-lorenz": (partial(weakest, next_values(lorenz_series), 5500), 3, 3, 300, 0.1, LORENZ),
}


def sides(task, precision):
    measure, num_in, num_out, num, density, options = TASKS[task]
    random = "sparse" if num == 1000 else "dense"
    topologies = ["ring"] if task == "memory" else [random, "diagonals"]
    for topology in topologies:
        yield (
            f"bp_rnn, {topology}",
            lambda key, t=topology: measure(Ours(num, t, density, num_in, num_out, key, options)),
        )
    if precision == "float64" and task != "memory" and importlib.util.find_spec("reservoirpy"):
        yield "reservoirpy", lambda key: measure(Theirs(num, density, key, options))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--precision", default="float64", choices=["float32", "float64"])
    options = parser.parse_args()
    if options.precision == "float64":
        bm.enable_x64()
    print(header(), options.precision, "\n")
    print("| task | network | mean | standard error | worst |\n|---|---|---|---|---|")
    for task in options.tasks:
        for name, run in sides(task, options.precision):
            values = np.array([run(10 + key) for key in range(options.seeds)])
            error = values.std(ddof=1) / len(values) ** 0.5
            worst = values.min() if task in ("lorenz", "memory") else values.max()
            print(
                f"| {task} | {name} | {values.mean():.4f} | {error:.4f} | {worst:.4f} |", flush=True
            )


if __name__ == "__main__":
    main()
