"""The window of spike-timing-dependent plasticity, measured."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.plasticity.stdp import STDP, Synapses


def measure_window(synapses: STDP, s: Any) -> np.ndarray:
    r"""Return how one pair of spikes changes a synapse, for each distance in time.

    The pairing protocol: from rest, one spike of the presynaptic neuron and one of the
    postsynaptic neuron, and the weight before and after. What the same time without spikes changes
    (:math:`a_0`) is taken off.

    Parameters
    ----------
    synapses : STDP
        Nothing in it is changed; bounds, too, are those of the synapse.
    s : array
        Distances :math:`s = t_j - t_i`, ``(K,)``: negative where the presynaptic spike is first;
        whole multiples of ``dt``.

    Returns
    -------
    numpy.ndarray
        ``(K,)``: :math:`W(s) + a_1^{pre} + a_1^{post}`, in the unit of the weights.

    Raises
    ------
    TypeError, ValueError
        If ``s`` is not a list of real numbers, or not of multiples of the time step.
    """
    distance = _check.real_array("s", s)
    if distance.ndim != 1 or not distance.size:
        raise ValueError(f"s must have shape (K,), got {distance.shape}")
    steps = np.round(distance / synapses.dt).astype(int)
    if np.abs(steps * synapses.dt - distance).max() > 1e-6 * synapses.dt:
        raise ValueError(f"s must hold whole multiples of dt={synapses.dt}, got {distance}")
    longest = np.abs(steps).max()
    time = np.arange(longest + 1)
    pre = time[:, None] == np.maximum(steps, 0)
    post = time[:, None] == np.maximum(-steps, 0)
    start = float(np.clip(0.0, synapses.low, synapses.high))

    def protocol(pre: jax.Array, post: jax.Array) -> jax.Array:
        def one(held: Synapses, spikes: tuple[jax.Array, jax.Array]) -> tuple[Synapses, None]:
            return synapses.step(held, *(v[None, None] for v in spikes)), None

        zero = jnp.zeros((1, 1), synapses.w.dtype)
        held = Synapses(zero + start, zero, zero)
        return jax.lax.scan(one, held, (pre, post))[0].w[0, 0] - start

    dtype = synapses.w.dtype
    change = jax.jit(jax.vmap(protocol, 1))(jnp.asarray(pre, dtype), jnp.asarray(post, dtype))
    return np.asarray(change) - synapses.a_0 * synapses.dt * (longest + 1)
