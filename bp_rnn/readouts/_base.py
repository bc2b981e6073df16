"""What a read-out is: a linear map of features, and how it is learnt from pairs."""

import abc
from typing import Any, Self

import brainpy as bp
import brainpy.math as bm
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn._state import System
from bp_rnn.typing import Array


class Readout(System, abc.ABC):
    r"""A linear read-out :math:`z = W h + b` of the states of a network.

    Parameters
    ----------
    num_in, num_out : int
        Features of the states and of the targets.
    intercept : bool
        Whether there is a bias b; no read-out penalises it.
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
        If a size is no integer of at least one.
    """

    w: bm.TrainVar
    b: bm.TrainVar
    z: bm.Variable

    def __init__(
        self,
        num_in: int,
        num_out: int,
        *,
        intercept: bool = True,
        mode: bm.Mode | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(mode=mode, name=name)
        self.num_in = _check.integer("num_in", num_in, 1)
        self.num_out = _check.integer("num_out", num_out, 1)
        self.intercept = bool(intercept)
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
        """

    @abc.abstractmethod
    def solve(self) -> None:
        """Write the weights that belong to all samples so far into ``w`` and ``b``."""

    def fit(self, h: Any, y: Any) -> Self:
        """Learn from these samples alone; arguments and errors as for :meth:`add`."""
        self.samples(h, y)
        self.restart()
        self.add(h, y)
        self.solve()
        return self

    def samples(self, h: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return features ``(n, num_in)`` and targets ``(n, num_out)``, checked."""
        h, y = _check.real_array("h", h), _check.real_array("y", y)
        if h.ndim not in (2, 3) or h.shape[-1] != self.num_in:
            raise ValueError(
                f"h must have shape (samples, {self.num_in}) or (batch, time, {self.num_in}), "
                f"got {h.shape}"
            )
        if y.shape == h.shape[:-1] and self.num_out == 1:
            y = y[..., None]
        if y.shape != (*h.shape[:-1], self.num_out):
            raise ValueError(
                f"y must have shape {(*h.shape[:-1], self.num_out)} to go with h, got {y.shape}"
            )
        return h.reshape(-1, self.num_in), y.reshape(-1, self.num_out)

    def update(self, h: Array) -> Array:
        """Return the output for the features of one time step."""
        h = jnp.asarray(bm.as_jax(h), self.w.dtype)
        self.z.value = h @ self.w.value.T + self.b.value
        return self.z.value

    def reset_state(self, batch_size: int | None = None) -> None:
        """Set the output to zero; what was learnt stays. ``batch_size`` sets a new batch."""
        lead = self.z.shape[:-1]
        if batch_size is not None and isinstance(self.mode, bm.BatchingMode):
            lead = (batch_size,)
        self.z.value = jnp.zeros((*lead, self.num_out), self.w.dtype)

    def _write(self, w: Any, b: Any) -> None:
        self.w.value = jnp.asarray(w, self.w.dtype)
        self.b.value = jnp.asarray(b, self.b.dtype)
