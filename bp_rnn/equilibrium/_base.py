"""What a gradient at a fixed point is."""

import abc
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import brainpy.math as bm
import jax
import jax.numpy as jnp

from bp_rnn import _check, _data, _loss, _programs
from bp_rnn.cells import Cell
from bp_rnn.equilibrium._report import Report
from bp_rnn.functional import fixed_point, trajectory
from bp_rnn.functional.fixed_point import Rate
from bp_rnn.gradients import GradientAlgorithm
from bp_rnn.typing import Array, Input, Params, StepLoss, Trace, Window


class Adjoint(NamedTuple):
    r"""The vector v that :math:`dl/d\theta = v \, \partial F/\partial\theta` needs.

    Attributes
    ----------
    v : Array
        ``(S,)``.
    solved : Array
        Whether it is right.
    error, asymmetry : Array
        As in :class:`Report`.
    """

    v: Array
    solved: Array
    error: Array
    asymmetry: Array


class EquilibriumGradient(NamedTuple):
    """What :meth:`EquilibriumAlgorithm.gradient` returns.

    Attributes
    ----------
    loss : Array
        Mean over the samples.
    grads : Params
        Its gradient.
    outputs : Array
        ``(samples, num_out)``.
    report : Report
        What was found of each sample.
    """

    loss: Array
    grads: Params
    outputs: Array
    report: Report


