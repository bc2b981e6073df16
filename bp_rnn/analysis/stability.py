r"""What the eigenvalues of a fixed point say of it."""

import numpy as np

#: How far from the border an eigenvalue is on it, as a power of the float type's epsilon: 5e-7
#: or 2e-3, relative to a typical slope of F.
MARGINAL = 0.4


def growth_rates(eigenvalues: np.ndarray, is_continuous: bool, dt: float = 1.0) -> np.ndarray:
    r"""Return the rate at which each mode grows, per unit of time.

    :math:`\mathrm{Re}\, \lambda` of a flow, :math:`\ln |\lambda| / \Delta t` of a map.

    Parameters
    ----------
    eigenvalues : np.ndarray
        Of dF/ds of a flow, or of ds_{t+1}/ds_t of a map, any shape.
    is_continuous : bool
        Which of the two.
    dt : float
        Time of one step of the map.
    """
    if is_continuous:
        return eigenvalues.real
    with np.errstate(divide="ignore"):
        return np.log(np.abs(eigenvalues)) / dt


def classify(eigenvalues: np.ndarray, is_continuous: bool, tol: float = 1e-6) -> str:
    r"""Name the stability of a fixed point.

    Parameters
    ----------
    eigenvalues : np.ndarray
        ``(S,)``, of dF/ds of a flow, or of ds_{t+1}/ds_t of a map.
    is_continuous : bool
        Whether the border is the line of zero real part or the unit circle.
    tol : float
        Distance from the border of what lies on it, and from the real line of what is real.

    Returns
    -------
    str
        ``'stable node'`` or ``'stable spiral'``, ``'unstable node'`` or ``'unstable spiral'`` (no
        stable mode at all), ``'saddle'``, or ``'marginal'`` if an eigenvalue is on the border. It
        is a spiral where the eigenvalue nearest to the border is complex: that mode is the last
        to fade, or, backwards in time, where all modes grow.

    Notes
    -----
    Source: Strogatz, Nonlinear Dynamics and Chaos, section 5.2, for two dimensions.
    """
    beyond = eigenvalues.real if is_continuous else np.abs(eigenvalues) - 1
    nearest = np.abs(beyond).argmin()
    if np.abs(beyond[nearest]) <= tol:
        return "marginal"
    unstable = int((beyond > 0).sum())
    if 0 < unstable < len(beyond):
        return "saddle"
    kind = "spiral" if abs(eigenvalues[nearest].imag) > tol else "node"
    return f"{'unstable' if unstable else 'stable'} {kind}"


def num_unstable(eigenvalues: np.ndarray, is_continuous: bool, tol: float = 1e-6) -> int:
    """Return how many eigenvalues are beyond the border: of a saddle, its index."""
    beyond = eigenvalues.real if is_continuous else np.abs(eigenvalues) - 1
    return int((beyond > tol).sum())
