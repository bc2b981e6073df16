"""Multinomial logistic regression."""

from typing import Any

import brainpy.math as bm
import numpy as np
import scipy.optimize
import scipy.special

from bp_rnn import _check
from bp_rnn._state import shaped
from bp_rnn.readouts._base import Readout
from bp_rnn.readouts._boxed import allowed


class Softmax(Readout):
    r"""Softmax read-out for classes, in double precision whatever the network's.

    .. math::

        \min_{W, b} -\sum_t \sum_k y_{tk} \log p_{tk} + \frac{\lambda}{2} \sum_{ij} W_{ij}^2,
        \qquad p_t = \mathrm{softmax}(W h_t + b)

    Parameters
    ----------
    num_in, num_out : int
        Features, and classes (at least 2).
    ridge : float
        Strength :math:`\lambda`, positive: without it classes that can be separated have no
        minimum.
    intercept, on_bad, mode, name
        As for :class:`Readout`.

    Attributes
    ----------
    w, b, z : bm.Variable
        As for :class:`Readout`; z are the logits.

    Raises
    ------
    TypeError, ValueError
        If a size is too small, or ``ridge`` not positive.

    Notes
    -----
    Targets are probabilities of the classes, such as one-hot rows. All samples are kept, and the
    convex minimum is found by SciPy's L-BFGS, within constraints where there are some.
    """

    within_boxes = True
    kept_names = ("_kept",)

    def __init__(
        self,
        num_in: int,
        num_out: int,
        *,
        ridge: float = 1e-3,
        intercept: bool = True,
        on_bad: str = "raise",
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        _check.integer("num_out", num_out, 2)
        super().__init__(num_in, num_out, intercept=intercept, on_bad=on_bad, mode=mode, name=name)
        self.ridge = _check.positive("ridge", _check.number("ridge", ridge))
        self.restart()

    def restart(self) -> None:
        """Forget all samples."""
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, h: Any, y: Any, *, fold: int | None = None) -> None:  # noqa: ARG002
        """Keep more samples.

        Raises
        ------
        TypeError, ValueError
            As for :class:`Readout`, or if ``y`` holds no probabilities.
        """
        h, y = self.samples(h, y)
        if not len(h):
            return
        if y.min() < 0 or not np.allclose(y.sum(1), 1):
            raise ValueError("y must hold probabilities of the classes, rows that sum to one")
        self._kept.append((h.astype(float), y.astype(float)))

    def extra_state(self) -> dict[str, Any]:
        """Return all samples so far."""
        h, y = zip(*self._kept, strict=True) if self._kept else ((), ())
        empty = np.zeros((0, self.num_in)), np.zeros((0, self.num_out))
        return {
            "samples_h": np.concatenate([empty[0], *h]),
            "samples_y": np.concatenate([empty[1], *y]),
        }

    def check_extra_state(self, saved: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the entries of :meth:`extra_state`, checked."""
        num = len(np.atleast_1d(saved.get("samples_h", ())))
        needed = {"samples_h": (num, self.num_in), "samples_y": (num, self.num_out)}
        return shaped(f"state of {type(self).__name__}", saved, needed)

    def take_extra_state(self, saved: dict[str, np.ndarray]) -> None:
        """Take back what :meth:`extra_state` returned."""
        h, y = saved["samples_h"].copy(), saved["samples_y"].copy()
        self._kept = [(h, y)] if len(h) else []

    def solve(self) -> None:
        """Find the minimum for all samples so far and write it."""
        if not self._kept:
            raise ValueError("there are no samples yet; call add or fit before")
        h, y = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
        # features of one size make the problem round, which L-BFGS needs
        is_centred = self.intercept and "b" not in self.boxes
        mean = h.mean(0) if is_centred else np.zeros(self.num_in)
        scale = np.sqrt(((h - mean) ** 2).mean(0))
        scale = np.where(scale > 0, scale, 1)
        h = (h - mean) / scale

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            v = flat.reshape(self.num_out, -1)
            w, b = v[:, :-1], v[:, -1] * self.intercept
            logits = h @ w.T + b
            loss = (scipy.special.logsumexp(logits, axis=1) - (y * logits).sum(1)).sum()
            error = scipy.special.softmax(logits, axis=1) - y
            weak = self.ridge * w / scale**2
            grad = np.c_[error.T @ h + weak, error.sum(0) * self.intercept]
            return loss + 0.5 * (weak * w).sum(), grad.ravel()

        start = np.zeros(self.num_out * (self.num_in + 1))
        options = {"maxiter": 5000, "maxfun": 10_000, "ftol": 1e-14, "gtol": 1e-8}
        found = scipy.optimize.minimize(
            objective,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=self._bounds(scale),
            options=options,
        )
        v = found.x.reshape(self.num_out, -1)
        w = v[:, :-1] / scale
        self._write(w, v[:, -1] * self.intercept - w @ mean)

    def _bounds(self, scale: np.ndarray) -> np.ndarray | None:
        """Return what constraints allow of scaled weights and intercepts, ``(variables, 2)``."""
        boxes = self.boxes
        if not boxes:
            return None
        limits = np.empty((self.num_out, self.num_in + 1, 2))
        limits[..., 0], limits[..., 1] = -np.inf, np.inf
        if "w" in boxes:
            limits[:, :-1] = allowed(boxes["w"], self.w.value) * scale[:, None]
        if "b" in boxes:
            limits[:, -1] = allowed(boxes["b"], self.b.value)
        return limits.reshape(-1, 2)
