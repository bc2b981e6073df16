"""Recursive least squares."""

from typing import Any

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.functional.constraint import Box
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
    intercept, on_bad, mode, name
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
    largest : bm.Variable
        Scalar that no eigenvalue of P exceeds.

    Raises
    ------
    TypeError, ValueError
        If a size is below one, ``ridge`` not positive or ``forgetting`` outside (0, 1].

    Notes
    -----
    O(num_in^2) a sample. With forgetting, P grows without end in directions that no sample excites
    (wind-up): once an eigenvalue may have passed :math:`1 / (\epsilon \lambda)`, with the rounding
    :math:`\epsilon` of the float type, those above :math:`1 / (\sqrt\epsilon \lambda)` return to
    that size. Other directions are as the equation says. Constraints hold where they fix columns
    that all outputs share, by learning from the others alone.

    Sources: Potter 1963; Haykin 2002, chapter 11; Jaeger 2002; for bounded eigenvalues, selective
    forgetting: Parkum, Poulsen & Holst 1992.
    """

    root: bm.Variable
    mean_h: bm.Variable
    mean_y: bm.Variable
    weight: bm.Variable
    largest: bm.Variable

    def __init__(
        self,
        num_in: int,
        num_out: int,
        *,
        ridge: float = 1e-6,
        forgetting: float = 1.0,
        intercept: bool = True,
        on_bad: str = "raise",
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(num_in, num_out, intercept=intercept, on_bad=on_bad, mode=mode, name=name)
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
            "largest": jnp.full((), 1 / self.ridge, dtype),
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
        return {**new, "weight": weight, "largest": memory["largest"] / beta}

    def learn_within(self, memory: Memory, h: Array, y: Array, boxes: dict[str, Box]) -> Memory:
        """Learn what the fixed columns leave of the target, from the other columns."""
        if "w" not in boxes:
            return self.learn(memory, h, y)
        w, is_open = memory["w"], _open(boxes["w"])[0]
        held = jnp.where(is_open, 0, w)
        new = self.learn(memory, jnp.where(is_open, h, 0), y - held @ h)
        return {**new, "w": jnp.where(is_open, new["w"], w)}

    def settle(self, memory: Memory) -> Memory:
        """Bound the eigenvalues of P, which forgetting lets grow where nothing is learnt."""
        if self.forgetting == 1:
            return memory
        epsilon = jnp.finfo(self.w.dtype).eps
        bound = epsilon**-0.5 / self.ridge

        def bounded(root: Array) -> tuple[Array, Array]:
            _, sizes, v = jnp.linalg.svd(root, full_matrices=False)
            sizes = jnp.minimum(sizes, bound**0.5)
            return sizes[:, None] * v, sizes[0] ** 2

        root, largest = jax.lax.cond(
            memory["largest"] > bound * epsilon**-0.5,
            bounded,
            lambda root: (root, memory["largest"]),
            memory["root"],
        )
        return {**memory, "root": root, "largest": largest}

    def check_boxes(self) -> None:
        """Refuse all but fixed columns.

        Raises
        ------
        ValueError
            If there is another constraint.
        """
        boxes = self.boxes
        if not boxes:
            return
        w, is_bound = boxes.get("w"), "b" in boxes
        if w is not None:
            is_open = np.asarray(_open(w))
            limits = np.isfinite(np.asarray(w.low)) | np.isfinite(np.asarray(w.high))
            is_bound |= bool((is_open & limits).any() | (is_open != is_open[0]).any())
        if is_bound:
            raise ValueError(
                "RLS can keep w_out within masks and fixed weights that all outputs share, not "
                "within bounds or signs, and b_out free alone; use Ridge, or constrain less"
            )


def _open(box: Box) -> Array:
    """Return which entries may take more than one value."""
    return box.free & (box.low < box.high)
