"""Whether each sample has a fixed point that may be learnt from, and why not."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.typing import Array

#: Samples that a message names.
NAMED = 5


class Report(NamedTuple):
    """What was found of each sample; every array has one entry a sample.

    Attributes
    ----------
    usable : Array
        Whether all that follows is in order.
    converged : Array
        Whether the search reached the tolerance.
    residual : Array
        Largest ``|F_i|`` where it ended.
    num_iter : Array
        Iterations of the search.
    stable : Array
        Whether small perturbations die out there.
    growth : Array
        Mean rate at which one grows, per unit of time; zero where it was not asked for.
    solved : Array
        Whether v is right.
    error : Array
        What says so: the relative residual of ``v J + dl/dr = 0``, or the largest ``|F_i|`` at
        the end of the nudged phases.
    asymmetry : Array
        ``|J - J^T| / |J + J^T|`` where it matters, else zero.
    """

    usable: Array
    converged: Array
    residual: Array
    num_iter: Array
    stable: Array
    growth: Array
    solved: Array
    error: Array
    asymmetry: Array

    @classmethod
    def empty(cls, shape: tuple[int, ...], dtype: Any) -> "Report":
        """Return a report of nothing."""
        no, zero = jnp.zeros(shape, bool), jnp.zeros(shape, dtype)
        count = jnp.zeros(shape, int)
        return cls(no, no, zero, count, no, zero, no, zero, zero)

    def troubles(self) -> str:
        """Return which samples can't be used and why, in words; empty if all can."""
        report = jax.tree.map(lambda v: np.asarray(v).reshape(-1), self)
        bad = np.flatnonzero(~report.usable)
        # after an update that was not finite all others fail too: name who failed before it
        told = bad[np.isfinite(report.residual[bad])]
        named = told if len(told) else bad
        parts = [f"sample {i} {_trouble(report, i)}" for i in named[:NAMED]]
        if len(named) > NAMED:
            parts.append(f"and {len(named) - NAMED} more")
        return "; ".join(parts)


def _trouble(report: Report, i: int) -> str:
    if not report.converged[i]:
        return (
            f"did not come to rest in {report.num_iter[i]} iterations (|F| = "
            f"{report.residual[i]:.2g})"
        )
    if not report.stable[i]:
        return f"rests at a point that is not stable (growth rate {report.growth[i]:.2g})"
    if report.asymmetry[i] > 0:
        return f"has a J that is not symmetric (|J - J^T|/|J + J^T| = {report.asymmetry[i]:.2g})"
    return f"did not reach v (error {report.error[i]:.2g})"
