"""The liquid state machine."""

from typing import Any, Unpack

import brainpy.math as bm
import numpy as np

from bp_rnn import _check
from bp_rnn.cells import from_brainpy
from bp_rnn.cells._base import CellOptions
from bp_rnn.cells._continuous import require_dt
from bp_rnn.reservoir import _column, _spiking
from bp_rnn.reservoir._base import Reservoir
from bp_rnn.reservoir._scale import dense, generator, readout_options, refuse_beside, share
from bp_rnn.typing import Array, Params

CONNECTIVITY = ("distance", "random")


class LSM(Reservoir):
    r"""Liquid state machine: spiking neurons of BrainPy, random synapses, and a read-out.

    The liquid state is the low-pass filtered activity, which the read-out sees:

    .. math::

        x_i(t) = \sum_{t_i^{(f)} \le t} e^{-(t - t_i^{(f)}) / \tau_x}, \qquad
        z = W_{out} x + b_{out}

    Spikes reach other neurons through exponential synapses one step later. Neuron j drives neuron
    i with the probability

    .. math:: C_{ij}\, e^{-(d_{ij} / \lambda)^2}

    of their types and their distance on a grid, and with a random size.

    Parameters
    ----------
    num_in : int
        Spike trains of the input: ones where there is a spike, else zeros.
    num : int
        Neurons, N.
    neurons : str or callable
        ``'lif'``, leaky integrate-and-fire (``bp.dyn.LifRef``); ``'izhikevich'``, regular spiking
        excitatory and fast spiking inhibitory ones (``bp.dyn.Izhikevich``); or a function of their
        number that takes ``mode``, such as ``bp.dyn.LifRef`` with its other arguments fixed.
    inhibitory : float
        Share of inhibitory neurons, from 0 to 1; they come last.
    connectivity : str
        ``'distance'``, as above, or ``'random'``, with one probability for all pairs.
    length : float, optional
        For distances, 2 by default: :math:`\lambda`, in steps of the grid.
    width : int
        The grid is a column of width x width.
    density : float, optional
        For ``'random'``, 0.1 by default: the probability of a connection, above 0 and at most 1.
    scaling, input_scaling : float, optional
        Factors of the sizes of the synapses between neurons and from the input, 0.15 and 1 by
        default.
    input_density : float, optional
        Share of the neurons that each spike train reaches, 0.3 by default.
    tau_exc, tau_inh, tau_trace : float
        Time constants in ms of the excitatory synapses, of the inhibitory ones, and of the liquid
        state, :math:`\tau_x`.
    dt : float, optional
        Time step in ms, ``bm.get_dt()`` at construction by default.
    w, w_in : float, array, SciPy sparse matrix or callable, optional
        Initialisers in nA as BrainPy takes them, used as they are, without the options that scale
        or place what is drawn.
    **options
        Those of :class:`Cell` (``num_out``, ``b_out``, ``key``, ``mode``, ...). ``w_out`` is zero
        before :meth:`fit`.

    Attributes
    ----------
    trace : bm.Variable
        The liquid state x, ``(num,)`` or ``(batch, num)``.
    V, spike : bm.Variable
        Membrane potentials in mV and spikes, 0 or 1, of the same shape.
    w, w_in : bm.TrainVar
        ``(num, num)``, columns of inhibitory neurons not positive, and ``(num, num_in)``, in nA.
    state : bm.Variable
        All that the neurons and synapses remember.
    num_exc : int
        The first ``num_exc`` neurons are excitatory.
    positions : np.ndarray
        Points of the grid, ``(num, 3)``.

    Raises
    ------
    TypeError, ValueError
        For a size below one, a share or density outside its range, a time constant that is not
        positive, a negative scaling, an unknown name, or weights of another shape.

    Notes
    -----
    The same ``key`` gives the same liquid in single and in double precision. Neurons, C, the mean
    sizes, the share of neurons that the input reaches and the time constants are those of the
    source, but its synapses are dynamic: ``scaling`` makes up for the depression that static ones
    lack. Sources: Maass, Natschlaeger & Markram 2002; lecture 4, section 1.5.4; Izhikevich 2003.
    """

    trace: bm.Variable
    V: bm.Variable
    spike: bm.Variable
    w: bm.TrainVar
    w_in: bm.TrainVar
    rowwise = False

    def __init__(
        self,
        num_in: int,
        num: int,
        *,
        neurons: str | _spiking.Neurons = "lif",
        inhibitory: float = 0.2,
        connectivity: str = "distance",
        length: float | None = None,
        width: int = 3,
        density: float | None = None,
        scaling: float | None = None,
        input_scaling: float | None = None,
        input_density: float | None = None,
        tau_exc: float = 3.0,
        tau_inh: float = 6.0,
        tau_trace: float = 30.0,
        dt: float | None = None,
        w: Any = None,
        w_in: Any = None,
        **options: Unpack[CellOptions],
    ) -> None:
        num_in, num = _check.integer("num_in", num_in, 1), _check.integer("num", num, 1)
        if not callable(neurons):
            _check.choice("neurons", neurons, _spiking.NEURONS)
        _check.choice("connectivity", connectivity, CONNECTIVITY)
        unused = {"density": density} if connectivity == "distance" else {"length": length}
        refuse_beside(f"connectivity={connectivity!r}", unused)
        if w is not None:
            refuse_beside("w", {"scaling": scaling, "length": length, "density": density})
        if w_in is not None:
            refuse_beside("w_in", {"input_scaling": input_scaling, "input_density": input_density})
        readout_options(options, "an LSM")
        inhibitory = _check.not_negative("inhibitory", _check.number("inhibitory", inhibitory))
        if inhibitory > 1:
            raise ValueError(f"inhibitory must be at most 1, got {inhibitory}")
        length = _positive("length", 2.0 if length is None else length)
        density = share("density", 0.1 if density is None else density)
        width = _check.integer("width", width, 1)
        scaling = _factor("scaling", 0.15 if scaling is None else scaling)
        input_scaling = _factor("input_scaling", 1.0 if input_scaling is None else input_scaling)
        input_density = share("input_density", 0.3 if input_density is None else input_density)
        times = {
            "tau_exc": _positive("tau_exc", tau_exc),
            "tau_inh": _positive("tau_inh", tau_inh),
            "tau_trace": _positive("tau_trace", tau_trace),
            "dt": _positive("dt", bm.get_dt() if dt is None else dt),
        }
        kinds = _column.types(num, inhibitory)
        liquid = _spiking.Liquid(
            num_in, _spiking.make(neurons, kinds), int((kinds == 0).sum()), **times
        )
        cell = from_brainpy(liquid, num_in)
        options.setdefault("init_state", cell.initial_state({}))
        super().__init__(num_in, num, size=cell.size, num_hidden=num, **options)
        # in a tuple, where BrainPy does not look for nodes to reset or to save
        self._inner = (cell,)
        self._places = _places(liquid)
        self.dt, self.num_exc = liquid.dt, liquid.num_exc
        rng = generator(self.key_of("w"))
        self.positions = _column.positions(rng, num, width)
        if connectivity == "distance":
            near = np.exp(-((_column.distances(self.positions) / length) ** 2))
            probability = _column.PROBABILITY[np.ix_(kinds, kinds)] * near
        else:
            probability = np.full((num, num), density)
        found = scaling * _column.recurrent(rng, kinds, probability)
        drive = _column.inputs(generator(self.key_of("w_in")), kinds, num_in, input_density)
        self.add_parameter("w", found if w is None else dense(w), (num, num))
        drive = input_scaling * drive if w_in is None else dense(w_in)
        self.add_parameter("w_in", drive, (num, num_in))
        for name in self._places:
            self.add_view(name)

    def step(self, params: Params, state: Array, x: Array) -> Array:
        """Advance neurons and synapses by ``dt``."""
        return self._inner[0].step(params, state, x)

    def hidden(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return the liquid state ``(num,)``."""
        return state[self._places["trace"]]

    def views(self, params: Params, state: Array) -> dict[str, Array]:  # noqa: ARG002
        """Return ``trace``, ``V`` and ``spike``."""
        return {name: state[place] for name, place in self._places.items()}

    def check_run(self) -> None:
        """Refuse a run with another time step than the one of this liquid.

        Raises
        ------
        ValueError
            If ``bm.get_dt()``, which ``DSRunner(dt=...)`` sets, differs from ``dt``.
        """
        require_dt(self)


def _positive(name: str, value: Any) -> float:
    return float(_check.positive(name, _check.number(name, value)))


def _factor(name: str, value: Any) -> float:
    return float(_check.not_negative(name, _check.number(name, value)))


def _places(liquid: _spiking.Liquid) -> dict[str, slice]:
    """Return where in the state of its cell the Variables with a name of their own are."""
    neurons, found, start = liquid.neurons, {}, 0
    names = {id(liquid.trace): "trace", id(neurons.V): "V", id(neurons.spike): "spike"}
    for variable in liquid.vars(method="relative").unique().values():
        if not isinstance(variable, bm.TrainVar):
            stop = start + variable.size
            if id(variable) in names:
                found[names[id(variable)]] = slice(start, stop)
            start = stop
    return found
