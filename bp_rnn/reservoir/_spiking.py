"""The network of BrainPy's neurons and synapses behind a liquid state machine."""

from collections.abc import Callable
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn.typing import Array

Neurons = Callable[..., bp.dyn.NeuDyn]


class Liquid(bp.DynamicalSystem):
    r"""Spiking neurons, exponential synapses and the filter that makes the liquid state.

    It runs in a training mode with a batch of one, in which BrainPy's spikes are numbers.

    Parameters
    ----------
    num_in : int
        Spike trains of the input.
    neurons : bp.dyn.NeuDyn
        All neurons, with ``V`` and ``spike``.
    num_exc : int
        How many of them, from the first on, are excitatory.
    dt, tau_exc, tau_inh, tau_trace : float
        Times in ms.
    """

    trace: bm.Variable
    w: bm.TrainVar
    w_in: bm.TrainVar

    def __init__(
        self,
        num_in: int,
        neurons: bp.dyn.NeuDyn,
        num_exc: int,
        *,
        dt: float,
        tau_exc: float,
        tau_inh: float,
        tau_trace: float,
    ) -> None:
        super().__init__(mode=neurons.mode)
        num = neurons.num
        self.num_exc, self.dt, self.decay = num_exc, dt, np.exp(-dt / tau_trace)
        self.neurons = neurons
        self.excitatory = bp.dyn.Expon(num, tau=tau_exc, mode=self.mode)
        self.inhibitory = bp.dyn.Expon(num, tau=tau_inh, mode=self.mode)
        self.trace = bp.init.variable_(bm.zeros, (num,), self.mode)
        self.w = bm.TrainVar(jnp.zeros((num, num), bm.float_))
        self.w_in = bm.TrainVar(jnp.zeros((num, num_in), bm.float_))

    def update(self, x: Array) -> Any:
        """Advance by one step of ``dt`` and return the liquid state ``(1, num)``."""
        before = {name: bp.share.load(name, None) for name in ("t", "dt")}
        # neurons keep the time of their last spike: here time is counted from the present step, so
        # that it can't run out of digits and a later input gives the same states later
        bp.share.save(t=0.0, dt=self.dt)
        try:
            self._advance(x)
        finally:
            bp.share.save(**before)
        return self.trace

    def reset_state(self, batch_size: int = 1) -> None:
        """Set the liquid state to zero; neurons and synapses are reset as nodes of their own."""
        self.trace.value = jnp.zeros((batch_size, self.neurons.num), self.trace.dtype)

    def _advance(self, x: Array) -> None:
        w, spike, e = self.w.value, self.neurons.spike.value, self.num_exc
        self.excitatory.update(spike[:, :e] @ w[:, :e].T + x @ self.w_in.value.T)
        self.inhibitory.update(spike[:, e:] @ w[:, e:].T)
        self.neurons.update(self.excitatory.g.value + self.inhibitory.g.value)
        if hasattr(self.neurons, "t_last_spike"):
            self.neurons.t_last_spike.value = self.neurons.t_last_spike.value - self.dt
        self.trace.value = self.decay * self.trace.value + self.neurons.spike.value


def lif(kinds: np.ndarray, **options: Any) -> bp.dyn.LifRef:
    """Return leaky integrate-and-fire neurons, with the background current at rest."""
    start = bp.init.Constant(13.5)
    # V in mV for a resistance of 1 MOhm; the background current of 13.5 nA is in V_rest
    return bp.dyn.LifRef(
        len(kinds),
        tau=30.0,
        V_rest=13.5,
        V_reset=13.5,
        V_th=15.0,
        tau_ref=jnp.where(kinds == 0, 3.0, 2.0),
        V_initializer=start,
        spk_reset="hard",
        **options,
    )


def izhikevich(kinds: np.ndarray, **options: Any) -> bp.dyn.Izhikevich:
    """Return regular spiking excitatory and fast spiking inhibitory neurons, at rest."""
    return bp.dyn.Izhikevich(
        len(kinds),
        a=jnp.where(kinds == 0, 0.02, 0.1),
        d=jnp.where(kinds == 0, 8.0, 2.0),
        V_initializer=bp.init.Constant(-70.0),
        u_initializer=bp.init.Constant(-14.0),
        **options,
    )


NEURONS: dict[str, Callable[..., bp.dyn.NeuDyn]] = {"lif": lif, "izhikevich": izhikevich}


def make(neurons: str | Neurons, kinds: np.ndarray) -> bp.dyn.NeuDyn:
    """Return neurons of a name, or of a function of their number.

    Raises
    ------
    TypeError
        If the function returns anything but neurons with ``V`` and ``spike``.
    """
    mode = bm.TrainingMode(1)
    if not callable(neurons):
        return NEURONS[neurons](kinds, mode=mode)
    found = neurons(len(kinds), mode=mode)
    if not isinstance(found, bp.dyn.NeuDyn) or not {"V", "spike"} <= vars(found).keys():
        raise TypeError(
            f"neurons must return a bp.dyn.NeuDyn with V and spike, got {type(found).__name__}"
        )
    return found
