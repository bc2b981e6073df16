"""The least mean squares rule."""

import brainpy.math as bm
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.readouts._online import Memory, OnlineReadout
from bp_rnn.typing import Array


class LMS(OnlineReadout):
    r"""Least mean squares: a gradient step on the squared error of each sample.

    .. math:: W \leftarrow W + \eta\, e\, h^T, \qquad b \leftarrow b + \eta\, e, \qquad e = y - z

    Parameters
    ----------
    num_in, num_out : int
        Features of the states and of the targets.
    lr : float
        :math:`\eta`, positive. The mean of the weights converges if it is below two over the
        largest eigenvalue of the second moments of ``[h, 1]``; slowly, where these are spread.
    intercept, on_bad, mode, name
        As for :class:`Readout`.

    Attributes
    ----------
    w, b, z : bm.Variable
        As for :class:`Readout`.

    Raises
    ------
    TypeError, ValueError
        If a size is below one, or ``lr`` not positive.
    FloatingPointError
        From :meth:`fit` and :meth:`add`, if ``lr`` is so large that the weights diverge.

    Notes
    -----
    O(num_in) a sample. Constraints hold by projection after every sample. Sources: Widrow & Hoff
    1960; Jaeger 2002.
    """

    def __init__(
        self,
        num_in: int,
        num_out: int,
        *,
        lr: float = 0.01,
        intercept: bool = True,
        on_bad: str = "raise",
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(num_in, num_out, intercept=intercept, on_bad=on_bad, mode=mode, name=name)
        self.lr = _check.positive("lr", _check.number("lr", lr))
        self._remember()

    def init(self) -> Memory:
        """Return zeros."""
        return {"w": jnp.zeros_like(self.w.value), "b": jnp.zeros_like(self.b.value)}

    def learn(self, memory: Memory, h: Array, y: Array) -> Memory:
        """Step down the gradient of half the squared error."""
        w, b = memory["w"], memory["b"]
        change = self.lr * (y - w @ h - b)
        return {"w": w + change[:, None] * h, "b": b + change if self.intercept else b}
