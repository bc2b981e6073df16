"""Checkpoints are nested dicts of arrays; nothing is loaded that does not fit."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bp_rnn.functional.constraint import Box


def check_same(name: str, mine: Any, given: Any) -> None:
    if not isinstance(mine, Mapping):
        mine, given = np.asarray(mine), np.asarray(given)
        growing = name in ("checkpoint.train_losses", "checkpoint.start")
        like = (
            mine.shape[1:] == given.shape[1:]
            if growing and given.ndim
            else mine.shape == given.shape
        )
        if mine.dtype != given.dtype or not like:
            raise ValueError(
                f"{name} must be {mine.dtype}{mine.shape}, got {given.dtype}{given.shape}"
            )
        return
    given = given if isinstance(given, Mapping) else {}
    if set(mine) != set(given):
        raise ValueError(f"{name} must have entries {sorted(mine)}, got {sorted(given)}")
    for key, value in mine.items():
        check_same(f"{name}.{key}", value, given[key])


def check_allowed(boxes: dict[str, Box], params: Mapping[str, Any]) -> None:
    for name, box in boxes.items():
        value = np.asarray(params[name])
        bad = ~((value >= np.asarray(box.low)) & (value <= np.asarray(box.high)))  # NaN too
        if bad.any():
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            raise ValueError(
                f"checkpoint.params.{name} must obey its constraints, "
                f"got {value[where]} at index {where}"
            )


def check_drawn(mine: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name, value in mine.items():
        if (np.asarray(value) != np.asarray(given[name])).any():
            raise ValueError(
                f"checkpoint.drawn.{name} is drawn otherwise here: make this network with the key "
                "and options of the saved one"
            )
