"""Gradients that go forward with a network, against the packages that have them.

Leaky tanh network, 8 inputs, batch 1, float32, loss at the units: gradient, loss and outputs of a
stretch of the same data, weights constant; time of a step. Before anything is timed, every gradient
is compared with backpropagation through time in float64, and those of the same rule with each
other. All rules go step by step, but for BlockRTRL.

Peers, each left out where it is missing: braintrace 0.2.6 from PyPI; jax_rtrl 0.2.1 from GitHub
(FranzKnut/jax_rtrl, with chex, distrax, flax, ml_collections and simple-parsing), whose cell also
carries the traces of its time constants. What else there is, is written here: RTRL in NumPy as in
Marschall's vanilla-rtrl, ``jax.jacrev`` in a scan, and the bare matrix product.
"""

import argparse
import functools
import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from common import fastest, header

import bp_rnn
from bp_rnn.functional import trajectory

NUM_IN, LEAK = 8, 0.5
#: Steps of a call: of rules whose step is a product of matrices, and of cheaper ones.
STEPS = {16: (400, 2000), 64: (60, 500), 128: (16, 300)}
#: What is compared, in the order of the table: local rules are e-prop, RFLO and D-RTRL, which are
#: one where the error comes back exactly; UORO is random.
RULES = ["floor", "exact", "SnAp-1", "local", "UORO"]


class Problem(NamedTuple):
    """A network's weights ``(n, n + NUM_IN + 1)`` (recurrent, inputs, bias), inputs and targets."""

    weights: np.ndarray
    xs: np.ndarray
    ys: np.ndarray


class Side(NamedTuple):
    """A rule as a package has it; ``matrix`` takes the gradient out of what ``run`` gives."""

    rule: str
    name: str
    run: Callable[[], Any]
    matrix: Callable[[Any], np.ndarray] = lambda found: np.asarray(found[0])


def problem(num, steps):
    rng = np.random.default_rng(0)
    scale = np.r_[np.full(num, num**-0.5), np.full(NUM_IN, NUM_IN**-0.5), 0.1]
    weights = scale * rng.normal(size=(num, num + NUM_IN + 1))
    xs, ys = rng.normal(size=(steps, NUM_IN)), rng.normal(size=(steps, num))
    return Problem(*(v.astype(np.float32) for v in (weights, xs, ys)))


def bptt(given):
    """Return the gradient by backpropagation through time, float64."""
    weights, xs, ys = (v.astype(float) for v in given)
    num, steps = len(weights), len(xs)
    h, zs, tanhs, errors = np.zeros(num), [], [], []
    for x, y in zip(xs, ys, strict=True):
        zs.append(np.r_[h, x, 1])
        tanhs.append(np.tanh(weights @ zs[-1]))
        h = (1 - LEAK) * h + LEAK * tanhs[-1]
        errors.append((h - y) / (num * steps))
    back, total = np.zeros(num), np.zeros_like(weights)
    for z, s, error in zip(zs[::-1], tanhs[::-1], errors[::-1], strict=True):
        back = back + error
        delta = LEAK * back * (1 - s**2)
        total += np.outer(delta, z)
        back = (1 - LEAK) * back + weights[:, :num].T @ delta
    return total


def step(weights, h, x):
    return (1 - LEAK) * h + LEAK * jnp.tanh(weights @ jnp.concatenate([h, x, jnp.ones(1)]))


def half_square(z, y):
    return 0.5 * (z - y) ** 2


def ours(rule, make, given):
    """Return a side of bp_rnn."""
    weights, xs, ys = (jnp.asarray(v) for v in given)
    num = len(weights)
    cell = bp_rnn.VanillaRNN(
        NUM_IN,
        num,
        leak=LEAK,
        w=weights[:, :num],
        w_in=weights[:, num:-1],
        b=weights[:, -1],
    )
    net = make(cell)
    loss = trajectory.step_loss(net.output, half_square)
    window = jax.jit(functools.partial(net.window, loss=loss))
    params, state = cell.params(), jnp.zeros((1, num))
    args = params, state, net.start(params, state), xs[None], trajectory.mean_targets(ys[None])
    return Side(
        rule,
        f"bp_rnn {type(net).__name__}",
        lambda: window(*args),
        lambda found: np.c_[found.grads["w"], found.grads["w_in"], found.grads["b"]],
    )


