r"""Where the parameters of a step enter it.

Most parameters enter a step through a product, ``a = W @ z``. A tap is a zero that is added to
such a result; then

.. math::

    \frac{\partial s'}{\partial W_{uf}} = \frac{\partial s'}{\partial \epsilon_u} \, z_f,
    \qquad a_u = \sum_f W_{uf} z_f + \epsilon_u

so that what would be an array of the size of W for every state is an outer product of a tap's
derivative and a factor. Products are found in the step's jaxpr, however the step is written, and
so are sums, where the factor is one; a parameter that is used in another way has its tap added to
itself. Parameters whose taps do the same (``w @ r + w_in @ x + b``) share one.

Source: the decomposition is that of Mujika et al. 2018, eq. 6, and Schmidhuber 1992.
"""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.functional.products import Part, depends, evaluate
from bp_rnn.typing import Array, Params, Step


class Column(NamedTuple):
    """Entries of one parameter in a group: ``places[u, f]`` is fed by tap u and factor f."""

    name: str
    places: np.ndarray


class Group(NamedTuple):
    """Parameters that share a tap.

    Attributes
    ----------
    columns : tuple of Column
        What belongs to it; their factors stand side by side.
    sites : tuple of tuple of int
        Of each column, the numbers of its products in the order of the step, or nothing for a
        parameter that is used in another way.
    lead : tuple of int
        The products that the tap is added to, one for each use.
    is_driven : bool
        Whether the input alone gives their results.
    units : int
        Length U of the tap.
    fan : int
        Factors F of all columns together.
    uses : int
        How often a step uses the group.
    """

    columns: tuple[Column, ...]
    sites: tuple[tuple[int, ...], ...]
    lead: tuple[int, ...]
    is_driven: bool
    units: int
    fan: int
    uses: int


#: An array for each column of each group.
Columns = list[list[Array]]

#: What is done with a product: ``(number, part, plain, other) -> result``, see
#: :func:`bp_rnn.functional.products.evaluate`.
Product = Callable[[int, Part, Callable[[Array], Array], Array], Array]


