r"""How patterns become couplings: pure functions of patterns ``(M, N)``, row by row a memory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.hopfield.patterns import BIPOLAR, as_patterns
from bp_rnn.typing import Array


class Rule(NamedTuple):
    """What a network does to its couplings when a memory comes or goes.

    Attributes
    ----------
    store : callable
        ``(w, old, new) -> w``: the couplings once ``new`` is stored beside the patterns ``old``.
    forget : callable
        ``(w, kept, gone) -> w``: the couplings once ``gone`` is forgotten and ``kept`` is left.
    """

    store: Callable[[Array, Array, Array], Array]
    forget: Callable[[Array, Array, Array], Array]


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


def storkey(patterns: Any, w: Array | None = None) -> Array:
    r"""Return couplings learnt pattern by pattern, each seeing what is stored already.

    .. math::

        w_{ij} \leftarrow w_{ij} + \frac{1}{N} \left(
        p_i p_j - p_i h_{ji} - h_{ij} p_j \right), \qquad
        h_{ij} = \sum_{k \ne i, j} w_{ik} p_k

    Parameters
    ----------
    patterns : array
        ``(M, N)`` of -1 and 1, stored in this order.
    w : Array, optional
        Couplings ``(N, N)`` to go on from, symmetric with a zero diagonal; zero by default.

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
    return _storkey(jnp.zeros((num, num), value.dtype) if w is None else w, value)


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


#: Rules by name; those but the covariance rule take patterns of -1 and 1.
RULES = ("covariance", "outer_product", "pseudo_inverse", "storkey")


def resolve(
    rule: str | Callable[[Array], Array], levels: tuple[float, float], activity: float
) -> Rule:
    """Return the rule that ``rule`` names; a function of all patterns is one too."""
    if callable(rule):
        return _anew(rule)
    name = _check.choice("rule", rule, RULES)
    if name in ("covariance", "outer_product"):

        def added(patterns: Array) -> Array:
            return covariance(patterns, activity, levels)

        return Rule(
            lambda w, old, new: w + added(new),  # noqa: ARG005
            lambda w, kept, gone: w - added(gone),  # noqa: ARG005
        )
    if levels != BIPOLAR:
        raise ValueError(f"rule {rule!r} takes patterns of -1 and 1, not of {levels}")
    if name == "pseudo_inverse":
        return _anew(pseudo_inverse)
    return Rule(
        lambda w, old, new: storkey(new, w),  # noqa: ARG005
        lambda w, kept, gone: storkey(kept),  # noqa: ARG005
    )


def as_activity(value: Any, levels: tuple[float, float]) -> float:
    """Return the mean of patterns, strictly between the levels."""
    activity = _check.number("activity", value)
    if not levels[0] < activity < levels[1]:
        raise ValueError(f"activity must be between {levels[0]} and {levels[1]}, got {value}")
    return activity


def _anew(rule: Callable[[Array], Array]) -> Rule:
    """Return the rule that computes all couplings again, from all patterns."""
    return Rule(
        lambda w, old, new: rule(jnp.concatenate([old, new])),  # noqa: ARG005
        lambda w, kept, gone: rule(kept),  # noqa: ARG005
    )


@jax.jit
def _outer_product(patterns: Array, activity: float, variance: float) -> Array:
    centred = patterns - activity
    num = patterns.shape[1]
    return _no_diagonal(centred.T @ centred / (num * variance))


@jax.jit
def _storkey(w: Array, patterns: Array) -> Array:
    num = patterns.shape[1]

    def store(w: Array, p: Array) -> tuple[Array, None]:
        # h_ij = h_i - w_ij p_j off the diagonal, and p_j^2 = 1
        h = w @ p
        change = jnp.outer(p, p) - jnp.outer(p, h) - jnp.outer(h, p) + 2 * w
        return w + _no_diagonal(change / num), None

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
