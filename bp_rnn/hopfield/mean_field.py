r"""What the theory of large networks says of retrieval at temperature zero.

Of N units and :math:`\alpha N` random patterns stored by the outer product, the replica-symmetric
equations for the overlap m with the pattern retrieved, the noise r from all others, and the
susceptibility C are

.. math::

    m = \mathrm{erf} \, y, \quad y = \frac{m}{\sqrt{2 \alpha r}}, \qquad
    C = \sqrt{\frac{2}{\pi \alpha r}} \, e^{-y^2}, \qquad r = \frac{1}{(1 - C)^2}

which leave one equation for y,
:math:`\sqrt{2 \alpha} = \mathrm{erf}(y) / y - (2 / \sqrt{\pi}) \, e^{-y^2}`. Its right-hand side
has a maximum: above that load there is no retrieval. Source: Amit, Gutfreund & Sompolinsky 1985
(Phys. Rev. Lett. 55), eqs. 8 to 10; 1987 (Ann. Phys. 173), section 4.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, special

from bp_rnn import _check


class Transition(NamedTuple):
    """Where retrieval ends.

    Attributes
    ----------
    load : float
        The critical load, patterns over units.
    overlap : float
        The overlap there, before it falls to zero.
    """

    load: float
    overlap: float


def load_at(y: Any) -> Any:
    """Return the load at which the reduced field is ``y``, above zero."""
    y = np.asarray(y, np.float64)
    return (special.erf(y) / y - 2 / np.sqrt(np.pi) * np.exp(-(y**2))) ** 2 / 2


def transition() -> Transition:
    """Return the largest load with retrieval, and the overlap there."""
    y = _critical_field()
    return Transition(float(load_at(y)), float(special.erf(y)))


def overlap(load: Any) -> np.ndarray:
    """Return the overlap of the retrieval state at each load; zero above the transition.

    Parameters
    ----------
    load : float or array
        Patterns over units, not negative.

    Returns
    -------
    np.ndarray
        Of the same shape.
    """
    loads = _check.real_array("load", _check.not_negative("load", load)).astype(np.float64)
    least = _critical_field()
    critical = load_at(least)
    # at this y, load_at is below any load that is told apart from zero in double precision
    most = 1e9

    def one(value: float) -> float:
        if value > critical:
            return 0.0
        if value <= load_at(most):
            return 1.0
        return special.erf(optimize.brentq(lambda y: load_at(y) - value, least, most))

    return np.vectorize(one, otypes=[np.float64])(loads)


def _critical_field() -> float:
    found = optimize.minimize_scalar(lambda y: -load_at(y), bounds=(0.5, 4.0), method="bounded")
    return float(found.x)