def braintrace(rule, name, options, given):
    """Return a side of braintrace, a network written with its own layer."""
    import brainstate
    import braintrace

    weights, xs, ys = (jnp.asarray(v) for v in given)
    num = len(weights)

    class Net(brainstate.nn.Module):
        def __init__(self):
            super().__init__()
            self.affine = braintrace.nn.Linear(
                num + NUM_IN, num, w_init=weights[:, :-1].T, b_init=weights[:, -1]
            )

        def init_state(self, batch_size=None, **_):
            shape = (num,) if batch_size is None else (batch_size, num)
            self.h = brainstate.HiddenState(jnp.zeros(shape))

        def update(self, x):
            h = self.h.value
            s = jnp.tanh(self.affine(jnp.concatenate([h, x], axis=-1)))
            self.h.value = (1 - LEAK) * h + LEAK * s
            return self.h.value

    net = Net()
    learner = braintrace.compile(net, getattr(braintrace, name), xs[0], **options)

    def one(x, y):
        h = learner(x)
        return jnp.mean(half_square(h, y)), h

    @brainstate.transform.jit
    def run(xs, ys):
        net.h.value = jnp.zeros(num)
        learner.reset_state()
        return learner.etrace_grad(
            xs, ys, step_fn=one, has_aux=True, return_value=True, loss_output="scalar"
        )

    def matrix(found):
        (g,) = found[0].values()
        return np.c_[np.asarray(g["weight"]).T, g["bias"]]

    order = f"(n={options['n']})" if "n" in options else ""
    return Side(rule, f"braintrace {name}{order}", lambda: run(xs, ys), matrix)


def jax_rtrl(rule, plasticity, given):
    """Return a side of jax_rtrl; a gradient at every step, as its online trainer takes it."""
    from jax_rtrl.models.cells.ctrnn import OnlineCTRNNCell

    weights, xs, ys = (jnp.asarray(v) for v in given)
    num = len(weights)
    cell = OnlineCTRNNCell(num, plasticity=plasticity, ode_type="murray")
    params = {
        "params": {
            "W": jnp.c_[weights[:, num:-1], weights[:, :num], weights[:, -1]],
            "tau": jnp.full(num, 1 / LEAK),
        }
    }
    carry = cell.apply(params, jax.random.key(0), (NUM_IN,), method=cell.initialize_carry)

    def loss(params, carry, x, y):
        carry, h = cell.apply(params, carry, x)
        return jnp.mean(half_square(h, y)), (carry, h)

    @jax.jit
    def run(params, carry, xs, ys):
        def body(before, now):
            carry, total = before
            found = jax.value_and_grad(loss, has_aux=True)(params, carry, *now)
            (value, (carry, h)), grads = found
            return (carry, jax.tree.map(jnp.add, total, (grads, value))), h

        start = carry, (jax.tree.map(jnp.zeros_like, params), 0.0)
        (_, total), hs = jax.lax.scan(body, start, (xs, ys))
        return *total, hs

    def matrix(found):
        g = np.asarray(found[0]["params"]["W"]) / len(xs)
        return np.c_[g[:, NUM_IN:-1], g[:, :NUM_IN], g[:, -1]]

    return Side(rule, f"jax_rtrl {plasticity}", lambda: run(params, carry, xs, ys), matrix)


def in_numpy(given):
    """Return RTRL written in NumPy."""
    weights, xs, ys = given
    num, width = weights.shape
    unit = np.arange(num)

    def run():
        h, total = np.zeros(num, weights.dtype), np.zeros_like(weights)
        loss, hs = 0.0, np.zeros_like(ys)
        p = np.zeros((num, num, width), weights.dtype)
        for t, (x, y) in enumerate(zip(xs, ys, strict=True)):
            z = np.concatenate([h, x, np.ones(1, h.dtype)])
            s = np.tanh(weights @ z)
            slope = LEAK * (1 - s**2)
            jac = slope[:, None] * weights[:, :num]
            jac[unit, unit] += 1 - LEAK
            p = (jac @ p.reshape(num, -1)).reshape(p.shape)
            p[unit, unit] += slope[:, None] * z
            hs[t] = h = (1 - LEAK) * h + LEAK * s
            loss += np.mean(half_square(h, y)) / len(xs)
            total += ((h - y) @ p.reshape(num, -1)).reshape(num, width)
        return total / (num * len(xs)), loss, hs

    return Side("exact", "NumPy", run)


