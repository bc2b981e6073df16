"""The modern Hopfield network: real states, one step, attention."""

from typing import Any, Unpack

import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.hopfield._base import AssociativeMemory, MemoryOptions
from bp_rnn.hopfield._settle import Moved
from bp_rnn.typing import Array, Params


class SoftmaxHopfield(AssociativeMemory):
    r"""Hopfield network with real states and the log-sum-exp energy.

    .. math::

        x \leftarrow P^T \, \mathrm{softmax}(\beta P x), \qquad
        E = -\frac{1}{\beta} \ln \sum_\mu e^{\beta \, p^\mu \cdot x} + \tfrac{1}{2} x \cdot x
        + \frac{\ln M}{\beta} + \tfrac{1}{2} \max_\mu \| p^\mu \|^2

    The step is attention with the patterns as keys and values and the state as the query. It
    never raises the energy; where patterns are far apart one step ends next to one of them, for a
    small beta at their mean.

    Parameters
    ----------
    num : int
        Units, N.
    beta : float
        Inverse temperature of the softmax, above zero.
    rest : float
        A state has converged once no unit moves further than this in a step, relative to the
        largest entry of the state.
    key, mode, name
        As for :class:`AssociativeMemory`.

    Attributes
    ----------
    patterns, state, overlap, energy, flips, converged, cycle : bm.Variable
        As for :class:`AssociativeMemory`; patterns and states are any real numbers, and a flip is
        a change of sign.

    Raises
    ------
    TypeError, ValueError
        For a ``beta`` or ``rest`` that is not positive, patterns or probes that are not finite or
        of another size.

    Notes
    -----
    Source: Ramsauer et al. 2020, eqs. 1 and 3.
    """

    def __init__(
        self, num: int, *, beta: float = 1.0, rest: float = 1e-5, **options: Unpack[MemoryOptions]
    ) -> None:
        super().__init__(num, levels=None, probe_levels=None, **options)
        self.beta = _check.positive("beta", _check.number("beta", beta))
        self.rest = _check.positive("rest", _check.number("rest", rest))
        self.reset_state()

    def params(self) -> Params:
        """Return the patterns."""
        return {"patterns": self.patterns.value}

    def fields(self, params: Params, state: Array) -> Array:
        """Return ``P x``, ``(batch, M)``."""
        return state @ params["patterns"].T

    def advance(self, params: Params, state: Array, field: Any, key: Array) -> Moved:  # noqa: ARG002
        """Return ``P^T softmax(beta P x)``."""
        new = jax.nn.softmax(self.beta * field, axis=-1) @ params["patterns"]
        flips = ((new > 0) != (state > 0)).sum(-1).astype(jnp.int32)
        moving = jnp.abs(new - state).max(-1) > self.rest * jnp.abs(new).max(-1)
        return Moved(new, self.fields(params, new), flips, moving)

    def energy_of(self, params: Params, state: Array, field: Any) -> Array:
        """Return the energy, half the square of the state where nothing is stored."""
        half = (state**2).sum(-1) / 2
        num = field.shape[-1]
        if num == 0:
            return half
        largest = (params["patterns"] ** 2).sum(-1).max() / 2
        # a mean takes the place of the sum and of ln M
        mean = jax.nn.logsumexp(self.beta * field, axis=-1) - jnp.log(float(num))
        return half + largest - mean / self.beta
