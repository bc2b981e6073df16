"""Shared type aliases and the one record that crosses package borders."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

Array = jax.Array
#: Parameter name -> array.
Params = dict[str, Array]
#: What an algorithm carries through time for one sample: any pytree of arrays.
Trace = Any
#: ``(params, state, x) -> state`` for one sample and one time step.
Step = Callable[[Params, Array, Array], Array]
#: ``(params, state) -> output`` for one sample.
Output = Callable[[Params, Array], Array]
#: ``(output, target) -> loss`` at one time step; an array is averaged.
Loss = Callable[[Array, Array], Array]


class Window(NamedTuple):
    """What a gradient algorithm returns for a stretch of time.

    Attributes
    ----------
    loss : Array
        Scalar, the weighted loss of the stretch, averaged over the batch.
    grads : Params
        Gradient of ``loss``, same shapes as the parameters.
    outputs : Array
        Shape ``(batch, time, num_out)``.
    state : Array
        State after the last step, shape ``(batch, S)``.
    trace : Trace
        Trace after the last step, every leaf with a leading batch axis.
    """

    loss: Array
    grads: Params
    outputs: Array
    state: Array
    trace: Trace
