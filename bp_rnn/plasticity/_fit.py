"""Epochs in chunks, between which the progress bar moves."""

import time
from collections.abc import Callable
from typing import Any

import brainpy.math as bm
import jax.numpy as jnp
import numpy as np
from tqdm.auto import tqdm

from bp_rnn import _check
from bp_rnn.plasticity._network import MAX_CHUNK, State
from bp_rnn.typing import Array

#: What the epochs between two looks at the host should take.
CHUNK_SECONDS = 0.2


def as_batches(inputs: Any, num_in: int, default: int, batch_size: int | None) -> Array:
    """Return inputs ``(samples, num_in)`` as ``(batches, batch, num_in)``."""
    value = _check.real_array("inputs", inputs)
    if value.ndim != 2 or value.shape[1] != num_in or not value.size:
        raise ValueError(f"inputs must have shape (samples, {num_in}), got {value.shape}")
    size = default if batch_size is None else _check.integer("batch_size", batch_size, 1)
    if len(value) % size:
        raise ValueError(f"batch_size must divide the {len(value)} samples, got {size}")
    return jnp.asarray(value, bm.float_).reshape(-1, size, num_in)


def fit(
    run: Callable[[State, int, int], Any],
    write: Callable[[State], None],
    state: State,
    num_epoch: int,
    progress_bar: bool,
) -> np.ndarray:
    """Run epochs, write the state of the last good one, and return norms ``(num_epoch, num)``.

    ``run`` takes the state, the epochs done and those to do, and returns what
    :meth:`Network.epochs` does.
    """
    finished = state, np.zeros((0, len(state.w)))
    bar = tqdm(total=num_epoch, disable=not progress_bar, unit="epoch")
    chunk, ok = 1, True
    try:
        while ok and len(finished[1]) < num_epoch:
            began = time.perf_counter()
            state, norms = finished
            done = len(norms)
            state, found, steps, ok = run(state, done, min(chunk, num_epoch - done))
            # one assignment: an interrupt sees this chunk either whole or not at all
            finished = state, np.concatenate([norms, np.asarray(found)[: int(steps)]])
            bar.update(int(steps))
            passed = (time.perf_counter() - began) / int(steps)
            chunk = int(np.clip(CHUNK_SECONDS / passed, 1, MAX_CHUNK))
    finally:
        bar.close()
        write(finished[0])
    if not ok:
        raise FloatingPointError(
            f"the weights became not finite in epoch {len(finished[1])} of this fit; those of the "
            "epoch before it are in place (the rule may be unstable, or the step too long)"
        )
    return finished[1]
