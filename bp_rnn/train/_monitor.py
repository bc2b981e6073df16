"""Monitors as DSRunner takes them, on the pure path."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import brainpy.math as bm
import jax

from bp_rnn.gradients import GradientAlgorithm
from bp_rnn.typing import Array, Params, Trace

Monitors = dict[str, Callable[[], Array]]


def resolve(net: GradientAlgorithm, monitors: Sequence[Any] | Mapping[str, Any] | None) -> Monitors:
    """Return a function for each monitor that reads the Variables of ``net``.

    ``monitors`` is what DSRunner takes: a sequence of names or ``(name, index)``, or a mapping of
    keys to a Variable, a name, a pair of these with an index, or a function without arguments.
    """
    if monitors is None:
        return {}
    if isinstance(monitors, Mapping):
        return {key: _reader(net, target) for key, target in monitors.items()}
    if isinstance(monitors, str) or not isinstance(monitors, Sequence):
        raise TypeError(f"monitors must be a sequence or a mapping, got {monitors!r}")
    return {(m if isinstance(m, str) else m[0]): _reader(net, m) for m in monitors}


def read(
    net: GradientAlgorithm,
    monitors: Monitors,
    params: Params,
    step: tuple[Array, Any],
    state: Array,
    trace: Trace,
) -> dict[str, Array]:
    """Return what the monitors see of one sample at these values; every Variable is kept.

    ``step`` is the state before the step to ``state``, and what the step took.
    """
    if not monitors:  # the network may be that of another trainer, in use in another thread
        return {}
    variables = list(net.vars().unique().values())
    kept = [v.value for v in variables]
    batched = net.cell.is_batched
    if batched:
        step, state, trace = jax.tree.map(lambda v: v[None], (step, state, trace))
    try:
        for name, variable in net.cell.train_params().items():
            variable.value = params[name]
        net.cell.set_state(state)
        net.cell.observe_gates(*step)
        net.write_trace(trace)
        seen = {key: bm.as_jax(reader()) for key, reader in monitors.items()}
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.value = value
    return seen


def _reader(net: GradientAlgorithm, target: Any) -> Callable[[], Array]:
    target, index = target if isinstance(target, tuple) else (target, None)
    if callable(target) and not isinstance(target, bm.Variable):
        return (lambda: target()[0]) if net.cell.is_batched else target
    variable = _find(net, target) if isinstance(target, str) else target
    if not isinstance(variable, bm.Variable):
        raise TypeError(f"monitors must name Variables, got {target!r} ({type(target).__name__})")

    def reader() -> Array:
        value = variable.value if variable.batch_axis is None else variable.value[0]
        return value if index is None else value[index]

    return reader


def _find(net: GradientAlgorithm, name: str) -> Any:
    for owner in (net, net.cell):
        try:
            return operator.attrgetter(name)(owner)
        except AttributeError:
            continue
    known = sorted(k for k, v in vars(net).items() if isinstance(v, bm.Variable))
    raise ValueError(f"unknown monitor {name!r}; {net.name} has {known}")