def in_scan(given):
    """Return RTRL as one would write it in JAX at first."""
    weights, xs, ys = (jnp.asarray(v) for v in given)
    num = len(weights)

    @jax.jit
    def run(weights, xs, ys):
        def body(before, now):
            h, p, total, loss = before
            x, y = now
            by_weights, by_state = jax.jacrev(step, (0, 1))(weights, h, x)
            p = jnp.tensordot(by_state, p, 1) + by_weights
            h = step(weights, h, x)
            total += jnp.tensordot(h - y, p, 1) / (num * len(xs))
            return (h, p, total, loss + jnp.mean(half_square(h, y)) / len(xs)), h

        p = jnp.zeros((num, *weights.shape))
        start = jnp.zeros(num), p, jnp.zeros_like(weights), 0.0
        (*_, total, loss), hs = jax.lax.scan(body, start, (xs, ys))
        return total, loss, hs

    return Side("exact", "jax.jacrev in a scan", lambda: run(weights, xs, ys))


def product(given):
    """Return the matrix product of an exact step alone."""
    num, width = given.weights.shape

    @jax.jit
    def run(jac, p):
        def body(p, _):
            return jac @ p, None

        return jax.lax.scan(body, p, length=len(given.xs), unroll=2)  # two need no copy

    rng = np.random.default_rng(0)
    jac = jnp.asarray(np.linalg.qr(rng.normal(size=(num, num)))[0], jnp.float32)
    p = jnp.asarray(rng.normal(size=(num, num * width)), jnp.float32)
    return Side("floor", "matrix product", lambda: run(jac, p))


def exact(given):
    """Return the sides whose step is a product of matrices."""
    sides = [product(given), ours("exact", bp_rnn.RTRL, given), in_numpy(given), in_scan(given)]
    if importlib.util.find_spec("braintrace"):
        sides.append(braintrace("exact", "SnAp", {"n": 2}, given))  # all of p, in two steps
    if importlib.util.find_spec("jax_rtrl"):
        sides.append(jax_rtrl("exact", "rtrl", given))
    return sides


def cheap(given):
    """Return the sides whose step is less than that."""
    sides = [
        ours("exact", bp_rnn.BlockRTRL, given),
        ours("SnAp-1", bp_rnn.SnAp, given),
        ours("local", bp_rnn.EProp, given),
        ours("local", functools.partial(bp_rnn.RFLO, feedback="exact"), given),
        ours("UORO", bp_rnn.UORO, given),
    ]
    if importlib.util.find_spec("braintrace"):
        sides += [
            braintrace("SnAp-1", "SnAp", {"n": 1}, given),
            braintrace("local", "D_RTRL", {}, given),
            braintrace("local", "EProp", {}, given),
            braintrace("UORO", "UORO", {"vjp_method": "single-step"}, given),
        ]
    if importlib.util.find_spec("jax_rtrl"):
        # its eprop keeps a unit's connection to itself
        sides += [jax_rtrl("SnAp-1", "eprop", given), jax_rtrl("local", "rflo", given)]
    return sides


def distances(sides, given):
    """Return how far each gradient is from the exact one; those of one rule must agree."""
    reference = bptt(given)
    first, found = {"exact": reference}, {}
    for side in sides:
        if side.rule == "floor":
            continue
        gradient = side.matrix(side.run())
        found[side] = apart(gradient, reference)
        same = first.setdefault(side.rule, gradient)
        assert side.rule == "UORO" or apart(gradient, same) < 1e-4, side.name
    return found


def apart(gradient, reference):
    return np.linalg.norm(gradient - reference) / np.linalg.norm(reference)


def measure(sides, given, rounds):
    """Return rows of rule, name, microseconds a step and distance from the exact gradient."""
    found = distances(sides, given)
    took = fastest({s: s.run for s in sides}, rounds)
    return [(s.rule, s.name, 1e6 * took[s] / len(given.xs), found.get(s)) for s in sides]


def table(num, rounds):
    rows = []
    for sides, steps in zip((exact, cheap), STEPS[num], strict=True):
        given = problem(num, steps)
        rows += measure(sides(given), given, rounds)
    base = {"floor": rows[1][2]}  # RTRL
    for rule, _, us, _ in rows:
        base.setdefault(rule, us)  # bp_rnn comes first
    for rule, name, us, error in sorted(rows, key=lambda row: (RULES.index(row[0]), row[2])):
        far = "" if error is None else f"{error:.1e}"
        print(f"| {num} | {rule} | {name} | {us:.2f} | {us / base[rule]:.2f} | {far} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="interleaved repeats")
    parser.add_argument("--units", type=int, nargs="+", default=list(STEPS), choices=list(STEPS))
    options = parser.parse_args()
    print(header(), "\n")
    print("| n | rule | package | us a step | times bp_rnn | distance from the exact gradient |")
    print("|---|---|---|---|---|---|")
    for num in options.units:
        table(num, options.rounds)


if __name__ == "__main__":
    main()
