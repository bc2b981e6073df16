"""A bad sample of a stream: refused where it can be seen, and skipped in a compiled program."""

from typing import Any

import jax
import jax.numpy as jnp

from bp_rnn import _check
from bp_rnn.typing import Array


def check_sample(name: str, value: Array) -> None:
    """Refuse what is not finite; a traced value has none that could be looked at.

    Raises
    ------
    ValueError
        If a value is NaN or infinite.
    """
    if not isinstance(value, jax.core.Tracer):
        _check.real_array(name, value)


def keep_finite(new: Any, old: Any, *samples: Array) -> Any:
    """Return ``new``, but ``old`` if anything in it, or in what it came from, is not finite.

    Raises
    ------
    FloatingPointError
        Instead of returning ``old``, where nothing is traced.
    """
    leaves = [*jax.tree.leaves(new), *samples]
    ok = jnp.all(jnp.stack([jnp.isfinite(v).all() for v in leaves]))
    if isinstance(ok, jax.core.Tracer):
        return jax.tree.map(lambda a, b: jnp.where(ok, a, b), new, old)
    if not ok:
        raise FloatingPointError(
            "the step would make weights that are not finite; nothing is changed (the rule may be "
            "unstable, or the step too long)"
        )
    return new
