"""The sparse n-step approximation."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.cells import Cell
from bp_rnn.functional import pattern
from bp_rnn.functional.influence import Linear
from bp_rnn.functional.products import Part
from bp_rnn.gradients._sparse import SparseGradient
from bp_rnn.typing import Array, Params


class SnAp(SparseGradient):
    r"""RTRL that keeps the influences which arise within ``num_step`` steps (SnAp-n).

    .. math:: p_t = M \odot \left( J_t \, p_{t-1} + \frac{\partial s_t}{\partial \theta} \right)

    M is one where a parameter reaches a state within n steps. With n = 1 these are the states of
    the unit that it drives, and memory and time are those of the forward pass; a dense network is
    reached completely in two steps, so that n > 1 is for networks with few connections (see
    :class:`Mask`). With n as large as the network it is :class:`RTRL`.

    Parameters
    ----------
    cell : Cell
        The network. Its constraints say which connections can never be there.
    num_step : int
        The n of SnAp-n.

    Attributes
    ----------
    p_<name> : bm.Variable
        What is kept of :math:`ds/d\theta`, ``(K, *parameter.shape)``: the states that a parameter
        reaches, those of its unit in the order of the state where n = 1.

    Raises
    ------
    ValueError, TypeError
        If ``num_step`` is not a positive integer.

    Notes
    -----
    Which states depend on which is tried at random points when the object is built. Source: Menick
    et al. 2021, section 3.
    """

    def __init__(self, cell: Cell, num_step: int = 1) -> None:
        self.num_step = _check.integer("num_step", num_step, 1)
        super().__init__(cell)

    def linearize(self, params: Params, state: Array, x: Any) -> tuple[Array, Linear]:
        """Return the linearised step, with what a unit does to itself alone where that is all."""
        if self._is_local:
            return self._influence.linearize_within(params, state, x, self._to_itself)
        return self._influence.linearize(params, state, x)

    def _prepare(self) -> None:
        super()._prepare()
        self._is_local = self.cell.rowwise and self.num_step == 1 and self._meet_in_products()

    def _to_itself(self, part: Part, other: Array) -> Array:
        """Return what a unit's own connection passes on: the diagonal of a recurrent matrix."""
        num, units = self.cell.num, len(part.value)
        if other.size != num or units % num:
            return jnp.zeros(units, other.dtype)
        unit = part.places[:, 0] // (part.places.size // num)  # rows are units
        other = other.reshape(-1)
        moved = pattern.take(other - jax.lax.stop_gradient(other), unit)
        return part.value[np.arange(units), unit] * moved

    def _meet_in_products(self) -> bool:
        """Return whether ``_to_itself`` gives the Jacobian within units, tried at random."""
        cell, influence = self.cell, self._influence
        rng = np.random.default_rng(0)

        def normal(*shape: int) -> Array:
            return jnp.asarray(rng.normal(size=shape), cell.state.dtype)

        @jax.jit
        def both(params: Params, state: Array, x: Array) -> tuple[Array, Array]:
            within = influence.linearize_within(params, state, x, self._to_itself)[1].jac
            return within, influence.linearize(params, state, x)[1].jac

        params = {k: normal(*v.shape) for k, v in cell.params().items()}
        blocks, full = both(params, normal(cell.size), normal(cell.num_in))
        shape = influence.blocks, cell.num, influence.blocks, cell.num
        exact = jnp.einsum("bici->bci", full.reshape(shape))
        return bool(jnp.allclose(blocks, exact, rtol=1e-3, atol=1e-5))
