"""Averages of outer products over a batch, and products with them at the least cost."""

import jax.numpy as jnp

from bp_rnn.typing import Array


def mean_outer(v: Array, u: Array) -> Array:
    r"""Return :math:`\langle v u^T \rangle` of a batch ``(B, m)``, ``(B, n)``: ``(m, n)``."""
    if len(v) == 1:  # a product of two vectors, which the compiler fuses with what follows
        return v[0][:, None] * u[0]
    return v.T @ u / len(v)


def mean_outer_times(v: Array, w: Array) -> Array:
    r"""Return :math:`\langle v v^T \rangle w`, ``(B, m)`` and ``(m, n)`` to ``(m, n)``."""
    (num, size), width = v.shape, w.shape[1]
    if num == 1:
        return v[0][:, None] * (v[0] @ w)
    if 2 * num * width < size * (num + width):
        return v.T @ (v @ w) / num
    return mean_outer(v, v) @ w


def mean_lower_outer_times(v: Array, w: Array) -> Array:
    r"""Return :math:`\mathrm{LT}\langle v v^T \rangle w`, where LT keeps the lower triangle.

    Row i is :math:`\langle v_i \sum_{k \le i} v_k \rangle w_k`.
    """
    return jnp.tril(mean_outer(v, v)) @ w
