"""What a read-out is: a linear map of features, and how it is learnt from pairs."""

import abc
import contextlib
import copy
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn._state import System
from bp_rnn.functional.constraint import Box, intersect, project_all
from bp_rnn.readouts import _samples
from bp_rnn.typing import Array


class Readout(System, abc.ABC):
    r"""A linear read-out :math:`z = W h + b` of the states of a network.

    Parameters
    ----------
    num_in, num_out : int
        Features of the states and of the targets.
    intercept : bool
        Whether there is a bias b; no read-out penalises it.
    on_bad : {'raise', 'skip'}
        What a sample with NaN or infinity in ``h`` or ``y`` does: it is refused, or left out. In
        a compiled run (``DSRunner``, ``bm.jit``), which can't raise, it is always left out: weights
        and memory stay as before it. Samples that ``np.ma`` masks are left out as well.
    mode : bm.Mode, optional
        BrainPy's computing mode; the current one by default.
    name : str, optional
        BrainPy's name of the object.

    Attributes
    ----------
    w, b : bm.TrainVar
        ``(num_out, num_in)`` and ``(num_out,)``, zero until something is learnt.
    z : bm.Variable
        The output after the last step, ``(num_out,)`` or ``(batch, num_out)``.

    Raises
    ------
    TypeError, ValueError
        If a size is no integer of at least one, or ``on_bad`` unknown.

    Notes
    -----
    :func:`bp_rnn.constrain` binds ``w`` and ``b`` here, and what it binds in a network whose
    read-out is learnt holds too.
    """

    #: Whether learning keeps ``w`` and ``b`` where constraints allow.
    within_boxes: ClassVar[bool] = False
    #: Attributes beside the Variables that hold what was learnt so far.
    kept_names: ClassVar[tuple[str, ...]] = ()
    w: bm.TrainVar
    b: bm.TrainVar
    z: bm.Variable

    def __init__(
        self,
        num_in: int,
        num_out: int,
        *,
        intercept: bool = True,
        on_bad: str = "raise",
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(mode=mode, name=name)
        self.num_in = _check.integer("num_in", num_in, 1)
        self.num_out = _check.integer("num_out", num_out, 1)
        self.intercept = bool(intercept)
        self.on_bad = _check.choice("on_bad", on_bad, _samples.ON_BAD)
        self._lent: dict[str, Box] = {}
        self.w = bm.TrainVar(jnp.zeros((num_out, num_in), bm.float_))
        self.b = bm.TrainVar(jnp.zeros(num_out, bm.float_))
        self.z = bp.init.variable_(bm.zeros, (num_out,), self.mode)

    @abc.abstractmethod
    def restart(self) -> None:
        """Forget what was learnt."""

    @abc.abstractmethod
    def add(self, h: Any, y: Any, *, fold: int | None = None) -> None:
        """Learn from more samples, in their order.

        Parameters
        ----------
        h : array
            Features ``(samples, num_in)``, or ``(batch, time, num_in)``.
        y : array
            Targets ``(samples, num_out)``, or ``(batch, time, num_out)``.
        fold : int, optional
            The part of the data that these samples belong to, for read-outs that cross-validate.

        Raises
        ------
        TypeError, ValueError
            If a shape is another one, or a value is not finite; nothing is changed then.
        FloatingPointError
            If learning diverges; nothing is changed then.
        """

    @abc.abstractmethod
    def solve(self) -> None:
        """Write the weights that belong to all samples so far into ``w`` and ``b``."""

    def fit(self, h: Any, y: Any) -> Self:
        """Learn from these samples alone, what was learnt before is forgotten.

        Arguments and errors as for :meth:`add`.
        """
        h, y = self.samples(h, y)
        with self.undone_on_error():
            self.restart()
            self.add(h, y)
            self.solve()
        return self

    def samples(self, h: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return features ``(n, num_in)`` and targets ``(n, num_out)``, checked."""
        self.check_precision()
        return _samples.take(h, y, self.num_in, self.num_out, self.on_bad)

    def train_params(self) -> dict[str, bm.TrainVar]:
        """Return the Variable of every parameter."""
        return {"w": self.w, "b": self.b} if self.intercept else {"w": self.w}

    @property
    def boxes(self) -> dict[str, Box]:
        """Where ``w`` and ``b`` may be: by their own constraints and by those lent to them."""
        found = {k: getattr(v, "box", None) for k, v in self.train_params().items()}
        own = {k: box for k, box in found.items() if box is not None}
        both = {k: intersect(own[k], box) for k, box in self._lent.items() if k in own}
        return own | self._lent | both

    def lend(self, boxes: dict[str, Box], values: dict[str, Array]) -> None:
        """Obey the constraints of a network as well, until others are lent.

        Parameters
        ----------
        boxes, values : dict
            For ``w`` and ``b``, where they are bound, what the network allows, and its values,
            which those that are not free keep.

        Raises
        ------
        ValueError
            If this read-out can't learn within them; nothing is changed then.
        """
        before, self._lent = self._lent, dict(boxes)
        try:
            for name, box in self.boxes.items():
                if bool((box.low > box.high).any()):
                    raise ValueError(f"constraints of {name} contradict those of the network")
            self.check_boxes()
        except ValueError:
            self._lent = before
            raise
        for name, box in boxes.items():
            variable = getattr(self, name)
            variable.value = jnp.where(box.free, variable.value, values[name])

    def check_boxes(self) -> None:
        """Refuse constraints within which this read-out can't learn.

        Raises
        ------
        ValueError
            If there are such.
        """
        if self.boxes and not self.within_boxes:
            raise ValueError(
                f"{type(self).__name__} can't learn within constraints of {sorted(self.boxes)}; "
                "use Ridge, or free them with constrain(..., w_out=[])"
            )

    @contextlib.contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Undo what is learnt in a block that ends with an exception."""
        values = {k: v.value for k, v in self.vars(method="relative").unique().items()}
        kept = {k: copy.copy(getattr(self, k)) for k in self.kept_names}
        try:
            yield
        except BaseException:
            variables = self.vars(method="relative").unique()
            for name, value in values.items():
                variables[name].value = value
            for name, value in kept.items():
                setattr(self, name, value)
            raise

    def update(self, h: Array) -> Array:
        """Return the output for the features of one time step.

        Raises
        ------
        ValueError
            If ``h`` is not finite and bad samples are refused; nothing is changed then.
        """
        self.check_precision()
        h = self._step_array("h", h)
        self.z.value = h @ self.w.value.T + self.b.value
        return self.z.value

    def reset_state(self, batch_size: int | None = None) -> None:
        """Set the output to zero; what was learnt stays. ``batch_size`` sets a new batch."""
        lead = self.z.shape[:-1]
        if batch_size is not None and isinstance(self.mode, bm.BatchingMode):
            lead = (batch_size,)
        self.z.value = jnp.zeros((*lead, self.num_out), self.w.dtype)

    def _step_array(self, name: str, value: Any) -> Array:
        """Return the features or target of one time step, checked where values are known."""
        found = bm.as_jax(value)
        if self.on_bad == "raise" and not isinstance(found, jax.core.Tracer):
            found = _check.real_array(name, found)
        return jnp.asarray(found, self.w.dtype)

    def _started(self, start: dict[str, Array]) -> dict[str, Array]:
        """Return parameters before the first sample, moved to where they may be."""
        return project_all(self.boxes, start, {k: v.value for k, v in self.train_params().items()})

    def _write(self, w: Any, b: Any) -> None:
        found = {"w": jnp.asarray(w, self.w.dtype), "b": jnp.asarray(b, self.b.dtype)}
        require_finite(self, found)
        self.w.value, self.b.value = found["w"], found["b"]


def require_finite(readout: Readout, found: dict[str, Array]) -> None:
    """Refuse weights that are not finite.

    Raises
    ------
    FloatingPointError
        If one is NaN or infinity.
    """
    bad = [k for k, v in found.items() if not np.isfinite(np.asarray(v)).all()]
    if bad:
        rate = f"; lr={readout.lr} may be too large for these features" * hasattr(readout, "lr")
        raise FloatingPointError(
            f"{type(readout).__name__} diverged: {', '.join(bad)} is not finite in "
            f"{readout.w.dtype}{rate}; everything is as it was before"
        )
