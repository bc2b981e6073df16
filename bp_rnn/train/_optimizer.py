"""One functional face for BrainPy's optimisers and for optax transformations."""

import inspect
from typing import Any, NamedTuple, Protocol

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn.typing import Params


class Rule(Protocol):
    """The rule of an optimizer as pure functions of an explicit state."""

    def update(
        self, params: Params, grads: Params, state: list[jax.Array]
    ) -> tuple[Params, list[jax.Array]]:
        """Return new parameters and state."""

    def end_epoch(self, state: list[jax.Array]) -> list[jax.Array]:
        """Return the state at the end of an epoch (learning-rate schedules)."""


class Functional(Protocol):
    """An optimizer whose state is an explicit list of arrays."""

    @property
    def rule(self) -> Rule:
        """How it works, without its state: what a compiled program is made from."""

    def read(self) -> list[jax.Array]:
        """Return the state."""

    def write(self, state: list[jax.Array]) -> None:
        """Keep the state."""


def functional(optimizer: Any, variables: dict[str, bm.TrainVar]) -> Functional:
    """Return the functional face of ``optimizer`` over the parameters ``variables``.

    Raises
    ------
    TypeError
        If it is neither a BrainPy optimiser nor an optax transformation.
    ValueError
        If it already trains other Variables.
    """
    if isinstance(optimizer, type) or inspect.isfunction(optimizer):
        name = optimizer.__name__
        raise TypeError(
            "optimizer must be one of bp.optim or an optax transformation, got what makes one: "
            f"{name}; write {name}(lr), with its learning rate"
        )
    if isinstance(optimizer, bp.optim.Optimizer):
        return _BrainPy(optimizer, variables)
    if callable(getattr(optimizer, "init", None)) and callable(getattr(optimizer, "update", None)):
        return _Optax(optimizer, variables)
    raise TypeError(
        "optimizer must be one of bp.optim or an optax transformation, "
        f"got {type(optimizer).__name__}"
    )


class _BrainPy:
    def __init__(self, optimizer: bp.optim.Optimizer, variables: dict[str, bm.TrainVar]) -> None:
        known = optimizer.vars_to_train
        if not known:
            optimizer.register_train_vars(variables)
        elif {k: id(v) for k, v in known.items()} != {k: id(v) for k, v in variables.items()}:
            raise ValueError(
                f"optimizer already trains {sorted(known)} of another model; make a new one"
            )
        self._optimizer, self._trained = optimizer, variables
        trained = {id(v) for v in variables.values()}
        own = optimizer.vars(method="relative").unique().values()
        self._own = [v for v in own if id(v) not in trained]

    @property
    def rule(self) -> "_BrainPyRule":
        memo: dict[int, Any] = {}
        return _BrainPyRule(
            _twin(self._optimizer, memo), _twin(self._trained, memo), _twin(self._own, memo)
        )

    def read(self) -> list[jax.Array]:
        return [_strong(v.value) for v in self._own]

    def write(self, state: list[jax.Array]) -> None:
        for variable, value in zip(self._own, state, strict=True):
            variable.value = value


class _BrainPyRule(NamedTuple):
    """A BrainPy optimizer over Variables of its own, which only serve to run its methods."""

    optimizer: bp.optim.Optimizer
    trained: dict[str, bm.TrainVar]
    own: list[bm.Variable]

    def update(
        self, params: Params, grads: Params, state: list[jax.Array]
    ) -> tuple[Params, list[jax.Array]]:
        def run() -> Params:
            for name, variable in self.trained.items():
                variable.value = params[name]
            self.optimizer.update(grads)
            return {k: _strong(v.value) for k, v in self.trained.items()}

        return self._apply(run, state)

    def end_epoch(self, state: list[jax.Array]) -> list[jax.Array]:
        return self._apply(self.optimizer.lr.step_epoch, state)[1]

    def _apply(self, run: Any, state: list[jax.Array]) -> tuple[Any, list[jax.Array]]:
        """Run a method that writes Variables, as a function of explicit values."""
        variables = [*self.trained.values(), *self.own]
        kept = [v.value for v in variables]
        try:
            for variable, value in zip(self.own, state, strict=True):
                variable.value = value
            out = run()
            return out, [
                jnp.asarray(v.value, old.dtype) for v, old in zip(self.own, state, strict=True)
            ]
        finally:
            for variable, value in zip(variables, kept, strict=True):
                variable.value = value


class _Optax:
    def __init__(self, transformation: Any, variables: dict[str, bm.TrainVar]) -> None:
        params = {k: v.value for k, v in variables.items()}
        leaves, tree = jax.tree.flatten(transformation.init(params))
        self.rule = _OptaxRule(transformation, tree)
        self._state = [_strong(jnp.asarray(v)) for v in leaves]

    def read(self) -> list[jax.Array]:
        return self._state

    def write(self, state: list[jax.Array]) -> None:
        self._state = list(state)


class _OptaxRule(NamedTuple):
    transformation: Any
    tree: Any

    def update(
        self, params: Params, grads: Params, state: list[jax.Array]
    ) -> tuple[Params, list[jax.Array]]:
        tree = jax.tree.unflatten(self.tree, state)
        changes, tree = self.transformation.update(grads, tree, params)
        new = {k: p + changes[k].astype(p.dtype) for k, p in params.items()}
        leaves = jax.tree.leaves(tree)
        return new, [jnp.asarray(v, old.dtype) for v, old in zip(leaves, state, strict=True)]

    def end_epoch(self, state: list[jax.Array]) -> list[jax.Array]:
        return state


def _twin(value: Any, memo: dict[int, Any]) -> Any:
    """Return a copy of an optimizer's parts that shares no Variable and no container with it."""
    if id(value) in memo:
        return memo[id(value)]
    new = value
    if isinstance(value, bm.Variable):
        new = type(value)(value.value)
    elif isinstance(value, dict):
        new = type(value)()
        new.update({k: _twin(v, memo) for k, v in value.items()})
    elif isinstance(value, list | tuple):
        new = type(value)(_twin(v, memo) for v in value)
    elif isinstance(value, bp.optim.Optimizer | bp.optim.Scheduler):
        new = object.__new__(type(value))
        memo[id(value)] = new  # it may hold itself
        new.__dict__.update({k: _twin(v, memo) for k, v in vars(value).items()})
    memo[id(value)] = new
    return new


def _strong(value: jax.Array) -> jax.Array:
    """Return ``value`` without a weak type, which would compile a program a second time."""
    return jnp.asarray(value, value.dtype)
