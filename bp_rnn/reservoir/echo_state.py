"""Whether a network forgets where it started."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse

from bp_rnn import _check, _data
from bp_rnn._spectrum import spectral_norm, spectral_radius
from bp_rnn.reservoir.esn import ESN
from bp_rnn.typing import Array, Params

#: Share of the first distance below which a start counts as forgotten.
FORGOTTEN = 1e-4


class EchoState(NamedTuple):
    r"""What theory and measurement say of the echo state property.

    Attributes
    ----------
    spectral_norm : float
        :math:`\sigma_{max}(W)`.
    spectral_radius : float
        :math:`\rho((1 - a) I + a W)`, that of W with a leak of one.
    lyapunov : float
        Conditional Lyapunov exponent under the input, per step: the rate at which neighbouring
        states part, if positive, or meet.
    distance : np.ndarray
        Distance of two trajectories under the same input in units of the first, the largest over
        pairs of starts, ``(T,)``.
    """

    spectral_norm: float
    spectral_radius: float
    lyapunov: float
    distance: np.ndarray

    @property
    def sufficient(self) -> bool:
        """Whether the network contracts, so that it has the property under any input."""
        return self.spectral_norm < 1

    @property
    def necessary(self) -> bool:
        """Whether zero is stable without input; else the property fails for that input."""
        return self.spectral_radius < 1

    @property
    def measured(self) -> bool:
        """Whether neighbouring states meet, and all pairs did, under the input given."""
        return self.lyapunov < 0 and bool(self.distance[-1] < FORGOTTEN)

    @property
    def washout(self) -> int | None:
        """Steps after which the start is forgotten for good; None if it is not."""
        late = np.flatnonzero(self.distance >= FORGOTTEN)
        if len(late) and late[-1] == len(self.distance) - 1:
            return None
        return int(late[-1]) + 1 if len(late) else 0


def echo_state_property(esn: ESN, x: Any, *, num_start: int = 5, key: Array | int = 0) -> EchoState:
    r"""Check the echo state property by its two theorems, and measure it under an input.

    Parameters
    ----------
    esn : ESN
        Without feedback; nothing in it is changed.
    x : array
        Inputs ``(time, num_in)``.
    num_start : int
        Pairs of starts, uniform between -1 and 1.
    key : int or JAX key
        Seed of the starts.

    Returns
    -------
    EchoState

    Raises
    ------
    TypeError, ValueError
        If the network is no ESN or has feedback, or the input does not fit.

    Notes
    -----
    The theorems are for nonlinearities with a slope of at most one; the second one is for a
    network without bias, which rests at zero. Sources: Jaeger 2001, proposition 3; lecture 4,
    section 3.5.1, theorems 4 and 5, and 3.5.4.
    """
    if not isinstance(esn, ESN):
        raise TypeError(f"esn must be an ESN, got {type(esn).__name__}")
    if esn.has_feedback:
        raise ValueError("esn must have no feedback, which is an input of its own")
    num_start = _check.integer("num_start", num_start, 1)
    xs, batched = _data.inputs(esn, x)
    if batched:
        raise ValueError(f"x must have shape (time, {esn.num_in}), got a batch {xs.shape}")
    shape = (num_start, 3, esn.num)
    start = jax.random.uniform(_check.as_key(key), shape, esn.state.dtype, -1.0)
    distance, rate = _follow(esn, esn.params(), start, xs[0])
    w = esn.matrix()
    eye = scipy.sparse.eye_array(esn.num) if scipy.sparse.issparse(w) else np.eye(esn.num)
    linear = (1 - esn.leak) * eye + esn.leak * w
    return EchoState(
        spectral_norm(w), spectral_radius(linear), float(rate), np.asarray(distance, float)
    )


def _follow(esn: ESN, params: Params, start: Array, xs: Array) -> tuple[Array, Array]:
    """Return the distances ``(T,)`` and the growth of tangent vectors a step."""
    rest = jnp.zeros((len(start), esn.size - esn.num), start.dtype)

    def state(h: Array) -> Array:
        return jnp.concatenate([h, rest], axis=1)

    def body(carry: Any, x: Array) -> tuple[Any, Any]:
        here, there, tangent = carry
        step = jax.vmap(lambda s: esn.step(params, s, x))
        here, tangent = jax.jvp(step, (here,), (tangent,))
        there = step(there)
        size = jnp.linalg.norm(tangent, axis=1, keepdims=True)
        tiny = jnp.finfo(size.dtype).tiny
        tangent = tangent / jnp.maximum(size, tiny)
        apart = jnp.linalg.norm(here - there, axis=1)
        return (here, there, tangent), (apart, jnp.log(jnp.maximum(size[:, 0], tiny)))

    @jax.jit
    def run(start: Array, xs: Array) -> tuple[Array, Array]:
        here, there, tangent = (state(start[:, i]) for i in range(3))
        tangent = tangent / jnp.linalg.norm(tangent, axis=1, keepdims=True)
        first = jnp.linalg.norm(here - there, axis=1)
        _, (apart, growth) = jax.lax.scan(body, (here, there, tangent), xs)
        return (apart / first).max(1), growth[len(xs) // 2 :].mean()

    return run(start, xs)
