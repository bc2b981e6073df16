"""The discrete Hopfield network."""

from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.hopfield._coupled import CoupledMemory, CoupledOptions
from bp_rnn.hopfield._settle import Moved
from bp_rnn.hopfield._sweep import decide, random_order, rounding, sweep
from bp_rnn.hopfield.patterns import LEVELS
from bp_rnn.typing import Array, Params


class DiscreteHopfield(CoupledMemory):
    r"""Hopfield network of two-valued units.

    .. math::

        x_i \leftarrow \mathrm{sign}(h_i), \qquad h_i = \sum_j w_{ij} x_j + b_i, \qquad
        E = -\tfrac{1}{2} \sum_{ij} w_{ij} x_i x_j - \sum_i b_i x_i

    A field of zero keeps the state. A step (``update``) is a sweep: every unit once, in an order
    drawn at random, each seeing what those before it have become. At temperature zero no sweep
    raises the energy, and ``retrieve`` always ends at a fixed point. At temperature T a unit is on
    with probability :math:`1 / (1 + e^{-\Delta h_i / T})`, where :math:`\Delta` is the distance of
    its two values (Glauber dynamics).

    Parameters
    ----------
    num : int
        Units, N.
    coding : str
        ``'bipolar'`` for units of -1 and 1, ``'binary'`` for 0 and 1.
    dynamics : str
        ``'asynchronous'``, or ``'synchronous'``, where all units see the same state; that may
        end in a cycle of two states.
    temperature : float
        T, in the unit of the fields; not negative.
    rule, activity, w, b, mask
        As for :class:`CoupledMemory`; ``w`` has a zero diagonal.
    key, mode, name
        As for :class:`AssociativeMemory`.

    Attributes
    ----------
    w, b : bm.TrainVar
        Couplings ``(num, num)`` and bias currents ``(num,)``.
    patterns, state, overlap, energy, flips, converged, cycle : bm.Variable
        As for :class:`AssociativeMemory`. ``energy`` includes the input of the last step.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, a negative temperature, a matrix that is not symmetric or has a
        diagonal, patterns or probes of other values or another size.

    Notes
    -----
    A field is held for zero if it is below the rounding errors of its sum. Sources: Hopfield 1982;
    lecture "Discrete Hopfield Networks" and "Retrieval Dynamic", eq. 2.27 and Algorithm 1; Glauber
    1963.
    """

    def __init__(
        self,
        num: int,
        *,
        coding: str = "bipolar",
        dynamics: str = "asynchronous",
        temperature: float = 0.0,
        **options: Unpack[CoupledOptions],
    ) -> None:
        levels = LEVELS[_check.choice("coding", coding, LEVELS)]
        dynamics = _check.choice("dynamics", dynamics, ("asynchronous", "synchronous"))
        temperature = _check.not_negative("temperature", _check.number("temperature", temperature))
        super().__init__(num, levels=levels, probe_levels=levels, **options)
        self.temperature = temperature
        self.is_synchronous = dynamics == "synchronous"
        self.has_cycles = self.is_synchronous and self.temperature == 0
        diagonal = np.diag(np.asarray(self.w.value))
        if diagonal.any():
            unit = int(np.flatnonzero(diagonal)[0])
            raise ValueError(f"w must have a zero diagonal, got {diagonal[unit]} at unit {unit}")
        self.reset_state()

    def fields(self, params: Params, state: Array) -> Array:
        """Return ``W x + b``."""
        return self.recurrent(params, state) + params["b"]

    def advance(self, params: Params, state: Array, field: Any, key: Array) -> Moved:
        """Return the states after a sweep."""
        key_order, key_noise = jax.random.split(key)
        tolerance = rounding(field - params["b"])
        threshold = self._threshold(key_noise, state)
        if self.is_synchronous:
            new = decide(state, field - threshold, tolerance, self.levels)
            field, flips = self.fields(params, new), (new != state).sum(-1)
        else:
            order = random_order(key_order, self.num)

            def one(sample: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
                return sweep(params["w"], *sample, order=order, levels=self.levels)

            new, field, flips = jax.lax.map(one, (state, field - threshold, tolerance))
            field = field + threshold
        moving = flips > 0 if self.temperature == 0 else jnp.ones_like(flips, bool)
        return Moved(new, field, flips.astype(jnp.int32), moving)

    def energy_of(self, params: Params, state: Array, field: Any) -> Array:
        """Return ``-x W x / 2 - b x``."""
        return -(state * (field + params["b"])).sum(-1) / 2

    def _threshold(self, key: Array, state: Array) -> Array:
        """Return what a field is compared with: a number that makes it Glauber's choice."""
        if self.temperature == 0:
            return jnp.zeros_like(state)
        scale = self.temperature / (self.levels[1] - self.levels[0])
        return scale * jax.random.logistic(key, state.shape, state.dtype)
