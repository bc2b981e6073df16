r"""The influence of the parameters on the state, :math:`p = ds/d\theta`, by groups of taps.

A step is linearised as

.. math::

    p'_{s,uf} = \sum_k J_{sk} \, p_{k,uf} + E_{su} \, z_f, \qquad
    J = \frac{\partial s'}{\partial s}, \quad E = \frac{\partial s'}{\partial \epsilon}

with taps :math:`\epsilon` and factors z (see :mod:`bp_rnn.functional.taps`). Where row i of every
parameter drives unit i alone, E is nonzero only at the states of that unit, which alone are kept.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.functional.products import Part
from bp_rnn.functional.taps import Group, Taps
from bp_rnn.typing import Array, Params, Step

#: ``p`` of one sample: ``(S, U, F)`` for each group.
Influences = list[Array]


class Linear(NamedTuple):
    """A step, linearised.

    Attributes
    ----------
    jac : Array
        J, ``(S, S)``.
    taps : list of Array
        E of each group, ``(uses, S, U)``; ``(uses, S / num, U)`` where only a unit's own states
        are kept.
    factors : list of Array
        z of each group, ``(uses, F)``.
    """

    jac: Array
    taps: list[Array]
    factors: list[Array]


class Influence:
    """How the parameters of a step act on its state.

    Parameters
    ----------
    step, names, params, state, x
        As for :class:`Taps`.
    num : int, optional
        Units, where row i of every parameter drives the states i, i + num, ... alone.
    """

    def __init__(
        self,
        step: Step,
        names: Sequence[str],
        params: Params,
        state: Array,
        x: Any,
        num: int | None = None,
    ) -> None:
        self.taps = Taps(step, names, params, state, x)
        self.size = state.shape[0]
        #: Which states depend on which, where all parameters are free; found when first needed.
        self.dependence: Any = None
        self.blocks = None if num is None else self.size // num
        #: Unit that each tap of a group drives, ``(U,)``, and its states, ``(S / num, U)``.
        self.unit = [_units(g, num, params) for g in self.taps.groups]
        self.own = [u + (num or 0) * np.arange(self.blocks or 0)[:, None] for u in self.unit]

    def zeros(self, dtype: Any) -> Influences:
        """Return p = 0."""
        return [jnp.zeros((self.size, g.units, g.fan), dtype) for g in self.taps.groups]

    def linearize(self, params: Params, state: Array, x: Any) -> tuple[Array, Linear]:
        """Return the new state and the linearised step."""
        new, pull, factors = self._vjp(params, state, x)
        eye = jnp.eye(self.size, dtype=state.dtype)
        if self.blocks is None:
            jac, taps = jax.vmap(pull, out_axes=(0, 1))(eye)
        else:
            (jac,) = jax.vmap(lambda c: pull(c)[:1])(eye)
            taps = jax.vmap(lambda c: pull(c)[1], out_axes=1)(self._ones(state.dtype))
        return new, Linear(jac, taps, factors)

    def linearize_within(
        self, params: Params, state: Array, x: Any, through: Callable[[Part, Array], Array]
    ) -> tuple[Array, Linear]:
        """Return the new state and the step linearised with another Jacobian.

        Derivatives by the state pass products with parameters as ``through`` has it: see
        :meth:`Taps.without_products`. Where units meet in these products alone, ``jac`` holds
        what is left, ``(S / num, S / num, num)``; else it is ``(S, S)``.
        """
        new, pull, factors = self._vjp(params, state, x)

        def within(s: Array) -> Array:
            return self.taps.without_products(params, s, x, through)

        pull_within = jax.vjp(within, state)[1]
        rows = self._ones(state.dtype)
        (jac,) = jax.vmap(pull_within)(rows)
        taps = jax.vmap(lambda c: pull(c)[1], out_axes=1)(rows)
        if self.blocks is not None:
            jac = jac.reshape(self.blocks, self.blocks, -1)
        return new, Linear(jac, taps, factors)

    def column(self, linear: Linear, group: int, states: np.ndarray) -> Array:
        """Return E of a group at the ``states`` ``(K, U)`` of each tap, ``(uses, K, U)``."""
        if np.array_equal(states, self.own[group]):
            return linear.taps[group]
        return self.full_taps(linear)[group][:, states, np.arange(states.shape[1])]

    def full_taps(self, linear: Linear) -> list[Array]:
        """Return E of each group with its zeros, ``(uses, S, U)``."""
        if self.blocks is None:
            return linear.taps
        return [
            jnp.zeros((len(e), self.size, e.shape[2]), e.dtype)
            .at[:, own, np.arange(own.shape[1])]
            .set(e)
            for own, e in zip(self.own, linear.taps, strict=True)
        ]

    def back(self, rows: Array, linear: Linear) -> list[Array]:
        """Return ``rows @ E`` for each group, ``(uses, ..., U)``; ``rows`` is ``(..., S)``."""
        if self.blocks is None:
            return [jnp.einsum("...s,rsu->r...u", rows, e) for e in linear.taps]
        return [_by_block(rows, own, e) for own, e in zip(self.own, linear.taps, strict=True)]

    def push(self, p: Influences, linear: Linear) -> Influences:
        """Return p after the step."""
        new = self.through(linear.jac, p)
        for i, (e, z) in enumerate(zip(linear.taps, linear.factors, strict=True)):
            if self.blocks is None:
                new[i] += jnp.einsum("rsu,rf->suf", e, z)
            else:
                own = self.own[i]
                now = jnp.einsum("rbu,rf->buf", e, z)
                new[i] = new[i].at[own, np.arange(own.shape[1])].add(now)
        return new

    def through(self, rows: Array, p: Influences) -> Influences:
        """Return ``rows @ p``, ``(..., U, F)`` for each group."""
        flat = [rows @ v.reshape(self.size, -1) for v in p]
        return [v.reshape(*v.shape[:-1], *q.shape[1:]) for v, q in zip(flat, p, strict=True)]

    def named(self, p: Influences) -> dict[str, Array]:
        """Return ``p_<name>``, each ``(S, *parameter.shape)``."""
        return {f"p_{k}": v for k, v in self.taps.assemble(p).items()}

    def unnamed(self, entries: dict[str, Array]) -> Influences:
        """Return the influences that ``p_<name>`` describe."""
        return self.taps.gather({k.removeprefix("p_"): v for k, v in entries.items()})

    def _vjp(self, params: Params, state: Array, x: Any) -> Any:
        def run(s: Array, taps: list[Array]) -> tuple[Array, list[Array]]:
            new, factors = self.taps.step(params, s, x, taps)
            return new, self.taps.join(factors)

        return jax.vjp(run, state, self.taps.zeros(state.dtype), has_aux=True)

    def _ones(self, dtype: Any) -> Array:
        """Return ``(S / num, S)``, row b one on the b-th state of every unit; or the identity."""
        if self.blocks is None:
            return jnp.eye(self.size, dtype=dtype)
        return jnp.kron(
            jnp.eye(self.blocks, dtype=dtype), jnp.ones(self.size // self.blocks, dtype)
        )


def _units(group: Group, num: int | None, params: Params) -> np.ndarray:
    """Return the unit of each tap: the place of its parameters on the leading axis."""
    if num is None:
        return np.zeros(group.units, int)
    column = group.columns[0]
    value = params[column.name]
    # a learnt initial state has an entry for each state: those of unit i are i, i + num, ...
    return column.places[:, 0] // (value.size // value.shape[0]) % num


def _by_block(rows: Array, own: np.ndarray, e: Array) -> Array:
    """Return ``rows @ E`` for E of the units' own states."""
    terms = [
        jnp.einsum("...u,ru->r...u", rows[..., states], e[:, b]) for b, states in enumerate(own)
    ]
    return functools.reduce(jnp.add, terms)
