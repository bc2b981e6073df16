"""What a cell draws from its key, and how it takes another one."""

import inspect

import brainpy.math as bm

from bp_rnn import _check
from bp_rnn._draw import follows_key, key_of
from bp_rnn._state import System
from bp_rnn.cells._parameter import Initializer, initial
from bp_rnn.typing import Array


class Drawn(System):
    """A system with initial values that a key decides; :class:`Cell` says which."""

    has_key: bool
    _key: Array
    _start: Array

    @property
    def key(self) -> Array:
        """The key of this cell."""
        return self._key

    def key_of(self, name: str) -> Array:
        """Return the JAX key that belongs to ``name``: another one for each parameter."""
        return key_of(self._key, name)

    def rekey(self, key: Array | int) -> None:
        """Take another key, and draw from it what was drawn from the old one.

        What was given as numbers, comes from an initialiser with a seed of its own, or is no
        longer what was drawn, because it was learnt, written or constrained, stays.
        """
        old, new = self._key, _check.as_key(key)
        for name, init in self._drawn.items():
            self._key = old
            if not self.is_drawn(name):
                continue
            self._key = new
            if name == "init_state":
                self._start = self._initial(name, init, self._start.shape)
            else:
                variable = getattr(self, name)
                variable.value = self._initial(name, init, variable.shape)
        self._key = new
        if _takes_key(type(self)):  # copies are made with the arguments of this object
            self._recipe = self._recipe._replace(options={**self._recipe.options, "key": key})

    def is_drawn(self, name: str) -> bool:
        """Return whether a parameter has the value that was drawn for it from the key."""
        if name not in self._drawn or hasattr(getattr(self, name, None), "box"):
            return False
        value = self._start if name == "init_state" else getattr(self, name).value
        drawn = self._initial(name, self._drawn[name], value.shape)
        return drawn.dtype == value.dtype and bool((drawn == value).all())

    def is_default(self, name: str) -> bool:
        """Return whether a parameter has the value that is drawn where none was asked for."""
        return name in self._drawn and self._drawn[name] is None and self.is_drawn(name)

    def _parameter(
        self, name: str, init: Initializer | None, shape: tuple[int, ...]
    ) -> bm.TrainVar:
        if init is None or follows_key(init):
            self._drawn[name] = init
        return bm.TrainVar(self._initial(name, init, shape))

    def _initial(self, name: str, init: Initializer | None, shape: tuple[int, ...]) -> Array:
        """Return the initial value of a parameter; the same for each call with the same key."""
        return initial(name, init, shape, self.key_of(name))

    def _set_key(self, key: Array | int | None) -> None:
        self.has_key = key is not None
        self._key = _check.known_key(type(self).__name__, 0 if key is None else key)
        self._drawn: dict[str, Initializer | None] = {}


def _takes_key(kind: type) -> bool:
    known = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    return "key" in known or any(p.kind is p.VAR_KEYWORD for p in known.values())
