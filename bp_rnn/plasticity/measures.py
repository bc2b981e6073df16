"""What a network has learnt: how selective its units are, and whether its weights still grow."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.plasticity.layer import PlasticLayer


def selectivity(v: Any) -> np.ndarray:
    r"""Return how much of a unit's response goes to the pattern that it likes best.

    .. math::

        S = \frac{1 - \langle v \rangle / \max v}{1 - 1/K}

    It is 0 for a unit that answers to all K patterns alike, and 1 for one that answers to a
    single one.

    Parameters
    ----------
    v : array
        Responses ``(K,)`` or ``(K, num)``, at least two patterns, such as
        :meth:`PlasticLayer.response` gives them.

    Returns
    -------
    numpy.ndarray
        ``()`` or ``(num,)``; NaN for a unit that answers to nothing.

    Notes
    -----
    Source: Bienenstock, Cooper & Munro 1982, there without the denominator, so that the
    most selective unit has :math:`1 - 1/K`.
    """
    response = _check.real_array("v", v)
    if response.ndim not in (1, 2) or len(response) < 2:
        raise ValueError(f"v must have shape (patterns, num), got {response.shape}")
    best = response.max(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(best > 0, response.mean(0) / best, np.nan)
    return (1 - ratio) / (1 - 1 / len(response))


def norm_growth(layer: PlasticLayer, inputs: Any) -> np.ndarray:
    r"""Return :math:`\tau_w \, d|w_i|^2/dt = 2 \langle w_i \cdot G_i \rangle` of each unit.

    Above zero the weights grow. It is :math:`2 \langle v^2 \rangle` for Hebb's rule, and
    :math:`2 \langle v^2 \rangle (1 - \alpha |w|^2)` for Oja's.

    Parameters
    ----------
    layer : PlasticLayer
        Nothing in it is changed.
    inputs : array
        ``(samples, num_in)``, over which it is averaged.

    Returns
    -------
    numpy.ndarray
        ``(num,)``.

    Raises
    ------
    ValueError
        If ``inputs`` has another shape, or no sample: there is no mean of nothing.
    """
    array = np.atleast_2d(_check.real_array("inputs", inputs))
    num_in = layer.w.shape[1]
    if array.ndim != 2 or array.shape[1] != num_in or not len(array):
        raise ValueError(f"inputs must have shape (samples, {num_in}), got {array.shape}")
    u = jnp.asarray(array, layer.w.dtype)
    return np.asarray(2 * (layer.w.value * layer.derivative(u)).sum(1))
