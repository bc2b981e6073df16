"""Hebb's rule under a fixed sum of weights."""

import dataclasses

import jax.numpy as jnp

from bp_rnn.plasticity._base import HebbianRule, Memory
from bp_rnn.typing import Array


@dataclasses.dataclass(frozen=True)
class SubtractiveNormalization(HebbianRule):
    r"""What all synapses of a unit gain is taken from each of them alike.

    .. math::

        \tau_w \frac{dw}{dt} = \left\langle v u - \frac{v (n \cdot u) \, n}{N_u} \right\rangle,
        \qquad n = (1, \dots, 1)

    The sum of the weights :math:`n \cdot w` is conserved.

    Parameters
    ----------
    nonnegative : bool
        Whether weights stop at zero. What those that stopped would have lost is then taken from
        the others, again from each alike, so that the sum is still conserved.

    Raises
    ------
    ValueError
        From the network that learns, if ``nonnegative`` and it starts from negative weights.

    Notes
    -----
    Sources: Miller & MacKay 1994; lecture "Subtractive Normalization", eq. 2.18.
    """

    nonnegative: bool = False

    @property
    def blockwise(self) -> bool:  # type: ignore[override]
        """Whether no weight stops at a bound."""
        return not self.nonnegative

    @property
    def bounds(self) -> tuple[float, float]:
        """Zero and infinity, if weights may not be negative."""
        return 0.0 if self.nonnegative else -float("inf"), float("inf")

    def postsynaptic(self, v: Array, memory: Memory) -> Array:  # noqa: ARG002
        """Return v."""
        return v

    def presynaptic(self, u: Array, memory: Memory) -> Array:  # noqa: ARG002
        r"""Return :math:`u - (n \cdot u) n / N_u`."""
        return u - u.mean(1, keepdims=True)

    def project(self, w: Array, before: Array) -> Array:
        """Return the nearest weights that are not negative and have the sum of ``before``."""
        return onto_simplex(w, before.sum(1)) if self.nonnegative else w

    def check(self, w: Array) -> None:
        """Refuse negative weights, if they may not be."""
        if self.nonnegative and bool((w < 0).any()):
            raise ValueError(f"w must not be negative at the start, got {w.min()}")


def onto_simplex(w: Array, total: Array) -> Array:
    """Return rows :math:`max(w - c, 0)`, each with the c that gives it its ``total``."""
    falling = -jnp.sort(-w, axis=1)
    count = jnp.arange(1, w.shape[1] + 1)
    # c if the first k are those above zero; the right k is the last that keeps its own above
    shift = (jnp.cumsum(falling, axis=1) - total[:, None]) / count
    above = jnp.maximum((falling > shift).sum(1, keepdims=True), 1)
    return jnp.maximum(w - jnp.take_along_axis(shift, above - 1, axis=1), 0.0)
