r"""How patterns become couplings: pure functions of patterns ``(M, N)``, row by row a memory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.hopfield.patterns import BIPOLAR, as_patterns
from bp_rnn.typing import Array


class Couplings(NamedTuple):
    """What a rule acts on.

    Attributes
    ----------
    w : Array
        Couplings now, ``(N, N)``.
    start : Array
        Those before anything was stored, ``(N, N)``.
    mask : Array or None
        Which couplings there are, ``(N, N)``; all by default.
    """

    w: Array
    start: Array
    mask: Array | None

    def within(self, w: Array) -> Array:
        """Return ``w`` where there are couplings, zero elsewhere."""
        return w if self.mask is None else jnp.where(self.mask, w, 0.0)


class Rule(NamedTuple):
    """What a network does to its couplings when a memory comes or goes.

    Attributes
    ----------
    store : callable
        ``(couplings, old, new) -> w``: the couplings once ``new`` is stored beside the patterns
        ``old``.
    forget : callable
        ``(couplings, old, stays) -> w``: the couplings once those of ``old`` are forgotten whose
        place in ``stays`` is False. It undoes what ``store`` did, and nothing else.
    """

    store: Callable[[Couplings, Array, Array], Array]
    forget: Callable[[Couplings, Array, np.ndarray], Array]


def outer_product(patterns: Any) -> Array:
    r"""Return :math:`W = \frac{1}{N} \left( \sum_\mu p^\mu p^{\mu T} - M I \right)`.

    Parameters
    ----------
    patterns : array
        ``(M, N)`` of -1 and 1.

    Returns
    -------
    Array
        ``(N, N)``, symmetric with a zero diagonal.

    Notes
    -----
    Sources: Hopfield 1982, eq. 2; lecture "Storage in Hopfield Networks", eq. 2.29.
    """
    return _outer_product(as_patterns("patterns", patterns), 0.0, 1.0)


def covariance(patterns: Any, activity: float, levels: tuple[float, float] = BIPOLAR) -> Array:
    r"""Return the couplings of correlated or sparse patterns.

    .. math::

        w_{ij} = \frac{1}{N \sigma^2} \sum_\mu (p_i^\mu - a)(p_j^\mu - a), \qquad
        \sigma^2 = (p_{high} - a)(a - p_{low}), \qquad w_{ii} = 0

    Parameters
    ----------
    patterns : array
        ``(M, N)`` of the two ``levels``.
    activity : float
        The mean a of the patterns, between the levels.
    levels : pair of float
        ``(-1, 1)`` or ``(0, 1)``.

    Returns
    -------
    Array
        ``(N, N)``. With the activity halfway between the levels it is the outer product.

    Notes
    -----
    Sources: Amit, Gutfreund & Sompolinsky 1987 (Phys. Rev. A 35), eq. 2.1; Tsodyks & Feigelman
    1988, eq. 3.
    """
    low, high = levels
    activity = as_activity(activity, levels)
    value = as_patterns("patterns", patterns, levels=levels)
    return _outer_product(value, activity, (high - activity) * (activity - low))


def storkey(patterns: Any, w: Array | None = None, mask: Array | None = None) -> Array:
    r"""Return couplings learnt pattern by pattern, each seeing what is stored already.

    .. math::

        w_{ij} \leftarrow w_{ij} + \frac{1}{N} \left(
        p_i p_j - p_i h_{ji} - h_{ij} p_j \right), \qquad
        h_{ij} = \sum_{k \ne i, j} w_{ik} p_k

    for the couplings that there are: fields come through these alone.

    Parameters
    ----------
    patterns : array
        ``(M, N)`` of -1 and 1, stored in this order.
    w : Array, optional
        Couplings ``(N, N)`` to go on from, symmetric with a zero diagonal; zero by default.
    mask : Array, optional
        ``(N, N)``, symmetric: True where there is a coupling; everywhere by default.

    Returns
    -------
    Array
        ``(N, N)``, symmetric with a zero diagonal.

    Notes
    -----
    Source: Storkey 1997, eq. 3.
    """
    value = as_patterns("patterns", patterns)
    num = value.shape[1]
    w = jnp.zeros((num, num), value.dtype) if w is None else w
    there = ~jnp.eye(num, dtype=bool) if mask is None else jnp.asarray(mask, bool)
    return _storkey(w, value, there)


def pseudo_inverse(patterns: Any) -> Array:
    r"""Return the projection on the patterns, without its diagonal.

    .. math::

        W = P^T (P P^T)^{-1} P, \qquad w_{ii} = 0

    Linearly independent patterns, and their linear combinations that are patterns too, are fixed
    points: the field of pattern p at unit i is :math:`(1 - W_{ii}) \, p_i`.

    Parameters
    ----------
    patterns : array
        ``(M, N)`` of -1 and 1. Those that depend on others linearly change nothing.

    Returns
    -------
    Array
        ``(N, N)``, symmetric with a zero diagonal.

    Raises
    ------
    ValueError
        If the patterns span all states: every state would be stored, and W is zero.

    Notes
    -----
    Sources: Personnaz, Guyon & Dreyfus 1986, eq. 8; without the diagonal, Kanter & Sompolinsky
    1987.
    """
    value = as_patterns("patterns", patterns)
    w, rank = _projection(value)
    if rank == value.shape[1]:
        raise ValueError(
            f"pseudo_inverse needs fewer than {value.shape[1]} linearly independent patterns, "
            f"the number of units, got {int(rank)}"
        )
    return w


#: How far couplings learnt again may be from those that are there, in units of the last digit.
ROUNDING = 1000
#: Rules by name; those but the covariance rule take patterns of -1 and 1.
RULES = ("covariance", "outer_product", "pseudo_inverse", "storkey")


def resolve(
    rule: str | Callable[[Array], Array], levels: tuple[float, float], activity: float
) -> Rule:
    """Return the rule that ``rule`` names; a function of all patterns is one too."""
    if callable(rule):
        return _of_all(rule)
    name = _check.choice("rule", rule, RULES)
    if name in ("covariance", "outer_product"):
        return _additive(lambda patterns: covariance(patterns, activity, levels))
    if levels != BIPOLAR:
        raise ValueError(f"rule {rule!r} takes patterns of -1 and 1, not of {levels}")
    return _of_all(pseudo_inverse) if name == "pseudo_inverse" else _one_by_one()


def as_activity(value: Any, levels: tuple[float, float]) -> float:
    """Return the mean of patterns, strictly between the levels."""
    activity = _check.number("activity", value)
    if not levels[0] < activity < levels[1]:
        raise ValueError(f"activity must be between {levels[0]} and {levels[1]}, got {value}")
    return activity


def _additive(added: Callable[[Array], Array]) -> Rule:
    """Return the rule of patterns each of which adds couplings of its own."""
    return Rule(
        lambda on, old, new: on.within(on.w + added(new)),  # noqa: ARG005
        lambda on, old, stays: on.within(on.w - added(old[~stays])),
    )


def _of_all(rule: Callable[[Array], Array]) -> Rule:
    """Return the rule that makes couplings of all patterns together.

    They are added to those at the start: what changes is the difference to those of the patterns
    before.
    """

    def made(patterns: Array) -> Any:
        return rule(patterns) if len(patterns) else 0.0

    return Rule(
        lambda on, old, new: on.within(on.w + (made(jnp.concatenate([old, new])) - made(old))),
        lambda on, old, stays: on.within(on.w + (made(old[stays]) - made(old))),
    )


def _one_by_one() -> Rule:
    """Return Storkey's rule; to forget a pattern, those that stay are learnt again."""

    def forget(on: Couplings, old: Array, stays: np.ndarray) -> Array:
        learnt = storkey(old, on.start, on.mask)
        gap = jnp.abs(on.w - learnt).max()
        if gap > ROUNDING * jnp.finfo(learnt.dtype).eps * jnp.abs(learnt).max():
            raise ValueError(
                "w is not what Storkey's rule has made of the patterns, up to "
                f"{float(gap):.3g}: it was written since, so that no pattern can be taken back"
            )
        return storkey(old[stays], on.start, on.mask) if stays.any() else on.start

    return Rule(lambda on, old, new: storkey(new, on.w, on.mask), forget)  # noqa: ARG005


