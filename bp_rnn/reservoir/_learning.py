"""How a read-out learns from a network, and what of it is written where."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from bp_rnn.cells import Cell
from bp_rnn.functional.constraint import project
from bp_rnn.readouts import Readout, Ridge
from bp_rnn.reservoir._harvest import Harvest
from bp_rnn.reservoir._lesson import Lesson, pool_weights
from bp_rnn.typing import Array

#: Parameters of a read-out, and what a network calls them.
NAMES = {"w": "w_out", "b": "b_out"}
RIDGE = 1e-8
#: Rounding of the states that counts, as a share of the residual: NARMA-10 with a small input has
#: 0.54 to 0.79, Mackey-Glass with 1000 units 2.1, and where single precision costs nothing it is
#: below 0.4. And in roundings of the targets: nothing can be fitted better than to the last digit.
SHARE, ROUNDINGS = 0.45, 10
SINGLE = (
    "single precision costs accuracy here: the weights of the read-out are so large that the "
    "rounding of the states is no longer small beside the error of the fit; make, fit and run the "
    "network in double precision, under `with bm.environment(x64=True):` or after "
    "`bm.enable_x64()`, or use a larger ridge"
)


def learner_of(cell: Cell, ridge: Any, readout: Readout | None) -> Readout:
    """Return what learns, checked: a new ridge regression, or the read-out given.

    Raises
    ------
    TypeError, ValueError
        If there is nothing to fit, or the read-out given does not fit.
    """
    if "w_out" not in cell.train_params():
        raise ValueError(f"num_out must be given to {type(cell).__name__} for a read-out")
    num_out, num_in = cell.w_out.shape
    intercept = "b_out" in cell.train_params()
    if readout is None:
        strength: float | Sequence[float] = RIDGE if ridge is None else ridge
        return Ridge(num_in, num_out, ridge=strength, intercept=intercept)
    if not isinstance(readout, Readout):
        raise TypeError(f"readout must be a Readout, got {type(readout).__name__}")
    if ridge is not None:
        raise ValueError(f"ridge must be given to the readout, not beside it, got ridge={ridge}")
    found = readout.num_in, readout.num_out, readout.intercept
    if found != (num_in, num_out, intercept):
        raise ValueError(
            f"readout must have num_in={num_in}, num_out={num_out} and intercept={intercept}, "
            f"got {found}"
        )
    return readout


def lend(cell: Cell, learner: Readout) -> None:
    """Let the learner obey the constraints of the network's read-out."""
    boxes, values = cell.boxes, cell.params()
    bound = {k: boxes[v] for k, v in NAMES.items() if v in boxes}
    learner.lend(bound, {k: values[NAMES[k]] for k in bound})


def learn(
    harvest: Harvest,
    learner: Readout,
    state: Array,
    data: Lesson,
    fed: np.ndarray | None,
    pool: str | None,
    progress_bar: bool,
) -> Array:
    """Give all features to the learner; return the last state.

    Raises
    ------
    ValueError
        If the features are the same at all steps and the targets are not.
    """
    seqs, used = data.seqs, data.used
    if pool in ("last", "mean"):
        weights = pool_weights(used, pool).astype(state.dtype)
        found = np.asarray(harvest.pooled(state, seqs.xs, seqs.lengths, weights))
        there = used.any(1)
        learner.add(found[there], data.targets[there])
        return state
    targets = data.targets
    if pool == "all":
        targets = np.repeat(targets[:, None], used.shape[1], axis=1)
    folds = learner.num_fold if isinstance(learner, Ridge) else 1
    rest = Rest()
    for piece in harvest.pieces(
        "hidden", state, seqs.xs, seqs.lengths, fed, least=folds, progress_bar=progress_bar
    ):
        mine = used[:, piece.time]
        if mine.any():
            fold = piece.place * folds // piece.total if piece.total >= folds else None
            h, y = piece.read[mine], targets[:, piece.time][mine]
            rest.see(h, y)
            learner.add(h, y, fold=fold)
        state = piece.state
    rest.require_motion()
    return state


class Rest:
    """Whether features stay the same while targets do not: then nothing can be learnt."""

    def __init__(self) -> None:
        self._first: tuple[np.ndarray, np.ndarray] | None = None
        self._moves, self._wanted = False, False

    def see(self, h: np.ndarray, y: np.ndarray) -> None:
        """Look at more samples."""
        if self._first is None:
            self._first = h[0], y[0]
        if not self._moves:
            self._moves = bool((h != self._first[0]).any())
            self._wanted = self._wanted or bool((y != self._first[1]).any())

    def require_motion(self) -> None:
        """Refuse features that never changed under targets that did.

        Raises
        ------
        ValueError
            If it is so.
        """
        if self._wanted and not self._moves:
            raise ValueError(
                "x leaves all features of the network as they are, so that nothing can be learnt; "
                "give it an input, a bias, or a random state by init_state"
            )


def write(cell: Cell, learner: Readout) -> None:
    """Write what was learnt into the network, within its constraints."""
    boxes = cell.boxes
    for mine, theirs in NAMES.items():
        if theirs in cell.train_params():
            variable, value = getattr(cell, theirs), getattr(learner, mine).value
            if theirs in boxes:  # rounding alone may be outside
                value = project(boxes[theirs], value, variable.value)
            variable.value = value


def warn_of_rounding(cell: Cell, learner: Readout) -> None:
    """Say where single precision costs accuracy: the weights enlarge the rounding of the states."""
    if cell.state.dtype != np.float32 or not isinstance(learner, Ridge):
        return
    noise, error, spread = learner.rounding(float(np.finfo(np.float32).eps))
    epsilon = np.finfo(np.float32).eps
    if bool(((noise > SHARE * error) & (noise > ROUNDINGS * epsilon * spread)).any()):
        warnings.warn(SINGLE, RuntimeWarning, stacklevel=4)
