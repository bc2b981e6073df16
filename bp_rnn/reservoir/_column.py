"""Which neuron of a liquid reaches which, and how strongly: pure functions of a generator."""

import numpy as np

#: Largest probability of a connection, [type of the target, type of the source], excitatory first.
PROBABILITY = np.array([[0.3, 0.4], [0.2, 0.1]])
#: Mean size of a connection in nA before it is scaled, in the same order.
SIZE = np.array([[30.0, 19.0], [60.0, 19.0]])
#: Size of a connection from the input in nA before it is scaled, to each type.
SIZE_IN = np.array([18.0, 9.0])


def types(num: int, inhibitory: float) -> np.ndarray:
    """Return 0 for the excitatory neurons, which come first, and 1 for the inhibitory ones."""
    return (np.arange(num) >= num - round(inhibitory * num)).astype(int)


def positions(rng: np.random.Generator, num: int, width: int) -> np.ndarray:
    """Return points of a grid ``(num, 3)``, a column of ``width x width``, in random order."""
    place = rng.permutation(num)
    return np.stack([place % width, place // width % width, place // width**2], axis=1)


def distances(points: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of all pairs ``(num, num)``."""
    return np.linalg.norm(points[:, None] - points, axis=-1)


def recurrent(rng: np.random.Generator, kinds: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return weights ``(num, num)`` in nA, whose sizes of each pair of types are exponential."""
    num = len(kinds)
    there = (rng.random((num, num)) < probability) & ~np.eye(num, dtype=bool)
    size = SIZE[np.ix_(kinds, kinds)] * rng.exponential(size=(num, num))
    return np.where(kinds == 0, 1.0, -1.0) * there * size


def inputs(rng: np.random.Generator, kinds: np.ndarray, num_in: int, density: float) -> np.ndarray:
    """Return weights from the input ``(num, num_in)`` in nA, with exponential sizes."""
    shape = (len(kinds), num_in)
    return SIZE_IN[kinds][:, None] * rng.exponential(size=shape) * (rng.random(shape) < density)
