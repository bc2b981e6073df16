r"""The modes of the linear network :math:`\tau \, dv/dt = -v + M v + h`.

In host NumPy and double precision: eigenvalues of a general matrix are on no accelerator.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from bp_rnn import _check
from bp_rnn.typing import Array

#: Of eigenvectors; beyond, a projection loses more than six digits, and a double eigenvalue that
#: rounding has split can't be told from two.
MOST_CONDITION = 1e6


class Modes(NamedTuple):
    r"""Eigenvalues and eigenvectors, :math:`M f_\mu = \lambda_\mu f_\mu`, and what they do.

    Sorted by the real part of the eigenvalue, the largest first. Arrays are real where all
    eigenvalues are.

    Attributes
    ----------
    eigenvalues : np.ndarray
        :math:`\lambda_\mu`, ``(num,)``.
    vectors : np.ndarray
        :math:`\Phi`, ``(num, num)``: :math:`f_\mu` is column mu, of length one. Its largest
        component (the last of several) is positive.
    gains : np.ndarray
        :math:`g_\mu = 1 / (1 - \lambda_\mu)`, ``(num,)``: steady state over input. Infinite where
        the eigenvalue is 1; of a growing mode, that of the fixed point it leaves.
    time_constants : np.ndarray
        :math:`\tau_\mu = \tau / (1 - \mathrm{Re} \lambda_\mu)`, ``(num,)``, in the unit of tau:
        infinite of an integrating mode; of a growing one negative, minus the time in which it
        grows e-fold.
    frequencies : np.ndarray
        :math:`\mathrm{Im} \lambda_\mu / 2 \pi \tau`, ``(num,)``: turns in the unit of time.
    kinds : tuple of str
        ``'decaying'``, ``'integrating'`` or ``'growing'``, as the real part is below, at or above
        1; of a complex eigenvalue ``'decaying oscillation'``, ``'sustained oscillation'`` or
        ``'growing oscillation'``. "At" allows for the rounding of the matrix in its float type.
    departure : float
        From normality: :math:`\sqrt{\|M\|_F^2 - \sum_\mu |\lambda_\mu|^2}` (Henrici 1962). Zero,
        up to rounding, where the eigenvectors are orthogonal, as those of a symmetric matrix;
        else activity may grow for a while though every mode decays.
    condition : float
        Of the eigenvectors, :math:`\|\Phi\|_2 \|\Phi^{-1}\|_2`: one where they are orthogonal,
        infinite where there are too few of them (a defective matrix).
    """

    eigenvalues: np.ndarray
    vectors: np.ndarray
    gains: np.ndarray
    time_constants: np.ndarray
    frequencies: np.ndarray
    kinds: tuple[str, ...]
    departure: float
    condition: float

    @property
    def is_stable(self) -> bool:
        """Whether every mode decays, so that the network comes to rest."""
        return all(kind.startswith("decaying") for kind in self.kinds)

    def project(self, v: Any) -> np.ndarray:
        r"""Return the amplitudes of the modes, :math:`c = \Phi^{-1} v`.

        Parameters
        ----------
        v : array
            States or inputs, ``(..., num)``.

        Returns
        -------
        np.ndarray
            ``(..., num)``; :math:`\Phi^T v` where M is symmetric. ``c @ vectors.T`` gives v.

        Raises
        ------
        ValueError
            If ``v`` has another size, or the eigenvectors don't span the space: M is, or nearly
            is, defective.
        """
        values, num = _check.real_array("v", v), len(self.eigenvalues)
        if values.shape[-1:] != (num,):
            raise ValueError(f"v must have shape (..., {num}), got {values.shape}")
        if self.condition > MOST_CONDITION:
            raise ValueError(
                "v can't be projected, because the eigenvectors of M don't span the space "
                f"(condition {self.condition:.0e}); functional.linear solves the network without "
                "them"
            )
        return np.linalg.solve(self.vectors, values[..., None])[..., 0]


def modes(w: Any, tau: float | Array = 1.0) -> Modes:
    r"""Return the modes of :math:`\tau \, dv/dt = -v + M v + h`.

    With :math:`c = \Phi^{-1} v` the network falls into independent autapses,
    :math:`\tau \, dc_\mu/dt = -c_\mu + \lambda_\mu c_\mu + f'_\mu h`, with f' the rows of
    :math:`\Phi^{-1}`.

    Parameters
    ----------
    w : array
        M, ``(num, num)``; ``w[i, j]`` is the weight from unit j to unit i.
    tau : float
        Time constant, one for all units.

    Returns
    -------
    Modes

    Raises
    ------
    ValueError, TypeError
        If ``w`` is not a square matrix of finite real numbers, or ``tau`` no positive number.

    Notes
    -----
    Source: lecture 5, from "Now let's look at the more general case" to "The behavior of the
    network depends critically on lambda".
    """
    tau = _check.positive("tau", _check.number("tau", tau))
    given = _check.real_array("w", w)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not given.size:
        raise ValueError(f"w must have shape (num, num), got {given.shape}")
    m = given.astype(np.float64)
    values, vectors, sensitivity = _eigen(m)
    values, vectors = _real(values), _real(_turned(vectors))
    # what the rounding of M, in the type that it came in, may do to an eigenvalue
    eps = np.finfo(given.dtype if given.dtype.kind == "f" else np.float64).eps
    slack = len(m) * eps * np.linalg.norm(m, 2) * np.minimum(sensitivity, eps**-0.5)
    distance = 1 - values.real
    at_one, turns = np.abs(distance) <= slack, np.abs(values.imag) > slack
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = np.where(at_one & ~turns, np.inf, 1 / (1 - values))
        time_constants = np.where(at_one, np.inf, tau / distance)
    return Modes(
        values,
        vectors,
        gains,
        time_constants,
        values.imag / (2 * np.pi * tau),
        tuple(_kind(d, one, turn) for d, one, turn in zip(distance, at_one, turns)),
        _departure(m),
        float(np.linalg.cond(vectors)),
    )


def _eigen(m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return eigenvalues, eigenvectors, and the condition number of each eigenvalue."""
    if np.array_equal(m, m.T):
        values, vectors = np.linalg.eigh(m)
        return values[::-1], vectors[:, ::-1], np.ones(len(m))
    values, left, right = scipy.linalg.eig(m, left=True, right=True)
    order = np.lexsort((-values.imag, -values.real))
    with np.errstate(divide="ignore"):
        sensitivity = 1 / np.abs((left.conj() * right).sum(0))
    return values[order], right[:, order], sensitivity[order]


def _turned(vectors: np.ndarray) -> np.ndarray:
    """Return eigenvectors with a positive largest component."""
    size = np.abs(vectors)
    is_largest = size >= (1 - 1e-9) * size.max(0)
    last = len(vectors) - 1 - is_largest[::-1].argmax(0)
    pivot = np.take_along_axis(vectors, last[None], 0)
    return vectors * (pivot.conj() / np.abs(pivot))


def _real(values: np.ndarray) -> np.ndarray:
    return values if np.iscomplexobj(values) and values.imag.any() else values.real


def _kind(distance: float, is_at_one: bool, turns: bool) -> str:
    if is_at_one:
        return "sustained oscillation" if turns else "integrating"
    kind = "decaying" if distance > 0 else "growing"
    return f"{kind} oscillation" if turns else kind


def _departure(m: np.ndarray) -> float:
    if np.array_equal(m, m.T):
        return 0.0
    # from the Schur form, because the difference of the two sums cancels; a complex pair is a
    # block (a, b; c, a) there, which is normal where b = -c
    form, _ = scipy.linalg.schur(m)
    return float(np.linalg.norm(np.triu(form, 1) + np.diag(np.diag(form, -1), 1)))
