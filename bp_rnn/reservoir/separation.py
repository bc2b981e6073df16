"""How far a network keeps inputs apart, and how long it remembers what they were."""

from typing import Any, NamedTuple

import numpy as np

from bp_rnn import _check, _data
from bp_rnn.reservoir._base import Reservoir


class FadingMemory(NamedTuple):
    """What is left of the past.

    Attributes
    ----------
    distance : np.ndarray
        Mean distance of what the read-out sees after different pasts, ``(1 + T,)``: first at the
        end of the pasts, then after each step of the input that all have in common.
    """

    distance: np.ndarray

    def steps(self, share: float = np.exp(-1)) -> int | None:
        """Return after how many steps the distance stays below a share of the first.

        Returns
        -------
        int or None
            None if it does not.
        """
        share = _check.positive("share", _check.number("share", share))
        late = np.flatnonzero(self.distance >= share * self.distance[0])
        if len(late) and late[-1] == len(self.distance) - 1:
            return None
        return int(late[-1]) + 1 if len(late) else 0


def separation(net: Reservoir, u: Any, v: Any) -> Any:
    r"""Return how far apart what the read-out sees of two inputs is, over time.

    .. math:: d(t) = | x_u(t) - x_v(t) |

    Parameters
    ----------
    net : Reservoir
        Nothing in it is changed.
    u, v : array or list
        Inputs of one shape, ``(time, num_in)`` or ``(pairs, time, num_in)``, or lists of pairs of
        one length.

    Returns
    -------
    np.ndarray or list of np.ndarray
        Euclidean distance after each step, ``(time,)`` or ``(pairs, time)``.

    Raises
    ------
    TypeError, ValueError
        If the network is none, or an input does not fit.

    Notes
    -----
    Source: Maass, Natschlaeger & Markram 2002, figure 2; lecture 4, section 1.5.4, definition 2.
    """
    _require_reservoir(net)
    one, other = _data.sequences(net, u), _data.sequences(net, v)
    if (one.layout, one.xs.shape) != (other.layout, other.xs.shape):
        raise ValueError(f"v must have the shape of u, {np.shape(u)}, got {np.shape(v)}")
    if (one.lengths != other.lengths).any():
        raise ValueError(f"v must have the lengths of u, {one.lengths}, got {other.lengths}")
    first, second = (
        np.asarray(net.features(np.asarray(s.xs), lengths=s.lengths), float) for s in (one, other)
    )
    return one.restore(np.linalg.norm(first - second, axis=-1))


def fading_memory(net: Reservoir, past: Any, x: Any) -> FadingMemory:
    """Measure how long different pasts are told apart under the same input.

    Parameters
    ----------
    net : Reservoir
        Nothing in it is changed.
    past : array
        Inputs that differ, ``(M, time, num_in)`` with M of at least 2; each is compared with the
        next one.
    x : array
        The input after them, ``(T, num_in)``.

    Returns
    -------
    FadingMemory

    Raises
    ------
    TypeError, ValueError
        If the network is none, or an input does not fit.

    Notes
    -----
    Source: Maass, Natschlaeger & Markram 2002; lecture 4, section 1.5.4.
    """
    _require_reservoir(net)
    past, x = _check.real_array("past", past), _check.real_array("x", x)
    if past.ndim != 3 or len(past) < 2 or past.shape[2] != net.num_in:
        raise ValueError(
            f"past must have shape (inputs, time, {net.num_in}) with two inputs at least, "
            f"got {past.shape}"
        )
    if x.ndim != 2 or x.shape[1] != net.num_in:
        raise ValueError(f"x must have shape (time, {net.num_in}), got {x.shape}")
    whole = np.concatenate([past, np.broadcast_to(x, (len(past), *x.shape))], axis=1)
    seen = np.asarray(net.features(whole), float)[:, past.shape[1] - 1 :]
    return FadingMemory(np.linalg.norm(np.diff(seen, axis=0), axis=-1).mean(0))


def _require_reservoir(net: Any) -> None:
    if not isinstance(net, Reservoir):
        raise TypeError(f"net must be a Reservoir, got {type(net).__name__}")
