"""How many inputs a network keeps apart, and how many variations of one it takes for different."""

from typing import Any

import jax
import numpy as np

from bp_rnn import _check, _data
from bp_rnn.reservoir._base import Reservoir
from bp_rnn.typing import Array


def kernel_rank(net: Reservoir, x: Any, *, tolerance: float = 0.01) -> int:
    r"""Return the rank of what the read-out sees last of different inputs: how many it separates.

    Parameters
    ----------
    net : Reservoir
        Nothing in it is changed.
    x : array or list
        M inputs, ``(M, time, num_in)``, or a list of ``(time, num_in)`` of any lengths.
    tolerance : float
        Singular values of the features ``(M, num_hidden)`` count above this share of the largest.

    Returns
    -------
    int
        M at most, and the number of features.

    Raises
    ------
    TypeError, ValueError
        If the network is none, or ``x`` no batch.

    Notes
    -----
    Source: Legenstein & Maass 2007.
    """
    if not isinstance(net, Reservoir):
        raise TypeError(f"net must be a Reservoir, got {type(net).__name__}")
    tolerance = _check.positive("tolerance", _check.number("tolerance", tolerance))
    seqs = _data.sequences(net, x)
    if not seqs.batched:
        raise ValueError(f"x must have shape (inputs, time, {net.num_in}), got {np.shape(x)}")
    whole = np.asarray(net.features(np.asarray(seqs.xs), lengths=seqs.lengths), float)
    seen = whole[np.arange(len(whole)), seqs.lengths - 1]
    sizes = np.linalg.svd(seen, compute_uv=False)
    return int((sizes > tolerance * sizes[0]).sum())


def generalisation_rank(
    net: Reservoir,
    x: Any,
    *,
    noise: float = 0.01,
    num_input: int = 100,
    tolerance: float = 0.01,
    key: Array | int = 0,
) -> int:
    """Return the rank of what the read-out sees last of noisy copies of one input: low is good.

    Parameters
    ----------
    net : Reservoir
        Nothing in it is changed.
    x : array
        One input, ``(time, num_in)``.
    noise : float
        Standard deviation of what is added.
    num_input : int
        Copies.
    tolerance
        As for :func:`kernel_rank`.
    key : int or JAX key
        Seed of the noise.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        If the network is none, or a value does not fit.

    Notes
    -----
    Source: Legenstein & Maass 2007.
    """
    noise = _check.not_negative("noise", _check.number("noise", noise))
    num_input = _check.integer("num_input", num_input, 1)
    value = _check.real_array("x", x)
    if value.ndim != 2:
        raise ValueError(f"x must have shape (time, features), got {value.shape}")
    seed = np.asarray(jax.random.key_data(_check.as_key(key)))
    extra = np.random.default_rng(seed).normal(size=(num_input, *value.shape))
    return kernel_rank(net, value + noise * extra, tolerance=tolerance)