@jax.jit
def _outer_product(patterns: Array, activity: float, variance: float) -> Array:
    centred = patterns - activity
    num = patterns.shape[1]
    return _no_diagonal(centred.T @ centred / (num * variance))


@jax.jit
def _storkey(w: Array, patterns: Array, there: Array) -> Array:
    num = patterns.shape[1]

    def store(w: Array, p: Array) -> tuple[Array, None]:
        # h_ij = h_i - w_ij p_j off the diagonal, and p_j^2 = 1; a given w may have a diagonal
        others = _no_diagonal(w)
        h = others @ p
        change = jnp.outer(p, p) - jnp.outer(p, h) - jnp.outer(h, p) + 2 * others
        return w + jnp.where(there, _no_diagonal(change) / num, 0.0), None

    return jax.lax.scan(store, w, patterns)[0]


@jax.jit
def _projection(patterns: Array) -> tuple[Array, Array]:
    _, scale, rows = jnp.linalg.svd(patterns, full_matrices=False)
    least = jnp.finfo(scale.dtype).eps * max(patterns.shape) * scale[0]
    kept = scale > least
    rows = jnp.where(kept[:, None], rows, 0.0)
    return _no_diagonal(rows.T @ rows), kept.sum()


def _no_diagonal(w: Array) -> Array:
    return jnp.where(jnp.eye(w.shape[0], dtype=bool), 0.0, w)
