"""The step of the weights, per sample or in continuous time."""

from typing import Any

import brainpy.math as bm

from bp_rnn import _check


def time_step(lr: Any, tau_w: Any, dt: Any) -> tuple[float, float]:
    """Return the time of a step, and the step of the weights in it.

    Raises
    ------
    TypeError, ValueError
        Unless one of ``lr`` and ``tau_w`` is given, and all is positive.
    """
    if (lr is None) == (tau_w is None):
        raise ValueError(
            f"give either lr, to learn per sample, or tau_w, to learn in continuous time; got "
            f"lr={lr} and tau_w={tau_w}"
        )
    if tau_w is None:
        if dt is not None:
            raise ValueError(f"dt needs continuous time: give tau_w instead of lr, got dt={dt}")
        return 1.0, positive("lr", lr)
    dt = positive("dt", bm.get_dt() if dt is None else dt)
    return dt, dt / positive("tau_w", tau_w)


def check_time_step(dt: float, name: str) -> None:
    """Refuse a run with another time step than the one a system was built with."""
    if bm.get_dt() != dt:
        raise ValueError(
            f"dt of the run is {bm.get_dt()}, but {name} was built with dt={dt}; "
            f"use DSRunner(..., dt={dt}) or bm.set_dt({dt})"
        )


def positive(name: str, value: Any) -> float:
    """Return ``value``, a positive number, as a ``float``."""
    return float(_check.positive(name, _check.number(name, value)))
