"""What a trace will take, before it is there."""

import math
import os
from typing import Any

import jax

from bp_rnn.cells import Cell

#: Part of the free memory that a trace may take: a step needs the old one and the new one.
SHARE = 0.45


def require(name: str, cell: Cell, trace: Any, batch: int) -> None:
    """Refuse a trace that does not fit into the memory that is free.

    Parameters
    ----------
    name : str
        Of the algorithm.
    cell : Cell
        The network.
    trace
        The trace of one sample, arrays or their shapes.
    batch : int
        Samples.

    Raises
    ------
    MemoryError
        With the bytes that are needed, and what would fit.
    """
    needed = batch * sum(_bytes(v) for v in jax.tree.leaves(trace))
    free = free_memory()
    if free is None or needed <= SHARE * free:
        return
    fits = [k for k, v in estimates(cell).items() if k != name and batch * v <= SHARE * free]
    raise MemoryError(
        f"{name} needs a trace of {needed:,} bytes for {cell.size} states, "
        f"{_num_param(cell)} parameters and a batch of {batch}, and {free:,} are free; "
        f"what would fit: {', '.join(fits) or 'nothing, make the network smaller'}"
    )


def estimates(cell: Cell) -> dict[str, int]:
    """Return the bytes of the trace that each algorithm carries for one sample."""
    item = cell.state.dtype.itemsize
    num, size = _num_param(cell), cell.size
    own = num * (size // cell.num) if cell.rowwise else num * size
    rtrl = num if cell.independent else num * size
    return {
        "BPTT": 0,
        "UORO": item * (size + num),
        "SnAp": item * own,
        "EProp": item * own,
        "RFLO": item * own,
        "BlockRTRL": item * num * size,
        "RTRL": item * rtrl,
    }


def free_memory() -> int | None:
    """Return the free bytes of the device that JAX computes on, or None if it does not tell."""
    stats = jax.local_devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"] - stats["bytes_in_use"])
    if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        return _available()
    return None


def _available() -> int:
    """Return the memory that the system could give, caches included where it tells them."""
    try:
        with open("/proc/meminfo") as lines:
            found = dict(line.split(":") for line in lines)
        return int(found["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _bytes(v: Any) -> int:
    return math.prod(v.shape) * v.dtype.itemsize


def _num_param(cell: Cell) -> int:
    params = cell.train_params()
    return sum(math.prod(params[k].shape) for k in cell.param_names)
