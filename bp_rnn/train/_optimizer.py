"""One functional face for BrainPy's optimisers and for optax transformations."""

import inspect
from typing import Any, Protocol

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn.typing import Params


class Functional(Protocol):
    """An optimiser whose state is an explicit list of arrays."""

    def read(self) -> list[jax.Array]:
        """Return the state."""

    def write(self, state: list[jax.Array]) -> None:
        """Keep the state."""

    def update(
        self, params: Params, grads: Params, state: list[jax.Array]
    ) -> tuple[Params, list[jax.Array]]:
        """Return new parameters and state; pure."""

    def end_epoch(self, state: list[jax.Array]) -> list[jax.Array]:
        """Return the state at the end of an epoch (learning-rate schedules); pure."""

    def constants(self) -> tuple[float, ...]:
        """Return what is baked into the compiled program and may be changed from outside."""


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

    def read(self) -> list[jax.Array]:
        return [_strong(v.value) for v in self._own]

    def write(self, state: list[jax.Array]) -> None:
        for variable, value in zip(self._own, state, strict=True):
            variable.value = value

    def update(
        self, params: Params, grads: Params, state: list[jax.Array]
    ) -> tuple[Params, list[jax.Array]]:
        def run() -> Params:
            for name, variable in self._trained.items():
                variable.value = params[name]
            self._optimizer.update(grads)
            return {k: _strong(v.value) for k, v in self._trained.items()}

        return self._apply(run, state)

    def end_epoch(self, state: list[jax.Array]) -> list[jax.Array]:
        return self._apply(self._optimizer.lr.step_epoch, state)[1]

    def constants(self) -> tuple[float, ...]:
        lr = self._optimizer.lr.lr
        return () if isinstance(lr, bm.Variable) else (float(lr),)

    def _apply(self, run: Any, state: list[jax.Array]) -> tuple[Any, list[jax.Array]]:
        """Run a method that writes Variables, as a function of explicit values."""
        variables = [*self._trained.values(), *self._own]
        kept = [v.value for v in variables]
        try:
            self.write(state)
            out = run()
            return out, [
                jnp.asarray(v.value, old.dtype) for v, old in zip(self._own, state, strict=True)
            ]
        finally:
            for variable, value in zip(variables, kept, strict=True):
                variable.value = value


class _Optax:
    def __init__(self, transformation: Any, variables: dict[str, bm.TrainVar]) -> None:
        self._transformation = transformation
        params = {k: v.value for k, v in variables.items()}
        leaves, self._tree = jax.tree.flatten(transformation.init(params))
        self._state = [_strong(jnp.asarray(v)) for v in leaves]

    def read(self) -> list[jax.Array]:
        return self._state

    def write(self, state: list[jax.Array]) -> None:
        self._state = list(state)

    def update(
        self, params: Params, grads: Params, state: list[jax.Array]
    ) -> tuple[Params, list[jax.Array]]:
        tree = jax.tree.unflatten(self._tree, state)
        changes, tree = self._transformation.update(grads, tree, params)
        new = {k: p + changes[k].astype(p.dtype) for k, p in params.items()}
        leaves = jax.tree.leaves(tree)
        return new, [jnp.asarray(v, old.dtype) for v, old in zip(leaves, state, strict=True)]

    def end_epoch(self, state: list[jax.Array]) -> list[jax.Array]:
        return state

    def constants(self) -> tuple[float, ...]:
        return ()


def _strong(value: jax.Array) -> jax.Array:
    """Return ``value`` without a weak type, which would compile a program a second time."""
    return jnp.asarray(value, value.dtype)
