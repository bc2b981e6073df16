"""How a plastic network changes: pure functions of its state and the inputs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from bp_rnn.functional.nonlinearity import Phi
from bp_rnn.plasticity._base import HebbianRule, Memory, PlasticityRule
from bp_rnn.typing import Array

#: Samples learnt by the same matrix products.
BLOCK = 64
#: Longest stretch of epochs in one call: the length of the array of norms.
MAX_CHUNK = 1000


class State(NamedTuple):
    """What changes while a network learns.

    Attributes
    ----------
    w : Array
        Weights of the input, ``(num, num_in)``.
    m : Array or None
        Lateral weights ``(num, num)``, where there are some.
    v : Array
        Rates ``(batch, num)``.
    memory, lateral : Memory
        What the rules of w and m remember.
    """

    w: Array
    m: Array | None
    v: Array
    memory: Memory
    lateral: Memory


class Network(NamedTuple):
    """A layer and its rules; all of it constant, so that its methods are pure.

    Attributes
    ----------
    rule, lateral : PlasticityRule
        Of w, and of m if that is plastic.
    phi : callable
        The nonlinearity.
    dt : float
        Time of a step.
    tau_r : float or None
        Time constant of the rates; None for rates that follow the input at once.
    integrator : callable or None
        Makes of a derivative ``(flat_state, t, u, lr)`` what advances a flat state by a step; None
        for Euler's method.
    """

    rule: PlasticityRule
    lateral: PlasticityRule | None
    phi: Phi
    dt: float
    tau_r: float | None
    integrator: Callable[..., Any] | None

    def respond(self, drive: Array, state: State) -> Array:
        """Return the rates ``(batch, num)`` at this moment, when W u is ``drive``."""
        if self.tau_r is not None:
            return state.v
        if state.m is None:
            return self.phi(drive)
        return jnp.linalg.solve(jnp.eye(len(state.m), dtype=drive.dtype) - state.m, drive.T).T

    def derivative(self, state: State, u: Array, lr: Array) -> State:
        """Return the time derivative of the state under inputs ``(batch, num_in)``."""
        drive = u @ state.w.T
        v = self.respond(drive, state)
        dw = self.rule.derivative(state.w, u, v, state.memory) * (lr / self.dt)
        return self._others(state, drive, u, v, lr)._replace(w=dw)

    def step(self, state: State, u: Array, lr: Array) -> State:
        """Return the state one step later; ``v`` is what the weights were changed by."""
        if self.integrator is None:
            change = self.derivative(state, u, lr)
            new = jax.tree.map(lambda s, d: s + self.dt * d, state, change)
        else:
            flat, unravel = ravel_pytree(state)

            # without annotations: brainpy 2.8.2 pastes the signature into code that it compiles
            def derivative(flat, t, u, lr):  # type: ignore[no-untyped-def]  # noqa: ARG001
                return ravel_pytree(self.derivative(unravel(flat), u, lr))[0]

            new = unravel(self.integrator(derivative)(flat, 0.0, u, lr))
        return self._finish(new, state, u @ state.w.T)

    def block(self, state: State, us: Array, lr: Array) -> State:
        r"""Return the state after samples ``(K, num_in)``, one step each.

        With :math:`W_t = A_t W_0 + B_t b(U)` a step needs :math:`[A_t, B_t]` alone, and of the
        samples their products with :math:`W_0` and with each other.
        """
        rule, w, num, size = self.rule, state.w, len(us), len(state.w)
        assert isinstance(rule, HebbianRule)
        pres = rule.presynaptic(us, state.memory)
        products = jnp.concatenate([us @ w.T, us @ pres.T], axis=1)
        places = jnp.eye(num, size + num, size, dtype=w.dtype)

        def one(state: State, sample: tuple[Array, Array, Array]) -> tuple[State, None]:
            u, product, place = (s[None] for s in sample)
            drive = product @ state.w.T
            v = self.respond(drive, state)
            post = rule.postsynaptic(v, state.memory)
            change = self._others(state, drive, u, v, lr)
            new = jax.tree.map(lambda s, d: s + self.dt * d, state, change)
            coefficients = state.w + lr * (post.T * place - rule.shrink(state.w, v))
            return self._finish(new._replace(w=coefficients), state, drive), None

        start = state._replace(w=jnp.eye(size, size + num, dtype=w.dtype))
        state, _ = jax.lax.scan(one, start, (us, products, places))
        return state._replace(w=state.w[:, :size] @ w + state.w[:, size:] @ pres)

    def epoch(self, state: State, us: Array, lr: Array) -> State:
        """Return the state after all batches of inputs ``(batches, batch, num_in)``."""
        if us.shape[1] > 1 or not self.rule.blockwise or self.integrator is not None:
            return jax.lax.scan(lambda s, u: (self.step(s, u, lr), None), state, us)[0]
        num = len(us) - len(us) % BLOCK
        whole = us[:num, 0].reshape(-1, BLOCK, us.shape[2])
        state, _ = jax.lax.scan(lambda s, u: (self.block(s, u, lr), None), state, whole)
        return self.block(state, us[num:, 0], lr) if num < len(us) else state

    def epochs(
        self,
        state: State,
        inputs: Array,
        lr: Array,
        key: Array | None,
        done: Array,
        num_epoch: Array,
    ) -> tuple[State, Array, Array, Array]:
        """Run up to ``num_epoch`` epochs after ``done`` ones; stop before all is not finite.

        Returns
        -------
        tuple
            The state, the norm of each unit's weights after each epoch ``(MAX_CHUNK, num)``, the
            epochs done, and whether all is finite.
        """

        def more(carry: Any) -> Array:
            _, _, epoch, ok = carry
            return (epoch < num_epoch) & ok

        def one(carry: Any) -> Any:
            state, norms, epoch, _ = carry
            us = inputs
            if key is not None:
                flat = inputs.reshape(-1, inputs.shape[2])
                order = jax.random.permutation(jax.random.fold_in(key, done + epoch), len(flat))
                us = flat[order].reshape(inputs.shape)
            new = self.epoch(state, us, lr)
            ok = jnp.all(jnp.stack([jnp.isfinite(v).all() for v in jax.tree.leaves(new)]))
            kept = jax.tree.map(lambda a, b: jnp.where(ok, a, b), new, state)
            norm = jnp.linalg.norm(new.w, axis=1)
            return kept, norms.at[epoch].set(norm), epoch + 1, ok

        norms = jnp.zeros((MAX_CHUNK, len(state.w)), state.w.dtype)
        start = state, norms, jnp.array(0), jnp.array(True)
        return jax.lax.while_loop(more, one, start)

    def _others(self, state: State, drive: Array, u: Array, v: Array, lr: Array) -> State:
        """Return the time derivative of all but w."""
        dm, dlateral = state.m, state.lateral
        if state.m is not None:
            dm = jnp.zeros_like(state.m)
            if self.lateral is not None:
                dm = self.lateral.derivative(state.m, v, v, state.lateral) * (lr / self.dt)
                dlateral = self.lateral.memory_derivative(v, v, state.lateral)
        dv = jnp.zeros_like(state.v)
        if self.tau_r is not None:
            inner = drive if state.m is None else drive + v @ state.m.T
            dv = (-v + self.phi(inner)) / self.tau_r
        memory = self.rule.memory_derivative(u, v, state.memory)
        return State(jnp.zeros_like(state.w), dm, dv, memory, dlateral)

    def _finish(self, new: State, old: State, drive: Array) -> State:
        """Return the state with weights where they may be, and the rates of this moment."""
        w = self.rule.project(new.w, old.w)
        m = new.m
        if m is not None and old.m is not None and self.lateral is not None:
            m = self.lateral.project(m, old.m)
        v = new.v if self.tau_r is not None else self.respond(drive, old)
        return new._replace(w=w, m=m, v=v)
