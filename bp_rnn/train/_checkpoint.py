"""Checkpoints are nested dicts of arrays; nothing is loaded that does not fit."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def check_same(name: str, mine: Any, given: Any) -> None:
    if not isinstance(mine, Mapping):
        mine, given = np.asarray(mine), np.asarray(given)
        growing = name.endswith("train_losses")
        if mine.dtype != given.dtype or (mine.shape != given.shape and not growing):
            raise ValueError(
                f"{name} must be {mine.dtype}{mine.shape}, got {given.dtype}{given.shape}"
            )
        return
    given = given if isinstance(given, Mapping) else {}
    if set(mine) != set(given):
        raise ValueError(f"{name} must have entries {sorted(mine)}, got {sorted(given)}")
    for key, value in mine.items():
        check_same(f"{name}.{key}", value, given[key])