class Taps:
    """The taps of a step.

    Parameters
    ----------
    step : Step
        The pure map.
    names : sequence of str
        The parameters that are followed.
    params, state, x
        Arguments of the right shapes: all parameters, ``(S,)`` and an input.

    Attributes
    ----------
    groups : tuple of Group
        Together they hold every entry of every parameter once.
    """

    def __init__(
        self, step: Step, names: Sequence[str], params: Params, state: Array, x: Any
    ) -> None:
        self._step = step
        self._size = state.shape[0]
        self._shapes = {k: tuple(params[k].shape) for k in sorted(names)}
        self._whole: set[str] = set()
        groups = self._columns(self._find(params, state, x), self._driven(params, state, x))
        self.groups = self._join(groups, params, state, x)
        #: Which groups have factors that need no product of the same step.
        self.is_ready = self._ready(params, state, x)

    def zeros(self, dtype: Any) -> list[Array]:
        """Return a tap for each group, ``(uses, U)``."""
        return [jnp.zeros((g.uses, g.units), dtype) for g in self.groups]

    @property
    def is_large(self) -> list[bool]:
        """Return which groups are a large parameter that is no product's.

        A tap of its own at every step would take the memory of the parameter each time; a tap that
        is held over time does not.
        """
        return [not g.lead and g.units > self._size for g in self.groups]

    def zeros_over(self, axes: tuple[int, ...], dtype: Any) -> list[Array]:
        """Return a tap for each place on ``axes``, but one for all where it is a large one."""
        return [
            t if is_large else jnp.zeros((*axes, *t.shape), dtype)
            for t, is_large in zip(self.zeros(dtype), self.is_large, strict=True)
        ]

    def split(self, taps: Sequence[Array]) -> tuple[list[Any], list[Any]]:
        """Return the taps that are held over time and those that are not; None for the others."""
        held = [t if v else None for t, v in zip(taps, self.is_large, strict=True)]
        return held, [None if v else t for t, v in zip(taps, self.is_large, strict=True)]

    def unite(self, held: Sequence[Any], moving: Sequence[Any]) -> list[Array]:
        """Return the taps of one step; inverse of :meth:`split`."""
        return [m if h is None else h for h, m in zip(held, moving, strict=True)]

    def drive(self, params: Params, x: Any, dtype: Any) -> list[Array]:
        """Return taps that hold what the input alone gives; pure.

        A step with ``driven=True`` takes them in place of its own products with the input, which
        are one matrix product when they are made for all times at once.
        """
        found: dict[int, Array] = {}

        def product(site: int, part: Part, plain: Any, other: Array) -> Array:  # noqa: ARG001
            found[site] = plain(other)
            return found[site]

        # what the state gives is not used, and not computed once this is compiled
        self._evaluate(params, jnp.zeros(self._size, dtype), x, product=product)
        return [
            jnp.stack([found[i].reshape(-1) for i in g.lead]) if g.is_driven else zero
            for g, zero in zip(self.groups, self.zeros(dtype), strict=True)
        ]

    def step(
        self,
        params: Params,
        state: Array,
        x: Any,
        taps: Sequence[Array],
        *,
        driven: bool = False,
    ) -> tuple[Array, Columns]:
        """Return the new state and the factors of each group, pure.

        Factors are ``(uses, F)`` for each column. With ``driven`` the taps are those of
        :meth:`drive`.
        """
        alone = {i for g in self.groups if g.is_driven for i in g.lead} if driven else set()
        tap_of = {site: t[u] for g, t in self._led(taps) for u, site in enumerate(g.lead)}
        seen: dict[int, Array] = {}

        def product(site: int, part: Part, plain: Any, other: Array) -> Array:  # noqa: ARG001
            seen[site] = other.reshape(-1)
            out = plain(other)
            if site not in tap_of:
                return out
            tap = tap_of[site].reshape(out.shape)
            return tap if site in alone else out + tap

        added = {
            g.columns[0].name: t.reshape(self._shapes[g.columns[0].name])
            for g, t in zip(self.groups, taps, strict=True)
            if not g.lead
        }
        params = {k: v + added[k] if k in added else v for k, v in params.items()}
        new = self._evaluate(params, state, x, product=product)
        return new, [self._factors(g, seen, state.dtype) for g in self.groups]

    def without_products(
        self, params: Params, state: Array, x: Any, through: Callable[[Part, Array], Array]
    ) -> Array:
        """Return the new state, where products pass derivatives as ``through`` has it; pure.

        ``through(part, other)`` is zero in value; its derivative is the one that is kept.
        """

        def product(site: int, part: Part, plain: Any, other: Array) -> Array:  # noqa: ARG001
            out = plain(jax.lax.stop_gradient(other))
            return out + through(part, other).reshape(out.shape)

        return self._evaluate(params, state, x, product=product)

    def assemble(self, found: Sequence[Array]) -> Params:
        """Return what is ``(..., U, F)`` for each group as ``(..., *shape)`` of each parameter."""
        return self.assemble_columns(self.cut(found))

    def assemble_columns(self, found: Columns) -> Params:
        """Return what :meth:`assemble` does from ``(..., U, F)`` of each column."""
        pieces: dict[str, list[tuple[np.ndarray, Array]]] = {k: [] for k in self._shapes}
        for group, values in zip(self.groups, found, strict=True):
            for column, value in zip(group.columns, values, strict=True):
                pieces[column.name].append((column.places, value))
        return {k: _place(v, self._shapes[k]) for k, v in pieces.items()}

    def join(self, columns: Columns) -> list[Array]:
        """Put the columns of each group side by side on the last axis."""
        return [jnp.concatenate(values, axis=-1) for values in columns]

    def cut(self, values: Sequence[Array]) -> Columns:
        """Cut the last axis of what is there for each group into its columns; inverse of join."""
        fans = [[c.places.shape[1] for c in g.columns] for g in self.groups]
        return [
            jnp.split(v, np.cumsum(fan)[:-1].tolist(), axis=-1)
            for v, fan in zip(values, fans, strict=True)
        ]

    def gather(self, entries: Params) -> list[Array]:
        """Return what is ``(..., *shape)`` for each parameter by group; inverse of assemble."""
        flat = {
            k: v.reshape(*v.shape[: v.ndim - len(self._shapes[k])], -1) for k, v in entries.items()
        }
        return [
            jnp.concatenate([flat[c.name][..., c.places] for c in g.columns], axis=-1)
            for g in self.groups
        ]

    def _led(self, taps: Sequence[Array]) -> list[tuple[Group, Array]]:
        """Return the groups whose tap is added to a product, with it."""
        return [(g, t) for g, t in zip(self.groups, taps, strict=True) if g.lead]

    def _factors(self, group: Group, seen: dict[int, Array], dtype: Any) -> list[Array]:
        one = jnp.ones((1, 1), dtype)
        return [jnp.stack([seen[i] for i in sites]) if sites else one for sites in group.sites]

    def _evaluate(
        self, params: Params, state: Array, x: Any, *, product: Product, whole: Any = None
    ) -> Array:
        """Evaluate the step with ``product`` in place of every product with a parameter."""
        closed = jax.make_jaxpr(self._step)(params, state, x)
        numbers = itertools.count()

        def numbered(part: Part, plain: Any, other: Array) -> Array:
            return product(next(numbers), part, plain, other)

        products = self._shapes.keys() - self._whole
        marked = {
            k: Part(k, v, np.arange(v.size).reshape(v.shape)) if k in products else v
            for k, v in params.items()
        }
        values = jax.tree.leaves((marked, state, x), is_leaf=lambda v: isinstance(v, Part))
        (new,) = evaluate(closed.jaxpr, closed.consts, values, numbered, whole)
        return new

    def _find(self, params: Params, state: Array, x: Any) -> list[Part]:
        """Return the products in order; ``_whole`` are the parameters that have others uses too."""
        while True:
            products: list[Part] = []
            others: set[str] = set()
            run = functools.partial(self._evaluate, product=_note(products), whole=others.add)
            jax.eval_shape(run, params, state, x)
            others |= {k for k in self._shapes if not self._is_tiled(k, products)}
            if others <= self._whole:
                return products
            self._whole |= others

    def _is_tiled(self, name: str, products: list[Part]) -> bool:
        """Return whether the products of a parameter hold every entry of it equally often."""
        mine = {p.places.tobytes(): p.places for p in products if p.name == name}
        entries = np.concatenate([np.zeros(0, int), *(i.ravel() for i in mine.values())])
        return np.array_equal(np.sort(entries), np.arange(math.prod(self._shapes[name])))

    def _driven(self, params: Params, state: Array, x: Any) -> list[bool]:
        """Return which products have a result that the input alone gives.

        Not the state, nor a parameter but that of the product.
        """

        def results(others: tuple[Array, Params, Array]) -> list[Array]:
            state, whole, zero = others
            found: list[Array] = []

            def product(site: int, part: Part, plain: Any, other: Array) -> Array:  # noqa: ARG001
                found.append(plain(other))
                return found[-1] + zero

            self._evaluate(params | whole, state, x, product=product)
            return found

        whole = {k: params[k] for k in self._whole}
        return [not v for v in depends(results, (state, whole, jnp.zeros((), state.dtype)))]

    def _ready(self, params: Params, state: Array, x: Any) -> list[bool]:
        def factors(taps: list[Array]) -> list[Array]:
            return self.join(self.step(params, state, x, taps)[1])

        return [not v for v in depends(factors, self.zeros(state.dtype))]

    def _columns(self, products: list[Part], driven: list[bool]) -> list[Group]:
        """Return a group for every part of a parameter that is in a product, or is whole."""
        groups: dict[tuple[str, bytes], Group] = {}
        for site, part in enumerate(products):
            key = part.name, part.places.tobytes()
            sites = (*groups[key].sites[0], site) if key in groups else (site,)
            units, fan = part.places.shape
            alone = all(driven[i] for i in sites)
            column = Column(part.name, part.places)
            groups[key] = Group((column,), (sites,), sites, alone, units, fan, len(sites))
        for name in sorted(self._whole):
            index = np.arange(math.prod(self._shapes[name]))[:, None]
            groups[name, b""] = Group((Column(name, index),), ((),), (), False, len(index), 1, 1)
        return list(groups.values())

    def _join(self, groups: list[Group], params: Params, state: Array, x: Any) -> tuple[Group, ...]:
        """Join groups whose taps do the same, tried with random numbers."""
        self.groups = tuple(groups)

        @jax.jit
        def derivative(params: Params, state: Array, x: Any, cotangent: Array) -> list[Array]:
            def run(taps: list[Array]) -> Array:
                return self.step(params, state, x, taps)[0]

            return jax.vjp(run, self.zeros(state.dtype))[1](cotangent)[0]

        rng = np.random.default_rng(0)
        found = [derivative(*_random_like(rng, (params, state, x, state))) for _ in range(3)]
        joined: list[Group] = []
        by_tap: dict[bytes, int] = {}
        for i, group in enumerate(groups):  # those in products come first and give the tap
            tap = b"".join(np.asarray(f[i]).tobytes() for f in found)
            if tap in by_tap:
                joined[by_tap[tap]] = _merge(joined[by_tap[tap]], group)
            else:
                by_tap[tap] = len(joined)
                joined.append(group)
        return tuple(joined)


