"""Recursive least squares."""

from typing import Any

import brainpy.math as bm
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.readouts._online import Memory, OnlineReadout
from bp_rnn.typing import Array


class RLS(OnlineReadout):
    r"""Recursive least squares: after every sample the ridge solution for all samples so far.

    .. math::

        P_t^{-1} = \lambda \beta^t I + \sum_{s \le t} \beta^{t-s}
        (h_s - \bar h_t)(h_s - \bar h_t)^T, \qquad
        W_t = W_{t-1} + e_t (P_t d_t)^T, \qquad b_t = \bar y_t - W_t \bar h_t

    with the deviation :math:`d_t` of h from the mean and the error :math:`e_t` of the deviation of
    y; the intercept is not penalised. The root S of :math:`P = S^T S` is carried (Potter's form),
    so that P stays symmetric and positive in single precision too.

    Parameters
    ----------
    num_in, num_out : int
        Features of the states and of the targets.
    ridge : float
        Strength :math:`\lambda`, positive; :math:`P_0 = I / \lambda`.
    forgetting : float
        Weight :math:`\beta` of the past at each new sample, above 0 and at most 1.
    intercept, mode, name
        As for :class:`Readout`.

    Attributes
    ----------
    w, b, z : bm.Variable
        As for :class:`Readout`.
    root : bm.Variable
        S, ``(num_in, num_in)``.
    mean_h, mean_y : bm.Variable
        Means so far, ``(num_in,)`` and ``(num_out,)``; zero without an intercept.
    weight : bm.Variable
        Scalar, sum of the weights of the samples so far.

    Raises
    ------
    TypeError, ValueError
        If a size is below one, ``ridge`` not positive or ``forgetting`` outside (0, 1].

    Notes
    -----
    O(num_in^2) a sample. Sources: Potter 1963; Haykin 2002, chapter 11; Jaeger 2002.
    """

    root: bm.Variable
    mean_h: bm.Variable
    mean_y: bm.Variable
    weight: bm.Variable

    def __init__(
        self,
        num_in: int,
        num_out: int,
        *,
        ridge: float = 1e-6,
        forgetting: float = 1.0,
        intercept: bool = True,
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(num_in, num_out, intercept=intercept, mode=mode, name=name)
        self.ridge = _check.positive("ridge", _check.number("ridge", ridge))
        self.forgetting = _check.positive("forgetting", _check.number("forgetting", forgetting))
        if self.forgetting > 1:
            raise ValueError(f"forgetting must be at most 1, got {forgetting}")
        self._remember()

    def init(self) -> Memory:
        """Return ``S = I / sqrt(ridge)`` and zeros."""
        dtype: Any = self.w.dtype
        return {
            "w": jnp.zeros((self.num_out, self.num_in), dtype),
            "b": jnp.zeros(self.num_out, dtype),
            "root": jnp.eye(self.num_in, dtype=dtype) * self.ridge**-0.5,
            "mean_h": jnp.zeros(self.num_in, dtype),
            "mean_y": jnp.zeros(self.num_out, dtype),
            "weight": jnp.zeros((), dtype),
        }

    def learn(self, memory: Memory, h: Array, y: Array) -> Memory:
        """Add the deviation of the sample from the means, which is a rank-one change."""
        beta = self.forgetting
        w, root, before = memory["w"], memory["root"], beta * memory["weight"]
        weight = before + 1
        share = jnp.sqrt(before / weight) if self.intercept else 1.0
        d, e = share * (h - memory["mean_h"]), share * (y - memory["mean_y"])
        f = root @ d
        g = f @ root
        gain = 1 / (beta + f @ f)
        small = gain / (1 + jnp.sqrt(beta * gain))
        root = root - (small * f)[:, None] * g
        root = root if beta == 1 else root / beta**0.5
        w = w + (gain * (e - w @ d))[:, None] * g
        mean_h, mean_y = memory["mean_h"], memory["mean_y"]
        if self.intercept:
            mean_h, mean_y = mean_h + (h - mean_h) / weight, mean_y + (y - mean_y) / weight
        b = mean_y - w @ mean_h
        new = {"w": w, "b": b, "root": root, "mean_h": mean_h, "mean_y": mean_y}
        return {**new, "weight": weight}
