"""What a rule of synaptic plasticity is: pure functions of weights, inputs and outputs."""

import abc
from typing import ClassVar

import jax.numpy as jnp

from bp_rnn.functional.correlation import mean_outer
from bp_rnn.typing import Array

#: What a rule remembers of the past, such as a sliding threshold: name -> array.
Memory = dict[str, Array]


class PlasticityRule(abc.ABC):
    r"""A rule :math:`\tau_w \, dW/dt = G(v, u, W)`; constants alone, no Variable.

    A subclass is a frozen dataclass that gives the pure ``derivative``. All functions take a
    batch, which is one sample where a network learns online, and average over it.

    Attributes
    ----------
    blockwise : bool
        Whether many single samples can be learnt by a few matrix products, to the same result;
        see :class:`HebbianRule`.
    """

    blockwise: ClassVar[bool] = False

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest weight that a network may start from; infinite for none."""
        return -float("inf"), float("inf")

    @abc.abstractmethod
    def derivative(self, w: Array, u: Array, v: Array, memory: Memory) -> Array:
        r"""Return :math:`\tau_w \, dW/dt`, averaged over the batch.

        Parameters
        ----------
        w : Array
            Weights ``(num, num_in)``, ``w[i, j]`` from j to i.
        u : Array
            Presynaptic rates ``(batch, num_in)``.
        v : Array
            Postsynaptic rates ``(batch, num)``.
        memory : dict of str to Array
            As ``start_memory`` has it.
        """

    def start_memory(self, num_in: int, num: int) -> Memory:  # noqa: ARG002
        """Return what the rule remembers before it has seen anything; nothing by default."""
        return {}

    def memory_derivative(self, u: Array, v: Array, memory: Memory) -> Memory:  # noqa: ARG002
        """Return the time derivative of what it remembers."""
        return {}

    def project(self, w: Array, before: Array) -> Array:  # noqa: ARG002
        """Return the allowed weights nearest to ``w``, which ``before`` has become in a step."""
        return w

    def check(self, w: Array) -> None:
        """Refuse weights that the rule can't start from; none by default."""
        del w


class HebbianRule(PlasticityRule, abc.ABC):
    r"""A product of a post- and a presynaptic factor, less what is linear in the weights.

    .. math::

        \tau_w \frac{dW}{dt} = \langle a(v) \, b(u)^T \rangle - \langle X(v) \rangle W

    A subclass gives a (``postsynaptic``), and where they are not :math:`b(u) = u` and
    :math:`X = 0`, b (``presynaptic``) and the product X W (``shrink``). After t samples the weights
    are :math:`W_t = A_t W_0 + B_t \, b(U)`: two small matrices can be learnt in place of a large
    one.
    """

    blockwise: ClassVar[bool] = True

    @abc.abstractmethod
    def postsynaptic(self, v: Array, memory: Memory) -> Array:
        """Return the postsynaptic factor ``(batch, num)``."""

    def presynaptic(self, u: Array, memory: Memory) -> Array:  # noqa: ARG002
        """Return the presynaptic factor ``(batch, num_in)``; the rates by default.

        It may read what the rule remembers only if ``blockwise`` is False.
        """
        return u

    def shrink(self, w: Array, v: Array) -> Array:  # noqa: ARG002
        """Return the product of X, averaged over the batch, with any matrix ``(num, columns)``."""
        return jnp.zeros_like(w)

    def derivative(self, w: Array, u: Array, v: Array, memory: Memory) -> Array:
        r"""Return :math:`\langle a b^T \rangle - \langle X \rangle W`."""
        post, pre = self.postsynaptic(v, memory), self.presynaptic(u, memory)
        return mean_outer(post, pre) - self.shrink(w, v)
