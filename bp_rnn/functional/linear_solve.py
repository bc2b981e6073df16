"""Linear systems given by a product with a vector."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import bicgstab, gmres

from bp_rnn import _check
from bp_rnn.typing import Array

Product = Callable[[Array], Array]

SOLVERS = ("bicgstab", "gmres", "direct")
#: Size of GMRES's subspace, and how often it is built at most.
RESTART, REBUILDS = 30, 20
#: Relative residual of what counts as solved, as a power of the float type's epsilon.
SOLVED = 0.4


def solve(product: Product, target: Array, solver: str) -> tuple[Array, Array]:
    r"""Solve :math:`A v = b` and tell how well.

    Parameters
    ----------
    product : callable
        ``v -> A v``.
    target : Array
        b, ``(S,)``.
    solver : {'bicgstab', 'gmres', 'direct'}
        ``'direct'`` builds A and factors it; the others need products alone. What BiCGSTAB, the
        cheaper one, breaks off, GMRES finishes.

    Returns
    -------
    tuple of Array
        v and the relative residual :math:`|A v - b| / |b|`.
    """
    _check.choice("solver", solver, SOLVERS)
    size = jnp.linalg.norm(target)
    tol = float(jnp.finfo(target.dtype).eps) ** 0.75
    if solver == "direct":
        v = jnp.linalg.solve(jax.vmap(product)(jnp.eye(target.size, dtype=target.dtype)).T, target)
    else:
        start = jnp.zeros_like(target)
        if solver == "bicgstab":
            start, _ = bicgstab(product, target, tol=tol, maxiter=RESTART * REBUILDS)
            start = jnp.where(jnp.isfinite(start).all(), start, 0)
        v, _ = gmres(
            product,
            target,
            start,
            tol=tol,
            restart=RESTART,
            maxiter=REBUILDS,
            solve_method="incremental",
        )
    v = jnp.where(size > 0, v, 0)
    return v, jnp.linalg.norm(product(v) - target) / jnp.where(size > 0, size, 1)


def is_solved(residual: Array) -> Array:
    """Tell whether a relative residual is small enough for a solution to be used."""
    return residual <= jnp.finfo(residual.dtype).eps ** SOLVED


def solve_or_nan(product: Product, target: Array, solver: str) -> Array:
    """Solve :math:`A v = b`, linear in b and transposable; NaN where it can't be solved."""

    def checked(product: Product, target: Any) -> Any:
        v, residual = solve(product, target, solver)
        return jnp.where(is_solved(residual), v, jnp.nan)

    return jax.lax.custom_linear_solve(product, target, checked, checked)