class EquilibriumAlgorithm(GradientAlgorithm, abc.ABC):
    r"""A cell that settles under a constant input, and the gradient of a loss at its fixed point.

    .. math::

        0 = F(r^*, \theta, x), \qquad
        \frac{dl}{d\theta} = -\frac{\partial l}{\partial r^*} J^{-1}
        \frac{\partial F}{\partial \theta} = v \frac{\partial F}{\partial \theta}, \qquad
        J = \frac{\partial F}{\partial r} \Big|_{r^*}

    F is the cell's ``derivative``. The algorithms differ in how they come by v. Parameters that
    the loss sees directly, those of the read-out, get :math:`\partial l/\partial\theta`. Noise of
    the cell is left out.

    A sample without a fixed point, with an unstable one, or without v is never used: either the
    loss and the gradient of its batch are NaN, which stops a trainer, or the sample is left out of
    both. The :class:`Report` tells why.

    Parameters
    ----------
    cell : Cell
        The network, causal.
    loss : str or callable
        Name of a loss of ``bp.losses``, or a function of output and target of one sample; an
        array is averaged. :meth:`gradient`, :meth:`update` and trainers all take this one.
    search : {'relax', 'anderson', 'newton'}
        How the fixed point is found, from the cell's initial state: by the dynamics themselves,
        or faster by a method that may end at another one;
        :class:`bp_rnn.functional.fixed_point.Search` says how.
    tol : float, optional
        Largest :math:`|F_i|` of a fixed point, relative to its size on the way there; by default
        4e-11 in float64, 2e-5 in float32.
    max_iter : int
        Most iterations of every search.
    check_stability : bool
        Whether to follow a small perturbation of each fixed point until it dies out, which takes
        about the time of a relaxation. False where stability is known.
    skip_unusable : bool
        Whether to go on without the samples that can't be used.

    Raises
    ------
    TypeError, ValueError
        If ``cell`` is no causal Cell, or for an option that is none of the above.
    """

    def __init__(
        self,
        cell: Cell,
        *,
        loss: str | Callable[..., Any] = "mean_squared_error",
        search: str = "relax",
        tol: float | None = None,
        max_iter: int = 1000,
        check_stability: bool = True,
        skip_unusable: bool = False,
    ) -> None:
        self.loss = _loss.resolve(loss)
        name = _check.choice("search", search, fixed_point.SEARCHES)
        if tol is not None:
            tol = _check.positive("tol", _check.number("tol", tol))
        max_iter = _check.integer("max_iter", max_iter, 1)
        self.check_stability, self.skip_unusable = bool(check_stability), bool(skip_unusable)
        super().__init__(cell)
        self.search = fixed_point.Search(name, cell.dt, tol, max_iter)

    @abc.abstractmethod
    def adjoint(
        self, rate: Rate, state: Array, dl_ds: Array, signal: Callable[[Array], Array]
    ) -> Adjoint:
        r"""Return v of one sample; pure.

        Parameters
        ----------
        rate : callable
            F as a function of the state.
        state : Array
            Fixed point ``(S,)``.
        dl_ds : Array
            :math:`\partial l / \partial r^*`, ``(S,)``.
        signal : callable
            The same as a function of the state.
        """

    def window(
        self,
        params: Params,
        state: Array,
        trace: Trace,
        xs: Any,
        targets: Any,
        loss: StepLoss,
    ) -> Window:
        """Let every step of the data settle from ``state``, each a sample of its own."""
        lead = targets.weight.shape
        num, steps = lead
        xs = xs.x if isinstance(xs, Input) else xs
        xs, targets = jax.tree.map(lambda v: v.reshape(num * steps, *v.shape[2:]), (xs, targets))
        sample = functools.partial(self._sample, params, loss)
        start = jnp.repeat(state, steps, 0)
        rest, zs, losses, v, report = jax.vmap(sample)(start, xs, targets)
        used = report.usable
        at = jnp.where(used[:, None], rest, start)
        num_used = num * used.mean()

        def total(params: Params) -> Array:
            # v F is zero; its derivative is the gradient through the fixed point
            def one(state: Array, x: Array, target: Any, v: Array) -> Array:
                return loss(params, state, target)[0] + v @ self.cell.derivative(params, state, x)

            values = jax.vmap(one)(at, xs, targets, jnp.where(used[:, None], v, 0))
            return jnp.where(used, values, 0).sum() / num_used

        complete = used.any() if self.skip_unusable else used.all()
        grads = jax.tree.map(lambda g: jnp.where(complete, g, jnp.nan), jax.grad(total)(params))
        value = jnp.where(complete, jnp.where(used, losses, 0).sum() / num_used, jnp.nan)
        rest, zs, v, report = jax.tree.map(
            lambda a: a.reshape(*lead, *a.shape[1:]), (rest, zs, v, report)
        )
        trace = self.last_trace(v[:, -1])
        return Window(value, grads, zs, rest[:, -1], trace, report)

    def last_trace(self, v: Array) -> Trace:  # noqa: ARG002
        """Return the trace of a batch for its v, ``(B, S)``; pure. Empty by default."""
        return {}

    def empty_report(self, shape: tuple[int, ...]) -> Report:
        """Return a report of nothing."""
        return Report.empty(shape, self.cell.state.dtype)

    def rest(self, params: Params, start: Array, x: Array) -> tuple[Array, Report]:
        """Return the fixed point of one sample, or where the search ended; pure."""
        rate = functools.partial(self._rate, params, x)
        state, found = fixed_point.find(rate, start, self.search)
        stable, growth = jnp.array(True), jnp.zeros((), state.dtype)
        if self.check_stability:
            stable, growth = fixed_point.stability(
                rate, state, self.search.dt, self.search.max_iter
            )
        usable, zero = found.converged & stable, jnp.zeros((), state.dtype)
        return state, Report(usable, *found, stable, growth, jnp.array(True), zero, zero)

    def settle(self, x: Any) -> tuple[Array, Array, Report]:
        """Let samples settle at the current parameters.

        Parameters
        ----------
        x : array
            ``(samples, num_in)``.

        Returns
        -------
        tuple
            Fixed points ``(samples, S)``, outputs ``(samples, num_out)``, and :class:`Report`.
            Where there is no stable fixed point, state and output are NaN.
        """
        return self._settle(self.cell.params(), _data.samples(self.cell, x))

    def gradient(self, x: Any, y: Any) -> EquilibriumGradient:
        """Return the gradient at the current parameters.

        Parameters
        ----------
        x, y : array
            ``(samples, num_in)`` and ``(samples, num_out)``, or class labels ``(samples,)``.
            Samples that ``np.ma`` masks are left out.

        Raises
        ------
        ValueError, TypeError
            For data of the wrong shape or type or with NaN.
        FloatingPointError
            If a sample can't be used (if none can, where such samples are skipped); the message
            tells which and why.
        """
        xs, ys = _data.pairs(self.cell, x, y, self.loss)
        found = self._gradient(self.cell.params(), xs, ys)
        troubles = found.report.troubles()
        if troubles and not (self.skip_unusable and jnp.isfinite(found.loss)):
            raise FloatingPointError(f"no gradient: {troubles}")
        return found

    def signal(self, params: Params, state: Array, y: Array) -> Array:
        r"""Return :math:`\partial l / \partial r` of one sample at any state, ``(S,)``; pure."""
        return jax.grad(lambda s: jnp.mean(self.loss(self.cell.output(params, s), y)))(state)

    def as_target(self, y: Array) -> Array:
        """Return the target of one time step, in the layout of the mode.

        Raises
        ------
        ValueError
            If it has another shape than the output or a label, or the loss does not take it.
        """
        value, lead = bm.as_jax(y), self.cell.state.shape[:-1]
        num_out, dtype = self.cell.num_out, self.cell.state.dtype
        labels = value.shape == lead and num_out > 1
        if (labels and value.dtype.kind not in "iu") or value.shape not in (lead, (*lead, num_out)):
            raise ValueError(
                f"y must have shape {(*lead, num_out)} at each step, or be a label, got "
                f"{value.dtype}{value.shape}"
            )
        if self.loss.wants_one_hot(labels, num_out, dtype):
            return jax.nn.one_hot(value, num_out, dtype=dtype)
        return value[..., None] if value.shape == lead and num_out == 1 else value

    def _rate(self, params: Params, x: Array, state: Array) -> Array:
        return self.cell.derivative(params, state, x)

    def _sample(self, params: Params, loss: StepLoss, start: Array, x: Array, target: Any) -> Any:
        state, report = self.rest(params, start, x)
        slope = jax.value_and_grad(loss, argnums=1, has_aux=True)
        (value, z), dl_ds = slope(params, state, target)
        rate = functools.partial(self._rate, params, x)
        v, solved, error, asymmetry = self.adjoint(
            rate, state, dl_ds, lambda s: slope(params, s, target)[1]
        )
        report = report._replace(
            usable=report.usable & solved, solved=solved, error=error, asymmetry=asymmetry
        )
        return state, z, value, v, report

    @property
    def _settle(self) -> Callable[..., Any]:
        def one(params: Params, x: Array) -> Any:
            state, report = self.rest(params, self.cell.initial_state(params), x)
            z = self.cell.output(params, state)
            state, z = (jnp.where(report.usable, v, jnp.nan) for v in (state, z))
            return state, z, report

        run = jax.vmap(one, (None, 0))
        return _programs.find(("settle", self), lambda: _programs.Program(run))

    @property
    def _gradient(self) -> Callable[..., EquilibriumGradient]:
        at_one = trajectory.step_loss(self.cell.output, self.loss)

        def run(params: Params, xs: Array, ys: Array) -> EquilibriumGradient:
            start = jnp.broadcast_to(self.cell.initial_state(params), (len(xs), self.cell.size))
            targets = trajectory.mean_targets(ys[:, None])
            found = self.window(params, start, {}, xs[:, None], targets, at_one)
            report = jax.tree.map(lambda v: v[:, 0], found.report)
            return EquilibriumGradient(found.loss, found.grads, found.outputs[:, 0], report)

        return _programs.find(("gradient", self), lambda: _programs.Program(run))
