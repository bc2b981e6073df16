"""Losses by name or as functions, and which targets they take.

This is the one place that pairs a target with a loss:

=============================== ======================= =========================== ==============
loss                            class labels            targets ``(..., num_out)``  one output
=============================== ======================= =========================== ==============
``cross_entropy_loss``          as they are             probabilities               refused
``sigmoid_binary_cross_entropy``become one-hot          from 0 to 1                 from 0 to 1
``mean_squared_log_error``      refused                 above -1                    above -1
the others of :data:`NAMES`     refused                 any                         any
one's own                       if it tells them apart  if it takes them            if it takes it
=============================== ======================= =========================== ==============
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _check
from bp_rnn.typing import Array

#: Those of ``bp.losses`` that take (prediction, target).
NAMES = (
    "l2_loss",
    "mean_squared_error",
    "mean_absolute_error",
    "mean_squared_log_error",
    "huber_loss",
    "log_cosh_loss",
    "cross_entropy_loss",
    "sigmoid_binary_cross_entropy",
)
CLASSES, YES_OR_NO, LOGARITHM = NAMES[6], NAMES[7], NAMES[3]
#: How far probabilities may be from a sum of one: those of half precision are.
SUM_TOL = 1e-2


@dataclasses.dataclass(frozen=True)
class PairedLoss:
    """A loss of output and target of one sample at one step, which knows what targets it takes.

    Attributes
    ----------
    function : callable
        What is called; an array is averaged.
    name : str
        One of :data:`NAMES`, or what messages call one's own.
    is_own : bool
        Whether it is none of BrainPy's.
    """

    function: Callable[..., Any]
    name: str
    is_own: bool

    def __call__(self, z: Array, y: Array) -> Array:
        """Return the loss."""
        return bm.as_jax(self.function(z, y))

    def pair(self, ys: np.ndarray, weights: np.ndarray, num_out: int, dtype: Any) -> np.ndarray:
        """Return targets as this loss takes them.

        Parameters
        ----------
        ys : np.ndarray
            Targets ``(..., num_out)``, or class labels ``(...,)``.
        weights : np.ndarray
            ``(...,)``, zero at targets that do not count; these become like one that does.
        num_out : int
            Outputs.
        dtype : Any
            Float type of the outputs.

        Returns
        -------
        np.ndarray
            Targets in that float type, or labels as ``int32``.

        Raises
        ------
        ValueError, TypeError
            If the loss does not take them: the message has the loss, the target and the remedy.
        """
        counts = weights > 0
        if counts.any() and not counts.all():
            # zero may be what the loss does not take, as a divisor or in a logarithm
            shape = counts.shape + (1,) * (ys.ndim - counts.ndim)
            ys = np.where(counts.reshape(shape), ys, ys[counts][0])
        labels = ys.ndim == weights.ndim
        if self.wants_one_hot(labels, num_out, dtype):
            ys, labels = np.eye(num_out)[ys], False
        if not labels:
            self._check_values(ys)
        return ys.astype(np.int32 if labels else dtype)

    def wants_one_hot(self, labels: bool, num_out: int, dtype: Any) -> bool:
        """Return whether labels must become one-hot; refuse what the loss does not take."""
        if self.is_own:
            self._try(labels, num_out, dtype)
            return False
        if self.name == CLASSES and num_out == 1:
            raise ValueError(
                f"loss {CLASSES!r} is zero for one output, whatever y is; use loss={YES_OR_NO!r} "
                "with targets 0 and 1, or a network with num_out=2 and labels 0 and 1"
            )
        if labels and self.name not in (CLASSES, YES_OR_NO):
            raise ValueError(_needs_values(f"loss {self.name!r}", num_out))
        return labels and self.name == YES_OR_NO

    def _check_values(self, ys: np.ndarray) -> None:
        low, high = ys.min(), ys.max()
        if self.name == CLASSES and (low < 0 or not np.allclose(ys.sum(-1), 1, atol=SUM_TOL)):
            raise ValueError(
                f"loss {CLASSES!r} takes integer class labels without the last axis, or "
                f"probabilities that sum to one over the {ys.shape[-1]} outputs; got y from "
                f"{low:.4g} to {high:.4g}; for a yes or no of each output use loss={YES_OR_NO!r}"
            )
        if self.name == YES_OR_NO and (low < 0 or high > 1):
            raise ValueError(
                f"loss {YES_OR_NO!r} takes targets from 0 to 1, got y from {low:.4g} to {high:.4g}"
            )
        if self.name == LOGARITHM and low <= -1:
            raise ValueError(f"loss {LOGARITHM!r} takes targets above -1, got y from {low:.4g}")

    def _try(self, labels: bool, num_out: int, dtype: Any) -> None:
        """Try one's own loss on an output and a target without computing anything."""
        z = jax.ShapeDtypeStruct((num_out,), dtype)
        y = jax.ShapeDtypeStruct((), np.int32) if labels else z
        given = f"an output {_told(z)} and {'a class label' if labels else 'a target'} {_told(y)}"
        try:
            found = jax.eval_shape(self.function, z, y)
            if not isinstance(found, tuple | list | dict | None):
                found = jax.eval_shape(self, z, y)
        except Exception as error:
            raise ValueError(
                f"loss {self.name} fails for {given} of one step: {type(error).__name__}: "
                f"{_first_line(error)}"
            ) from error
        ok = isinstance(found, jax.ShapeDtypeStruct) and jnp.issubdtype(found.dtype, jnp.floating)
        if not ok:
            told = _told(found) if hasattr(found, "dtype") else type(found).__name__
            raise TypeError(
                f"loss {self.name} must return a real number or an array of them for {given}, "
                f"got {told}"
            )
        if labels and self._takes_label_for_number(num_out, dtype):
            raise ValueError(_needs_values(f"loss {self.name}", num_out))

    def _takes_label_for_number(self, num_out: int, dtype: Any) -> bool:
        """Return whether outputs 0 and 1 may change places under the labels 0 and 1."""
        rng = np.random.default_rng(0)
        for _ in range(3):
            z = rng.normal(0.0, 2.0, num_out).astype(dtype)
            other = z.copy()
            other[:2] = z[1::-1]
            for label in range(2):
                one, two = (
                    float(jnp.mean(self(jnp.asarray(v), jnp.int32(label)))) for v in (z, other)
                )
                if not np.isclose(one, two, rtol=1e-4):
                    return False
        return True


def resolve(loss: str | Callable[..., Any]) -> PairedLoss:
    """Return the loss of one sample at one step that ``loss`` names or is."""
    if isinstance(loss, PairedLoss):
        return loss
    if not callable(loss):
        function = getattr(bp.losses, _check.choice("loss", loss, NAMES))
        return PairedLoss(function, loss, is_own=False)
    plain = loss.func if isinstance(loss, functools.partial) else loss
    for name in NAMES:
        if plain is getattr(bp.losses, name):
            return PairedLoss(loss, name, is_own=False)
    name = getattr(plain, "__qualname__", type(plain).__qualname__)
    return PairedLoss(loss, name.rpartition(".")[2], is_own=True)


def _needs_values(loss: str, num_out: int) -> str:
    return (
        f"y holds integer class labels, but {loss} compares each output with a number of its own; "
        f"use loss={CLASSES!r}, or one-hot targets np.eye({num_out})[y]"
    )


def _told(value: Any) -> str:
    return f"{np.dtype(value.dtype).name}{tuple(value.shape)}"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
