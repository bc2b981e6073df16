"""A layer whose weights learn without a teacher."""

import functools
from collections.abc import Callable
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check, _programs
from bp_rnn._state import System
from bp_rnn.cells._parameter import Initializer, fan_in_normal, parameter, resolve_phi
from bp_rnn.functional.nonlinearity import identity
from bp_rnn.plasticity._base import PlasticityRule
from bp_rnn.plasticity._clock import check_time_step, positive, time_step
from bp_rnn.plasticity._fit import as_batches, fit
from bp_rnn.plasticity._network import Network, State
from bp_rnn.plasticity._wrapped import check_rule
from bp_rnn.typing import Array


class PlasticLayer(System):
    r"""Units whose weights change with the rates on both sides.

    .. math::

        v = \phi(W u + M v), \qquad \tau_w \frac{dW}{dt} = G(v, u, W)

    or, where the rates take time, :math:`\tau_r \, dv/dt = -v + \phi(W u + M v)`. Either it learns
    per sample, :math:`W \leftarrow W + \eta \, G` (give ``lr``), or in continuous time (give
    ``tau_w``). In a batching mode the change is averaged over the batch.

    Parameters
    ----------
    num_in, num : int
        Inputs, :math:`N_u`, and units.
    rule : PlasticityRule
        Gives G.
    lr : float, optional
        Learning rate eta of a sample; the unit of time is then one sample.
    tau_w : float, optional
        Time constant of the weights, in the unit of ``dt``; a step changes W by
        :math:`(dt / \tau_w) G`.
    w : float, array or callable, optional
        Initial weights, as BrainPy takes them; normal with deviation ``1 / sqrt(num_in)`` by
        default.
    m : float, array or callable, optional
        Initial lateral weights ``(num, num)``; without them, and without ``lateral``, there are
        none.
    lateral : PlasticityRule, optional
        The rule of the lateral weights, such as :class:`AntiHebb`; by default they stay.
    phi : str or callable
        The nonlinearity, as in :class:`bp_rnn.RateRNN`.
    tau_r : float, optional
        Time constant of the rates; by default they follow the input at once.
    dt : float, optional
        Time step where there is ``tau_w``, ``bm.get_dt()`` at construction by default.
    integrator : str
        A method of ``bp.odeint`` for continuous time.
    key : int or JAX key
        Seed of the default weights.
    mode : bm.Mode, optional
        BrainPy's computing mode; the current one by default.
    name : str, optional
        BrainPy's name of the object.

    Attributes
    ----------
    w : bm.TrainVar
        ``(num, num_in)``; ``w[i, j]`` is the weight from input j to unit i.
    m : bm.TrainVar
        ``(num, num)``, where there are lateral weights.
    v : bm.Variable
        Rates ``(num,)`` or ``(batch, num)``. Without ``tau_r`` those that made the last change.
    lr : bm.Variable
        The step of the weights, ``()``: the learning rate, or :math:`dt / \tau_w`. It may be
        written between runs.
    theta_post, theta_pre : bm.Variable
        What the rule remembers, under the rule's name for it; that of the lateral rule with
        ``lateral_`` in front.

    Raises
    ------
    TypeError, ValueError
        For a size below one, a time constant or learning rate that is not positive, both or none
        of ``lr`` and ``tau_w``, an unknown ``phi`` or ``integrator``, weights that are not finite,
        of the wrong shape or not allowed by the rule, or lateral weights with a nonlinearity and
        without ``tau_r``.

    Notes
    -----
    Sources: lecture "Firing Rate Models", eq. 2.9, and "Basic Hebbian Rule"; Dayan & Abbott 2001,
    sections 8.2 and 8.3.
    """

    w: bm.TrainVar
    m: bm.TrainVar
    v: bm.Variable
    lr: bm.Variable

    def __init__(
        self,
        num_in: int,
        num: int,
        rule: PlasticityRule,
        *,
        lr: float | None = None,
        tau_w: float | None = None,
        w: Initializer | None = None,
        m: Initializer | None = None,
        lateral: PlasticityRule | None = None,
        phi: str | Callable[[Array], Any] = "identity",
        tau_r: float | None = None,
        dt: float | None = None,
        integrator: str = "euler",
        key: Array | int = 0,
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(mode=mode, name=name)
        self.num_in = _check.integer("num_in", num_in, 1)
        self.num = _check.integer("num", num, 1)
        check_rule("rule", rule)
        if lateral is not None:
            check_rule("lateral", lateral)
        self.rule, self.lateral = rule, lateral
        self.dt, step = time_step(lr, tau_w, dt)
        self.is_continuous = tau_w is not None
        self.tau_r = None if tau_r is None else positive("tau_r", tau_r)
        if self.tau_r is not None and not self.is_continuous:
            raise ValueError("tau_r needs continuous time: give tau_w instead of lr")
        resolved = resolve_phi(phi)
        self.has_lateral = m is not None or lateral is not None
        if self.has_lateral and self.tau_r is None and resolved is not identity:
            raise ValueError(
                f"phi must be 'identity' with lateral weights and without tau_r, got {phi!r}"
            )
        integrator = _check.choice("integrator", integrator, bp.ode.get_supported_methods())
        if integrator != "euler" and not self.is_continuous:
            raise ValueError(f"integrator {integrator!r} needs continuous time: give tau_w")
        key = _check.as_key(key)
        w = fan_in_normal(self.num_in, key) if w is None else w
        self.w = parameter("w", w, (self.num, self.num_in))
        rule.check(self.w.value)
        if self.has_lateral:
            self.m = parameter("m", 0.0 if m is None else m, (self.num, self.num))
        if lateral is not None:
            lateral.check(self.m.value)
        self.v = bp.init.variable_(bm.zeros, (self.num,), self.mode)
        self.lr = bm.Variable(jnp.asarray(step, bm.float_))
        self._memory = self._remember("", rule, self.num_in)
        self._lateral = {} if lateral is None else self._remember("lateral_", lateral, self.num)
        solver = functools.partial(bp.odeint, method=integrator, dt=self.dt)
        self._network = Network(
            rule, lateral, resolved, self.dt, self.tau_r, None if integrator == "euler" else solver
        )

    def _find_epochs(self) -> _programs.Program:
        """Return the compiled epochs, made by this layer or by one that is alike."""
        network = self._network
        return _programs.find(("epochs", network), lambda: _programs.Program(network.epochs))

    def update(self, u: Array) -> Array:
        """Respond to the inputs of one step, change the weights, and return the rates.

        Parameters
        ----------
        u : Array
            ``(num_in,)``, or ``(batch, num_in)`` in a batching mode.

        Raises
        ------
        ValueError
            If the shape is another one, or, in continuous time, if the ``dt`` of the run is.
        """
        self.check_precision()
        if self.is_continuous:
            check_time_step(self.dt, self.name)
        value = jnp.asarray(bm.as_jax(u), self.w.dtype)
        shape = (*self.v.shape[:-1], self.num_in)
        if value.shape != shape:
            raise ValueError(f"u must have shape {shape} at each step, got {value.shape}")
        step = self._network.step(self._read(), jnp.atleast_2d(value), self.lr.value)
        self._write(step)
        return self.v.value

    def fit(
        self,
        inputs: Any,
        *,
        num_epoch: int = 1,
        batch_size: int | None = None,
        key: Array | int | None = None,
        progress_bar: bool = True,
    ) -> np.ndarray:
        """Learn a data set, all epochs in one compiled program.

        Parameters
        ----------
        inputs : array
            ``(samples, num_in)``; in continuous time the input of one time step after another.
        num_epoch : int
            Passes over the data.
        batch_size : int, optional
            Samples whose changes are averaged into one step; a divisor of their number. By default
            that of the layer: one, if its mode is not a batching one.
        key : int or JAX key, optional
            Seed of the order of the samples, drawn anew in each epoch; by default they come as
            they are.
        progress_bar : bool
            Whether to show one.

        Returns
        -------
        numpy.ndarray
            Norm of the weights of each unit after each epoch, ``(num_epoch, num)``.

        Raises
        ------
        TypeError, ValueError
            For inputs of the wrong shape or type or with NaN, a batch size that does not divide
            them, or another one than the layer's where its rates have a past (``tau_r``); before
            anything is changed.
        FloatingPointError
            If weights become infinite or NaN: the message names the epoch, and the weights of the
            epoch before it are in place.
        KeyboardInterrupt
            Passed on, with the weights of the last finished chunk of epochs in place.
        """
        self.check_precision()
        num_epoch = _check.integer("num_epoch", num_epoch, 0)
        shuffle = None if key is None else _check.as_key(key)
        state = self._read()
        batches = as_batches(inputs, self.num_in, len(state.v), batch_size)
        if self.tau_r is not None and (batches.shape[1] != len(state.v) or key is not None):
            raise ValueError(
                f"with tau_r the rates have a past: batch_size must be {len(state.v)}, got "
                f"{batches.shape[1]}, and key None, got {key}"
            )
        if self.tau_r is None:  # rates without a past take the shape of the batches
            state = state._replace(v=jnp.zeros((batches.shape[1], self.num), self.w.dtype))

        # a strong dtype, also where a weak one was written: the program is compiled once
        lr, epochs = jnp.asarray(self.lr.value, self.w.dtype), self._find_epochs()

        def run(state: State, done: int, num_epoch: int) -> Any:
            return epochs(state, batches, lr, shuffle, done, num_epoch)

        return fit(run, self._write, state, num_epoch, progress_bar)

    def derivative(self, inputs: Array) -> Array:
        r"""Return :math:`\tau_w \, dW/dt = G` at rest, averaged over ``(batch, num_in)`` inputs."""
        state = self._read()._replace(v=self.response(inputs))
        return self.rule.derivative(state.w, inputs, state.v, state.memory)

    def response(self, inputs: Any) -> Array:
        """Return the rates for inputs ``(..., num_in)``, at rest; changes nothing.

        Raises
        ------
        TypeError, ValueError
            For inputs of the wrong shape or type or with NaN; for lateral weights with a
            nonlinearity, whose rates at rest have no closed form.
        """
        self.check_precision()
        value = _check.real_array("inputs", inputs)
        if value.ndim == 0 or value.shape[-1] != self.num_in:
            raise ValueError(f"inputs must have shape (..., {self.num_in}), got {value.shape}")
        state, network = self._read(), self._network._replace(tau_r=None)
        if state.m is not None and network.phi is not identity:
            raise ValueError("response needs phi='identity' with lateral weights; run the layer")
        flat = jnp.asarray(value, self.w.dtype).reshape(-1, self.num_in)
        v = network.respond(flat @ state.w.T, state)
        return v.reshape(*value.shape[:-1], self.num)

    def reset_state(self, batch_size: int | None = None) -> None:
        """Set the rates to zero; weights, and what the rules remember, stay as they are learnt."""
        batch = self.v.shape[:-1] if batch_size is None or not self.is_batched else (batch_size,)
        self.v.value = jnp.zeros((*batch, self.num), self.w.dtype)

    @property
    def is_batched(self) -> bool:
        """Whether the rates carry a leading batch axis."""
        return isinstance(self.mode, bm.BatchingMode)

    def _remember(self, prefix: str, rule: PlasticityRule, num_in: int) -> dict[str, bm.Variable]:
        """Make a Variable of each thing that a rule remembers."""
        start = rule.start_memory(num_in, self.num)
        for name, value in start.items():
            setattr(self, prefix + name, bm.Variable(value))
        return {name: getattr(self, prefix + name) for name in start}

    def _read(self) -> State:
        m = self.m.value if self.has_lateral else None
        memory = {name: variable.value for name, variable in self._memory.items()}
        lateral = {name: variable.value for name, variable in self._lateral.items()}
        return State(self.w.value, m, jnp.atleast_2d(self.v.value), memory, lateral)

    def _write(self, state: State) -> None:
        self.w.value = state.w
        if self.has_lateral:
            self.m.value = state.m
        for variables, values in ((self._memory, state.memory), (self._lateral, state.lateral)):
            for name, variable in variables.items():
                variable.value = values[name]
        v = state.v if self.is_batched else state.v[0]
        if state.v.shape[0] == len(jnp.atleast_2d(self.v.value)):
            self.v.value = v