def _note(products: list[Part]) -> Product:
    def product(site: int, part: Part, plain: Any, other: Array) -> Array:  # noqa: ARG001
        products.append(part)
        return plain(other)

    return product


def _merge(a: Group, b: Group) -> Group:
    first = b if b.is_driven else a
    return Group(
        a.columns + b.columns,
        a.sites + b.sites,
        first.lead,
        first.is_driven,
        a.units,
        a.fan + b.fan,
        a.uses,
    )


def _place(pieces: list[tuple[np.ndarray, Array]], shape: tuple[int, ...]) -> Array:
    """Return pieces ``(..., U, F)`` at their places in an array ``(..., *shape)``."""
    flat = [v.reshape(*v.shape[:-2], -1) for _, v in pieces]
    whole = jnp.concatenate(flat, axis=-1) if len(flat) > 1 else flat[0]
    order = np.argsort(np.concatenate([i.ravel() for i, _ in pieces]))
    if not np.array_equal(order, np.arange(order.size)):
        whole = whole[..., order]
    return whole.reshape(*whole.shape[:-1], *shape)


def _random_like(rng: np.random.Generator, tree: Any) -> Any:
    def one(v: Any) -> Any:
        if not jnp.issubdtype(v.dtype, jnp.floating):
            return v
        return jnp.asarray(rng.normal(size=v.shape), v.dtype)

    return jax.tree.map(one, tree)
