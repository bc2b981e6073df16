"""What Hebbian rules should find in the inputs: their correlations and principal components."""

from typing import Any, NamedTuple

import numpy as np
from scipy import linalg

from bp_rnn import _check


class PrincipalComponents(NamedTuple):
    """Eigenvectors of the correlations, the one with the largest eigenvalue first.

    Attributes
    ----------
    values : np.ndarray
        Eigenvalues ``(num_in,)``.
    vectors : np.ndarray
        ``(num_in, num_in)``, row by row, of length one.
    """

    values: np.ndarray
    vectors: np.ndarray


def correlation_matrix(inputs: Any) -> np.ndarray:
    r"""Return :math:`Q = \langle u u^T \rangle` of inputs ``(samples, num_in)``."""
    u = _inputs(inputs)
    return u.T @ u / len(u)


def covariance_matrix(inputs: Any) -> np.ndarray:
    r"""Return :math:`C = \langle (u - \langle u \rangle)(u - \langle u \rangle)^T \rangle`."""
    u = _inputs(inputs)
    return correlation_matrix(u - u.mean(0))


def principal_components(inputs: Any) -> PrincipalComponents:
    r"""Return the eigenvectors of :math:`Q = \langle u u^T \rangle`.

    Parameters
    ----------
    inputs : array
        ``(samples, num_in)``. With their mean taken off first, these are the principal components
        of statistics; a rule sees the mean unless it has a threshold.

    Returns
    -------
    PrincipalComponents
    """
    values, vectors = linalg.eigh(correlation_matrix(inputs))
    return PrincipalComponents(values[::-1], vectors.T[::-1])


def angles(w: Any, vectors: Any) -> np.ndarray:
    """Return the angle of each row of weights to the same row of ``vectors``, in degrees.

    Parameters
    ----------
    w : array
        Weights ``(num, num_in)``; their sign and length mean nothing.
    vectors : array
        ``(num or more, num_in)``, such as those of :func:`principal_components`; or one vector
        ``(num_in,)`` for all rows.

    Returns
    -------
    numpy.ndarray
        ``(num,)``, from 0 to 90.
    """
    rows, others = _check.real_array("w", w), _check.real_array("vectors", vectors)
    if rows.ndim != 2 or others.ndim not in (1, 2) or others.shape[-1] != rows.shape[1]:
        raise ValueError(
            f"w and vectors must have shape (num, num_in), got {rows.shape} and {others.shape}"
        )
    if others.ndim == 2:
        if len(others) < len(rows):
            raise ValueError(f"vectors must have {len(rows)} rows or more, got {len(others)}")
        others = others[: len(rows)]
    length = np.linalg.norm(others, axis=-1, keepdims=True)
    unit, others = rows / np.linalg.norm(rows, axis=1, keepdims=True), others / length
    along = (unit * others).sum(1)
    across = np.linalg.norm(unit - along[:, None] * others, axis=1)
    return np.degrees(np.arctan2(across, np.abs(along)))


def subspace_angle(w: Any, vectors: Any) -> float:
    """Return the largest angle between the spaces that two sets of rows span, in degrees."""
    rows, others = _check.real_array("w", w), _check.real_array("vectors", vectors)
    return float(np.degrees(linalg.subspace_angles(rows.T, others.T)[0]))


def _inputs(inputs: Any) -> np.ndarray:
    u = _check.real_array("inputs", inputs)
    if u.ndim != 2 or not u.size:
        raise ValueError(f"inputs must have shape (samples, num_in), got {u.shape}")
    return u
