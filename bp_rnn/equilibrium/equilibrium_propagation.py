"""The gradient at a fixed point from where the network goes when it is nudged."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.cells import Cell
from bp_rnn.equilibrium._base import Adjoint, EquilibriumAlgorithm
from bp_rnn.functional import fixed_point
from bp_rnn.functional.fixed_point import Rate
from bp_rnn.typing import Array

#: Factors of the nudging strength, by name.
FACTORS = {"one-sided": (1.0,), "symmetric": (-1.0, 1.0)}
#: States and inputs at which the symmetry of J is looked at before any learning.
PROBES = 4
#: Part of the nudging force that may be left at the end of a phase.
LEFT = 1e-3
#: Least tolerance of a nudged phase, in units of the float type's epsilon.
ROUNDING = 64


class EquilibriumPropagation(EquilibriumAlgorithm):
    r"""Gradient at a fixed point of a network with symmetric J, from its own dynamics alone.

    In the nudged phase the loss acts on the network as a force,

    .. math::

        \frac{dr}{dt} = F(r, \theta, x) + \lambda \Big(\frac{\partial l}{\partial r}\Big)^T,
        \qquad \frac{dr^*}{d\lambda} = -J^{-1} \Big(\frac{\partial l}{\partial r}\Big)^T
        = (v^*)^T \text{ if } J = J^T, \qquad
        \frac{dl}{d\theta} = \Big(\frac{dr^*}{d\lambda}\Big)^T \frac{\partial F}{\partial\theta}

    and :math:`dr^*/d\lambda` is a finite difference between where the free phase and the nudged
    phases end. The strength is :math:`\lambda = -\beta f`: a positive factor f pulls towards the
    target.

    As a BrainPy system, ``net.update(x, y, beta)`` advances r by one step of either phase, so that
    ``bp.DSRunner(net, monitors=["r"]).run(inputs=(xs, ys, betas))`` shows the phases, free where
    ``betas`` is zero.

    Parameters
    ----------
    cell : Cell
        The network, such as :class:`EnergyRNN`.
    beta : float
        Strength of the nudging, above zero.
    factors : {'symmetric', 'one-sided'} or sequence of float
        Factors f of the nudged phases: (-1, 1), (1,), or any other numbers that differ from each
        other and from zero. The error of the gradient falls as beta to the power of their number
        or better; (-2, -1, 1, 2) gives the fourth order.
    allow_asymmetric : bool
        Whether to go on with a J that is not symmetric; the gradient is then approximate
        whatever ``beta`` (vector field dynamics).
    **options
        Those of :class:`EquilibriumAlgorithm`.

    Raises
    ------
    ValueError
        If J is not symmetric and nothing was said of it; the message has the measured asymmetry.

    Notes
    -----
    Sources: Scellier & Bengio 2017 (free and nudged phase, there with :math:`F = -dE/dr`);
    Laborieux et al. 2021 (symmetric); Zucchet & Sacramento 2022 (many factors); Scellier et al.
    2018 (vector field dynamics); lecture 1, "Fixed point representation".
    """

    kind = "approximate"

    def __init__(
        self,
        cell: Cell,
        *,
        beta: float = 0.1,
        factors: str | Sequence[float] = "symmetric",
        allow_asymmetric: bool = False,
        **options: Any,
    ) -> None:
        self.beta = _check.positive("beta", _check.number("beta", beta))
        self.factors = _factors(factors)
        self.weights = _difference(self.factors)
        self.allow_asymmetric = bool(allow_asymmetric)
        super().__init__(cell, **options)

    def adjoint(
        self, rate: Rate, state: Array, dl_ds: Array, signal: Callable[[Array], Array]
    ) -> Adjoint:
        """Return the finite difference between the ends of the phases."""
        dtype = state.dtype
        size = fixed_point.typical_slope(rate, state) * jnp.abs(state).max()
        tol = fixed_point.default_tol(dtype) if self.search.tol is None else self.search.tol
        least = ROUNDING * float(jnp.finfo(dtype).eps)
        left = LEFT * self.beta * jnp.abs(dl_ds).max()
        limit = jnp.minimum(tol * jnp.maximum(size, left), jnp.maximum(left, least * size))

        def phase(factor: Array) -> tuple[Array, fixed_point.Found]:
            strength = -self.beta * factor
            forced = lambda s: rate(s) + strength * signal(s)  # noqa: E731
            return fixed_point.find(forced, state, self.search, limit)

        ends, found = jax.vmap(phase)(jnp.asarray(self.factors, dtype))
        v = jnp.asarray(self.weights, dtype) @ (ends - state) / -self.beta
        solved = (found.residual <= jnp.maximum(limit, left)).all()
        asymmetry = jnp.zeros((), dtype)
        if not self.allow_asymmetric:
            asymmetry = measure_asymmetry(rate, state)
            is_symmetric = asymmetry <= _symmetric_tol(dtype)
            asymmetry = jnp.where(is_symmetric, 0, asymmetry)
            solved &= is_symmetric
        return Adjoint(v, solved, found.residual.max(), asymmetry)

    def update(self, x: Array, y: Array, beta: Any = 0.0) -> Array:  # type: ignore[override]
        r"""Advance r by one step, :math:`- \Delta t \beta \, \partial l/\partial r` added.

        Parameters
        ----------
        x, y : Array
            Input ``(num_in,)`` and target ``(num_out,)`` or label, with a leading batch axis in a
            batching mode.
        beta : float
            Strength of the nudging, positive towards the target; zero in the free phase.
        """
        self.check_precision()
        cell, params = self.cell, self.cell.params()
        signal = self._over_batch(lambda state, y: self.signal(params, state, y))
        force = signal(cell.state.value, self.as_target(y))
        cell.update(x)
        strength = jnp.asarray(beta)[..., None]  # one for all, or one for each sample
        cell.set_state(cell.state.value - self.search.dt * strength * force)
        cell.observe(x)
        return cell.z.value

    def _prepare(self) -> None:
        if self.allow_asymmetric:
            return
        cell, params = self.cell, self.cell.params()

        def one(key: Array) -> Array:
            of_state, of_x = jax.random.split(key)
            state = jax.random.normal(of_state, (cell.size,), cell.state.dtype)
            x = jax.random.normal(of_x, (cell.num_in,), cell.state.dtype)
            return measure_asymmetry(lambda s: cell.derivative(params, s, x), state)

        found = float(jax.vmap(one)(jax.random.split(jax.random.key(0), PROBES)).max())
        if not found <= _symmetric_tol(cell.state.dtype):
            raise ValueError(
                f"cell must have a symmetric J for equilibrium propagation, but |J - J^T|/|J + J^T|"
                f" of {cell.name} is {found:.2g}; EnergyRNN has one, and allow_asymmetric=True "
                "goes on with a gradient that is approximate"
            )


def measure_asymmetry(rate: Rate, state: Array) -> Array:
    r"""Return :math:`|(J - J^T) u| / |(J + J^T) u|` for a random u; pure, J is not built."""
    u = jax.random.normal(jax.random.key(1), state.shape, state.dtype)
    forward = jax.jvp(rate, (state,), (u,))[1]
    backward = jax.vjp(rate, state)[1](u)[0]
    size = jnp.linalg.norm(forward + backward)
    return jnp.linalg.norm(forward - backward) / jnp.maximum(size, jnp.finfo(size.dtype).tiny)


def _symmetric_tol(dtype: Any) -> float:
    return float(jnp.finfo(dtype).eps) ** 0.5


def _factors(factors: str | Sequence[float]) -> tuple[float, ...]:
    if isinstance(factors, str):
        return FACTORS[_check.choice("factors", factors, FACTORS)]
    values = np.asarray(_check.real_array("factors", factors), float)
    if values.ndim != 1 or len(values) == 0 or len({0.0, *values.tolist()}) != len(values) + 1:
        raise ValueError(
            f"factors must be numbers that differ from each other and from 0, got {factors!r}"
        )
    return tuple(values.tolist())


def _difference(factors: tuple[float, ...]) -> np.ndarray:
    """Return the weights of the derivative at 0 of the polynomial through 0 and the factors."""
    nodes = np.array(factors)
    powers = np.arange(1, len(nodes) + 1)
    return np.linalg.solve(nodes ** powers[:, None], (powers == 1).astype(float))
