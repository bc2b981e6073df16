"""Ridge regression."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import brainpy.math as bm
import numpy as np

from bp_rnn import _check
from bp_rnn._state import shaped
from bp_rnn.readouts import _factor
from bp_rnn.readouts._base import Readout
from bp_rnn.readouts._boxed import allowed, within
from bp_rnn.readouts._factor import Layout, Path, RidgePath, Solution


class Ridge(Readout):
    r"""Ridge regression, in double precision whatever the network's.

    .. math:: \min_{W, b} \sum_t |y_t - W h_t - b|^2 + \lambda \sum_{ij} W_{ij}^2

    Samples go into a triangular factor (a streaming QR decomposition of ``[1, h, y]``), whose
    singular value decomposition gives the solution for every strength at once. Memory is
    O(num_in^2) for any number of samples, and no strength, zero included, can fail: zero is the
    pseudo-inverse, the solution of the smallest norm. Constraints of ``w`` and ``b`` are part of
    the problem: what they leave is fitted, by active sets where there are bounds.

    Parameters
    ----------
    num_in, num_out : int
        Features of the states and of the targets.
    ridge : float or sequence of float
        Strength :math:`\lambda`, not negative; several to choose from by cross-validation.
    num_fold : int
        Parts of the data, each predicted from all the others, where there is a choice. Samples
        that follow each other in time are alike, so that a part is a stretch of time.
    intercept, on_bad, mode, name
        As for :class:`Readout`.

    Attributes
    ----------
    w, b, z : bm.Variable
        As for :class:`Readout`.
    best_ridge : float
        The strength that ``w`` belongs to.
    solution : Solution
        ``w`` and ``b`` in double precision.
    errors : np.ndarray
        Where there is a choice: cross-validated mean squared error of each strength, ``(K,)``, in
        units of the targets' variance.

    Raises
    ------
    TypeError, ValueError
        If a size is below one, or a strength is negative.

    Notes
    -----
    Sources: Jaeger 2001; Lukosevicius 2012, section 4; lecture 4, section 3.5.3. The factor is that
    of Golub & Van Loan 2013, section 5.3.
    """

    within_boxes = True
    kept_names = ("_factors", "_counts")
    best_ridge: float
    solution: Solution
    errors: np.ndarray

    def __init__(
        self,
        num_in: int,
        num_out: int,
        *,
        ridge: float | Sequence[float] = 1e-8,
        num_fold: int = 5,
        intercept: bool = True,
        on_bad: str = "raise",
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(num_in, num_out, intercept=intercept, on_bad=on_bad, mode=mode, name=name)
        strengths = np.atleast_1d(_check.real_array("ridge", _check.not_negative("ridge", ridge)))
        if strengths.ndim > 1 or not len(strengths):
            raise ValueError(f"ridge must be a number or a list of them, got {ridge}")
        self.ridges = [float(v) for v in strengths]
        folds = _check.integer("num_fold", num_fold, 2)
        self.num_fold = folds if len(self.ridges) > 1 else 1
        self._layout = Layout(self.num_in, self.num_out, self.intercept)
        self.restart()

    def restart(self) -> None:
        """Forget all samples."""
        self._factors = [self._layout.empty() for _ in range(self.num_fold)]
        self._counts = np.zeros(self.num_fold, int)

    def add(self, h: Any, y: Any, *, fold: int | None = None) -> None:
        """Take in more samples; without ``fold`` they are cut into ``num_fold`` stretches."""
        h, y = self.samples(h, y)
        if fold is not None:
            self._append(_check.integer("fold", fold, 0) % self.num_fold, h, y)
            return
        cuts = np.linspace(0, len(h), self.num_fold + 1).astype(int)
        for i, (start, end) in enumerate(itertools.pairwise(cuts)):
            self._append(i, h[start:end], y[start:end])

    def path(self) -> Path:
        """Return the solutions for all samples so far, as a function of the strength."""
        return self._path(self._layout, self._whole())

    def rounding(self, epsilon: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""Return what a rounding of the features makes of the outputs, and how good the fit is.

        Parameters
        ----------
        epsilon : float
            Relative rounding of a feature.

        Returns
        -------
        tuple of np.ndarray
            For each output: :math:`\epsilon \sqrt{\sum_j w_j^2 \langle h_j^2 \rangle}`, which is
            the deviation that independent roundings make; the root mean squared error of the fit;
            and the deviation of the target. All ``(num_out,)``.
        """
        factor, num = self._whole(), self._counts.sum()
        first = int(self.intercept)
        sizes = (factor[:, first : first + self.num_in] ** 2).sum(0) / num
        noise = epsilon * np.sqrt((self.solution.w**2 * sizes).sum(1))
        error = np.sqrt(self._layout.squared_errors(factor, self.solution) / num)
        spread = np.sqrt((self._layout.centred(factor)[1] ** 2).sum(0) / num)
        return noise, error, spread

    def solve(self) -> None:
        """Choose the strength, where there is a choice, and write its solution.

        Raises
        ------
        ValueError
            If there are no samples, or cross-validation has a single part of the data.
        """
        factor, self.best_ridge = self._whole(), self.ridges[0]
        if len(self.ridges) > 1:
            filled = [f for f, n in zip(self._factors, self._counts, strict=True) if n]
            if len(filled) < 2:
                raise ValueError("cross-validation needs samples in two folds at least, got one")
            self.errors = _factor.cross_validate(self._layout, filled, self.ridges, self._path)
            self.best_ridge = self.ridges[int(np.argmin(self.errors))]
        if self.boxes:
            solution = self._path(self._layout, factor)(self.best_ridge)
        else:
            solution = _factor.solve(self._layout, factor, self.best_ridge)
        self._write(*solution)
        self.solution = solution

    def _path(self, layout: Layout, factor: np.ndarray) -> Path:
        """Return the solutions of a factor within the constraints."""
        boxes = self.boxes
        if not boxes:
            return RidgePath(layout, factor)
        values = {"w": self.w.value, "b": self.b.value}
        limits = {k: allowed(box, values[k]) for k, box in boxes.items()}
        return functools.partial(within, layout, factor, limits)

    def extra_state(self) -> dict[str, Any]:
        """Return the factors of the samples so far, and what was solved."""
        found: dict[str, Any] = {"factors": np.stack(self._factors), "counts": self._counts.copy()}
        if hasattr(self, "solution"):
            found |= {"best_ridge": np.float64(self.best_ridge), **_solved(self.solution)}
        return found | ({"errors": self.errors.copy()} if hasattr(self, "errors") else {})

    def check_extra_state(self, saved: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the entries of :meth:`extra_state`, checked."""
        folds, width = self.num_fold, self._layout.width
        w, b = (self.num_out, self.num_in), (self.num_out,)
        needed = {"factors": (folds, width, width), "counts": (folds,)}
        solved = {"best_ridge": (), "solution_w": w, "solution_b": b, "errors": (len(self.ridges),)}
        return shaped(f"state of {type(self).__name__}", saved, needed, solved)

    def take_extra_state(self, saved: dict[str, np.ndarray]) -> None:
        """Take back what :meth:`extra_state` returned."""
        self._factors = [np.array(factor, order="F") for factor in saved["factors"]]
        self._counts = saved["counts"].copy()
        for name in ("best_ridge", "solution", "errors"):
            vars(self).pop(name, None)
        if "best_ridge" in saved:
            self.best_ridge = float(saved["best_ridge"])
            self.solution = Solution(saved["solution_w"].copy(), saved["solution_b"].copy())
        if "errors" in saved:
            self.errors = saved["errors"].copy()

    def _whole(self) -> np.ndarray:
        """Return the factor of all samples so far."""
        if not self._counts.any():
            raise ValueError("there are no samples yet; call add or fit before")
        return _factor.merge(self._factors)

    def _append(self, fold: int, h: np.ndarray, y: np.ndarray) -> None:
        if len(h):
            rows = self._layout.rows(h, y)
            self._factors[fold] = _factor.append(self._factors[fold], rows)
            self._counts[fold] += len(h)


def _solved(solution: Solution) -> dict[str, np.ndarray]:
    return {"solution_w": solution.w, "solution_b": solution.b}
