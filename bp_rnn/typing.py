"""Shared type aliases and the few records that cross package borders."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

Array = jax.Array
#: Parameter name -> array.
Params = dict[str, Array]
#: What an algorithm carries through time for one sample: any pytree of arrays.
Trace = Any
#: ``(params, state, x) -> state`` for one sample and one time step.
Step = Callable[[Params, Array, Any], Array]
#: ``(params, state) -> output`` for one sample.
Output = Callable[[Params, Array], Array]
#: ``(output, target) -> loss`` at one time step; an array is averaged.
Loss = Callable[[Array, Array], Array]
#: ``(params, state, target) -> (loss, output)``: what one step of one sample adds to the loss.
StepLoss = Callable[[Params, Array, Any], tuple[Array, Array]]


class Input(NamedTuple):
    """What ``step`` takes instead of a plain ``x`` where there is more to say than ``x``.

    Attributes
    ----------
    x : Array
        Input ``(..., num_in)``.
    key : Array, optional
        JAX key of the noise of each step.
    valid : Array, optional
        False at the steps that only fill up a shorter sequence.
    time : tuple of Array, optional
        Time and number of the step, where they are not those that the state carries; only cells
        of :func:`bp_rnn.from_brainpy` read them.
    """

    x: Array
    key: Array | None = None
    valid: Array | None = None
    time: tuple[Array, Array] | None = None


class Target(NamedTuple):
    """What one step of one sample is compared with.

    Attributes
    ----------
    y : Array
        Target ``(..., num_out)``, or a class label.
    weight : Array
        The lecture's alpha_t: how much the loss of the step counts.
    share : Array
        How much a penalty on the step counts.
    """

    y: Array
    weight: Array
    share: Array


class Window(NamedTuple):
    """What a gradient algorithm returns for a stretch of time.

    Attributes
    ----------
    loss : Array
        Scalar, the loss summed over the stretch and averaged over the batch.
    grads : Params
        Gradient of ``loss``, same shapes as the parameters.
    outputs : Array
        Shape ``(batch, time, num_out)``.
    state : Array
        State after the last step, shape ``(batch, S)``.
    trace : Trace
        Trace after the last step, every leaf with a leading batch axis.
    report : pytree, optional
        What the algorithm has to say of each sample, every leaf ``(batch, time)``. Where a sample
        can't be used the loss is NaN.
    """

    loss: Array
    grads: Params
    outputs: Array
    state: Array
    trace: Trace
    report: Any = None
