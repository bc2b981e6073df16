"""The two sizes of a recurrent matrix: spectral radius and spectral norm."""

from typing import Any

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs, eigsh

#: Units up to which all eigenvalues are found.
SMALL = 300
#: The largest ones are found among so many, because the outermost of a random matrix lie close.
WANTED, SUBSPACE = 6, 80


def spectral_radius(w: Any) -> float:
    r"""Return :math:`\rho(W) = \max_i |\lambda_i|`.

    Parameters
    ----------
    w : array or SciPy sparse array
        ``(num, num)``. Above 300 units it is found by Arnoldi's method, from products alone,
        right to about 2e-4.

    Returns
    -------
    float
    """
    matrix = _square(w)
    num = matrix.shape[0]
    if num <= SMALL:
        return float(np.abs(np.linalg.eigvals(_full(matrix))).max())
    start = np.random.default_rng(0).normal(size=num)
    try:
        found = eigs(matrix, k=WANTED, ncv=SUBSPACE, tol=1e-3, v0=start, return_eigenvectors=False)
    except ArpackNoConvergence as error:
        found = error.eigenvalues
    if not len(found):
        found = np.linalg.eigvals(_full(matrix))
    return float(np.abs(found).max())


def spectral_norm(w: Any) -> float:
    r"""Return :math:`\sigma_{max}(W)`, the largest singular value.

    Parameters
    ----------
    w : array or SciPy sparse array
        ``(num, num)``. Above 300 units it is found by Lanczos's method, from products alone,
        right to about 1e-6.

    Returns
    -------
    float
    """
    matrix = _square(w)
    num = matrix.shape[0]
    if num <= SMALL:
        return float(np.linalg.norm(_full(matrix), 2))
    gram = LinearOperator((num, num), matvec=lambda v: matrix.T @ (matrix @ v), dtype=float)
    start = np.random.default_rng(0).normal(size=num)
    found = eigsh(gram, k=1, ncv=SUBSPACE, tol=1e-6, v0=start, return_eigenvectors=False)
    return float(np.sqrt(max(found[0], 0)))


def _square(w: Any) -> Any:
    matrix = w.astype(float) if scipy.sparse.issparse(w) else np.asarray(w, float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"w must be a square matrix, got shape {matrix.shape}")
    return matrix


def _full(matrix: Any) -> np.ndarray:
    return matrix.toarray() if scipy.sparse.issparse(matrix) else matrix
