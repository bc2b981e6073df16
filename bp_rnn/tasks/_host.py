"""Random numbers and checks of the tasks that are computed on the host, in double precision."""

from typing import Any

import jax
import numpy as np

from bp_rnn import _check
from bp_rnn.typing import Array


def generator(key: Array | int) -> np.random.Generator:
    """Return NumPy's generator of a seed or a JAX key."""
    known = _check.known_key("a task that is computed by NumPy", key)
    return np.random.default_rng(np.asarray(jax.random.key_data(known)).tolist())


def positive(name: str, value: Any) -> float:
    """Return one finite number above zero."""
    return float(_check.positive(name, _check.number(name, value)))
