"""Which unit of a reservoir drives which, and how strongly."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from bp_rnn import _check
from bp_rnn.reservoir._product import Dense, Diagonals, Gather, Product

#: Rows that are drawn at once.
BLOCK = 1000
#: Share of the sources up to which a matrix given as sparse is held as such.
STORED = 0.25
Draw = Callable[[tuple[int, ...]], np.ndarray]


class Recurrent(NamedTuple):
    """A recurrent matrix before it is scaled.

    Attributes
    ----------
    product : Product
        How it is held.
    w : np.ndarray
        Weights ``(num, ...)``.
    is_unit : bool
        Whether it passes states on with a size of one, so that a factor is all there is to scale.
    """

    product: Product
    w: np.ndarray
    is_unit: bool = False


def dense(rng: np.random.Generator, draw: Draw, num: int, density: float) -> Recurrent:
    """Return a matrix whose entries are zero with probability ``1 - density``."""
    w = draw((num, num))
    return Recurrent(Dense(), w if density == 1 else w * (rng.random((num, num)) < density))


def sparse(rng: np.random.Generator, draw: Draw, num: int, density: float) -> Recurrent:
    """Return a matrix with as many random sources for every unit."""
    k = degree(num, density)
    blocks = []
    for start in range(0, num, BLOCK):
        order = rng.random((min(BLOCK, num - start), num), np.float32)
        blocks.append(np.sort(np.argpartition(order, k - 1)[:, :k], axis=1))
    return Recurrent(Gather(np.concatenate(blocks).astype(np.int32)), draw((num, k)))


def diagonals(rng: np.random.Generator, draw: Draw, num: int, density: float) -> Recurrent:
    """Return random cyclic diagonals."""
    k = degree(num, density)
    offsets = np.sort(rng.choice(num, k, replace=False))
    return Recurrent(Diagonals(tuple(offsets.tolist())), draw((num, k)))


def ring(_rng: np.random.Generator, _draw: Draw, num: int, _: float) -> Recurrent:
    """Return the matrix that passes each unit's state on to the next one."""
    return Recurrent(Diagonals((1 % num,)), np.ones((num, 1)), True)


def delay_line(rng: np.random.Generator, draw: Draw, num: int, density: float) -> Recurrent:
    """Return a ring that is cut before the first unit."""
    found = ring(rng, draw, num, density)
    found.w[0] = 0
    return found


def orthogonal(rng: np.random.Generator, _draw: Draw, num: int, _: float) -> Recurrent:
    """Return a random rotation, all of which are as likely."""
    q, r = np.linalg.qr(rng.normal(size=(num, num)))
    return Recurrent(Dense(), q * np.sign(np.diag(r)), True)


TOPOLOGIES: dict[str, Callable[[np.random.Generator, Draw, int, float], Recurrent]] = {
    "dense": dense,
    "sparse": sparse,
    "diagonals": diagonals,
    "ring": ring,
    "delay_line": delay_line,
    "orthogonal": orthogonal,
}


def own(w: Any, num: int) -> Recurrent:
    """Return a SciPy sparse matrix or array of any format, held so that few zeros are stored.

    Raises
    ------
    TypeError, ValueError
        If it is not square with ``num`` rows, or its entries are not finite real numbers.
    """
    if w.shape != (num, num):
        raise ValueError(f"w must have shape {(num, num)}, got a sparse one of shape {w.shape}")
    rows = scipy.sparse.csr_array(w)
    rows.sum_duplicates()
    values = _check.real_array("w", rows.data).astype(float)
    counts = np.diff(rows.indptr)
    k = max(1, int(counts.max()))
    if k > STORED * num:
        return Recurrent(Dense(), rows.toarray().astype(float))
    row = np.repeat(np.arange(num), counts)
    column = np.arange(len(values)) - np.repeat(rows.indptr[:-1], counts)
    sources, weights = np.zeros((num, k), np.int32), np.zeros((num, k))
    sources[row, column], weights[row, column] = rows.indices, values
    return Recurrent(Gather(sources, is_padded=True), weights)


def degree(num: int, density: float) -> int:
    """Return how many sources a unit has."""
    return max(1, round(density * num))
