"""What every benchmark says of itself, and how it takes a minimum."""

import datetime
import os
import platform
import time
from collections.abc import Callable
from typing import Any

import brainpy as bp
import jax


def header() -> str:
    """Return one line: date, machine and versions."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
        model = names[0] if names else model
    return (
        f"{datetime.date.today()}, {model}, {os.cpu_count()} cores, "
        f"jax {jax.__version__}, brainpy {bp.__version__}, {jax.default_backend()}"
    )


def seconds(run: Callable[[], Any]) -> float:
    """Return how long one call takes, results waited for."""
    began = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - began


def fastest(sides: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the minimum seconds of each side over interleaved rounds, compile time apart."""
    for run in sides.values():
        jax.block_until_ready(run())
    found = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            found[name].append(seconds(run))
    return {name: min(values) for name, values in found.items()}
