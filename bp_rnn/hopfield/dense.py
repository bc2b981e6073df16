"""Dense associative memory: energies steeper than a quadratic."""

from typing import Any, Unpack

import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.hopfield._base import AssociativeMemory, MemoryOptions
from bp_rnn.hopfield._settle import Moved
from bp_rnn.hopfield._sweep import random_order
from bp_rnn.hopfield.patterns import BIPOLAR
from bp_rnn.typing import Array, Params


class DenseHopfield(AssociativeMemory):
    r"""Dense associative memory of units of -1 and 1.

    With :math:`z_\mu = \sum_i p_i^\mu x_i`, the energy of order n, and the exponential one, are

    .. math::

        E = -\frac{N}{n} \sum_\mu \left( \frac{z_\mu}{N} \right)^n, \qquad
        E = -\frac{1}{\beta} \ln \sum_\mu e^{\beta z_\mu}

    A unit turns over if that lowers the energy. Order 2 is Hopfield's network; order n stores of
    the order of :math:`N^{n-1}` patterns, the exponential energy exponentially many.

    Parameters
    ----------
    num : int
        Units, N.
    order : int or str
        n of at least 2, or ``'exponential'``.
    beta : float
        Steepness of the exponential energy, above zero.
    dynamics : str
        ``'asynchronous'``: a step is a sweep in random order, which never raises the energy; or
        ``'synchronous'``: all units see the same state (one-step retrieval).
    key, mode, name
        As for :class:`AssociativeMemory`.

    Attributes
    ----------
    order : int or None
        n; None for the exponential energy.
    patterns, state, overlap, energy, flips, converged, cycle : bm.Variable
        As for :class:`AssociativeMemory`. There are no couplings: the patterns are the memory.

    Raises
    ------
    TypeError, ValueError
        For an order below 2, a ``beta`` that is not positive, an unknown name, patterns or probes
        of other values than -1 and 1 or of another size.

    Notes
    -----
    Sources: Krotov & Hopfield 2016, eqs. 2 and 4; Demircigil et al. 2017, eq. 7.
    """

    order: int | None

    def __init__(
        self,
        num: int,
        *,
        order: int | str = 3,
        beta: float = 1.0,
        dynamics: str = "synchronous",
        **options: Unpack[MemoryOptions],
    ) -> None:
        super().__init__(num, levels=BIPOLAR, probe_levels=BIPOLAR, **options)
        if isinstance(order, str):
            self.order = None
            _check.choice("order", order, ("exponential",))
        else:
            self.order = _check.integer("order", order, 2)
        self.beta = _check.positive("beta", _check.number("beta", beta))
        name = _check.choice("dynamics", dynamics, ("asynchronous", "synchronous"))
        self.is_synchronous = name == "synchronous"
        self.has_cycles = self.is_synchronous
        self.reset_state()

    def params(self) -> Params:
        """Return the patterns."""
        return {"patterns": self.patterns.value}

    def fields(self, params: Params, state: Array) -> Array:
        """Return z, ``(batch, M)``."""
        return state @ params["patterns"].T

    def advance(self, params: Params, state: Array, field: Any, key: Array) -> Moved:
        """Return the states after a step."""
        if self.is_synchronous:
            pull = self._pull(field) @ params["patterns"]
            rise, tolerance = self._rise(state, field, pull)
            new = jnp.where(rise < -tolerance, -state, state)
            field = self.fields(params, new)
        else:
            order = random_order(key, self.num)
            by_unit = params["patterns"].T
            new, field = jax.vmap(lambda x, z: self._sweep(by_unit, order, x, z))(state, field)
        flips = (new != state).sum(-1).astype(jnp.int32)
        return Moved(new, field, flips, flips > 0)

    def energy_of(self, params: Params, state: Array, field: Any) -> Array:  # noqa: ARG002
        """Return the energy, zero where nothing is stored."""
        if field.shape[-1] == 0:
            return jnp.zeros(field.shape[0], field.dtype)
        if self.order is None:
            return -jax.nn.logsumexp(self.beta * field, axis=-1) / self.beta
        return -self._well(field, field).sum(-1)

    def _well(self, z: Array, now: Array) -> Array:
        """Return F(z), with E = -sum F; the exponential one relative to the largest ``now``."""
        if self.order is None:
            return jnp.exp(self.beta * (z - now.max(-1, keepdims=True, initial=-jnp.inf)))
        return (self.num / self.order) * (z / self.num) ** self.order

    def _pull(self, z: Array) -> Array:
        """Return half the difference of F between a unit on and off, for each pattern."""
        return (self._well(z + 2, z) - self._well(z - 2, z)) / 2

    def _rise(self, x: Array, z: Array, pull: Array) -> tuple[Array, Array]:
        """Return by how much turning a unit over raises the energy, and its rounding error.

        Turned over, z becomes z - 2 p x with p x of -1 or 1, so that F of it is a mean over both
        and p x times half their difference; ``pull`` is the sum of p times that difference.
        """
        here, up, down = self._well(z, z), self._well(z + 2, z), self._well(z - 2, z)
        middle = (here - (up + down) / 2).sum(-1, keepdims=True)
        size = (jnp.abs(here) + jnp.abs(up) + jnp.abs(down)).sum(-1, keepdims=True)
        return middle + x * pull, jnp.finfo(z.dtype).eps * size

    def _sweep(self, by_unit: Array, order: Array, x: Array, z: Array) -> tuple[Array, Array]:
        def one(carry: tuple[Array, Array], unit: Array) -> tuple[tuple[Array, Array], None]:
            x, z = carry
            pull = by_unit[unit] @ self._pull(z)
            rise, tolerance = self._rise(x[unit], z, pull)
            change = jnp.where(rise < -tolerance, -2 * x[unit], 0.0)[0]
            return (x.at[unit].add(change), z + by_unit[unit] * change), None

        return jax.lax.scan(one, (x, z), order)[0]
