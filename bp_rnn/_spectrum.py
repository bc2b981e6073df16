"""The two sizes of a recurrent matrix: spectral radius and spectral norm."""

from typing import Any

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs, eigsh

#: Units up to which all eigenvalues are found.
SMALL = 300
#: The largest ones are found among so many, because the outermost of a random matrix lie close.
WANTED, SUBSPACE = 6, 80
#: Restarts, of which a random matrix needs ten, and products where they don't settle.
RESTARTS, PRODUCTS = 30, 200


def spectral_radius(w: Any) -> float:
    r"""Return :math:`\rho(W) = \max_i |\lambda_i|`.

    Parameters
    ----------
    w : array or SciPy sparse array
        ``(num, num)``. Above 300 units it is found by Arnoldi's method, from products alone,
        right to about 2e-4; where that does not settle, by the growth of a state under products.

    Returns
    -------
    float
    """
    matrix = _square(w)
    num = matrix.shape[0]
    if num <= SMALL:
        return float(np.abs(np.linalg.eigvals(_full(matrix))).max())
    if _is_triangular(matrix):
        return float(np.abs(matrix.diagonal()).max())
    start = np.random.default_rng(0).normal(size=num)
    options = {"k": WANTED, "ncv": SUBSPACE, "tol": 1e-3, "maxiter": RESTARTS, "v0": start}
    try:
        found = eigs(matrix, return_eigenvectors=False, **options)
    except ArpackNoConvergence as error:
        found = error.eigenvalues
    return float(np.abs(found).max()) if len(found) else _growth(matrix, start)


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


def _is_triangular(matrix: Any) -> bool:
    """Return whether the eigenvalues are on the diagonal, as those of a delay line are."""
    kind = scipy.sparse if scipy.sparse.issparse(matrix) else np
    return any(abs(v).max() == 0 for v in (kind.triu(matrix, 1), kind.tril(matrix, -1)))


def _growth(matrix: Any, state: np.ndarray) -> float:
    """Return the rate at which a product after the other grows; it is one for a rotation."""
    size = 1.0
    for k in range(2 * PRODUCTS):
        state = matrix @ state
        length = float(np.linalg.norm(state))
        if length == 0:
            return 0.0
        state = state / length
        size *= length ** (1 / PRODUCTS) if k >= PRODUCTS else 1
    return size


def _full(matrix: Any) -> np.ndarray:
    return matrix.toarray() if scipy.sparse.issparse(matrix) else matrix
