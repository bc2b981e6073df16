"""Compiled programs, kept by the structure of what they were made from.

Two networks of one class, one size and the same constants need one program: their parameters and
states are its arguments. A fingerprint tells whether two objects are alike in this sense. It reads
every attribute, so that a constant that is changed later (``cell.tau = 2.0``) gives another
program, never the old numbers.
"""

import collections
import functools
import hashlib
import threading
import types
import weakref
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

#: Classes of these packages keep all that their programs depend on in their attributes. Objects of
#: other classes, such as a user's own cell, are alike only to themselves.
KNOWN = ("bp_rnn.", "brainpy.optim.", "brainpy.math.modes")
#: The global variables of their functions never change.
LIBRARIES = ("bp_rnn.", "brainpy.", "jax.", "optax.", "numpy.")
#: What an object was made from; only copies need it.
RECIPE = "_recipe"
#: Attributes that no program depends on: names, how values were drawn at construction, and what is
#: derived from the other attributes. Values of a ``cached_property`` are derived too.
NAMES = {"_name", "_implicit_vars", "_implicit_nodes"}
DRAWN = {"_key", "has_key", "_drawn", RECIPE, "rng"}
#: What a reservoir learnt, and where it stopped.
LEARNT = {"_learner", "_end"}
IGNORED = NAMES | DRAWN | LEARNT | {"_integrate", "_influence", "_views"}
#: Programs kept at most, and bytes of the Variables that they keep alive.
MAX_PROGRAMS, MAX_BYTES = 32, 1 << 28


class Program:
    """A jitted function that one thread at a time may call.

    The lock is for tracing, which puts tracers into the Variables of the objects that the function
    was made from.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self._run = jax.jit(function, **options)
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it, compiled once for each shape of its arguments."""
        with self._lock:
            return self._run(*args, **kwargs)


class Fingerprint:
    """What decides which program an object needs.

    Parameters
    ----------
    *objects
        Networks, optimizers, options: whatever the program is made from.

    Attributes
    ----------
    key : hashable
        Equal for objects that need the same program.
    num_byte : int
        Memory of their Variables.
    alive : list
        Objects of unknown classes, which the key tells apart by their address.
    """

    def __init__(self, *objects: Any) -> None:
        self.num_byte = 0
        self.alive: list[Any] = []
        # the objects are held while they are read, or an address could serve twice
        self._seen: dict[int, tuple[int, Any]] = {}
        self.key = tuple(self._of(value) for value in objects)
        self._seen.clear()

    def _of(self, value: Any) -> Hashable:
        kind: Any = type(value)
        if kind in PLAIN:
            return kind, value
        if kind is float:
            return kind, repr(value)  # NaN is not equal to itself
        if id(value) in self._seen:
            return "seen", self._seen[id(value)][0]
        self._seen[id(value)] = len(self._seen), value
        read: Callable[[Any], Hashable] = getattr(self, _way(kind))
        return read(value)

    def variable(self, value: bm.Variable) -> Hashable:
        """Its value is an argument of the program."""
        self.num_byte += value.nbytes
        return type(value), value.shape, str(value.dtype), value.batch_axis

    def array(self, value: Any) -> Hashable:
        """Its numbers are part of the program."""
        if isinstance(value, jax.core.Tracer) or value.dtype == object:
            return self.itself(value)
        weak = getattr(value, "weak_type", False)
        return type(value), value.shape, str(value.dtype), weak, _digest(value)

    def shape(self, value: jax.ShapeDtypeStruct) -> Hashable:
        """Return what is known of a Variable of a :func:`shell`."""
        return type(value), value.shape, str(value.dtype)

    def mapping(self, value: dict[Any, Any]) -> Hashable:
        """Return entries in their order."""
        return type(value), *map(self._of, value), *map(self._of, value.values())

    def sequence(self, value: Any) -> Hashable:
        """Return entries in their order."""
        return type(value), *map(self._of, value)

    def group(self, value: Any) -> Hashable:
        """Return the entries of a set in an order that does not depend on addresses."""
        return type(value), *map(self._of, sorted(value, key=repr))

    def tree(self, value: Any) -> Hashable:
        """Structures of JAX know what is equal."""
        return value

    def function(self, value: types.FunctionType) -> Hashable:
        """Functions of the same code are alike if what they read from outside is."""
        try:
            closed = [cell.cell_contents for cell in value.__closure__ or ()]
        except ValueError:  # a cell that is still empty
            return self.itself(value)
        read = closed, value.__defaults__, value.__kwdefaults__, _globals(value)
        return "function", value.__module__, value.__code__, *map(self._of, read)

    def method(self, value: types.MethodType) -> Hashable:
        """Return function and object."""
        return "method", self._of(value.__func__), self._of(value.__self__)

    def partial(self, value: functools.partial[Any]) -> Hashable:
        """Return function and arguments."""
        return "partial", *map(self._of, (value.func, value.args, value.keywords))

    def attributes(self, value: Any) -> Hashable:
        """Return what an object of a known class holds."""
        kind: Any = type(value)
        held = vars(value)
        cached = _cached_names(kind)
        names = sorted(k for k in held if k not in IGNORED and k not in cached)
        return kind, tuple(names), *[self._of(held[k]) for k in names]

    def itself(self, value: Any) -> Hashable:
        """Return the address of an object that stays alive."""
        self.alive.append(value)
        return "object", id(value)


#: Types whose values are their own fingerprint.
PLAIN = {type(None), bool, int, complex, str, bytes, type}
#: How instances of a type are read.
WAYS: dict[str, Any] = {
    "variable": bm.Variable,
    "array": (jax.Array, np.ndarray, np.generic),
    "shape": jax.ShapeDtypeStruct,
    "mapping": dict,
    "sequence": (tuple, list),
    "group": (set, frozenset),
    "tree": (jax.tree_util.PyTreeDef, type),
    "function": types.FunctionType,
    "method": types.MethodType,
    "partial": functools.partial,
}


@functools.cache
def _way(kind: type) -> str:
    for way, kinds in WAYS.items():
        if issubclass(kind, kinds):
            return way
    return "attributes" if f"{kind.__module__}.".startswith(KNOWN) else "itself"


@functools.cache
def _cached_names(kind: type) -> set[str]:
    """Return the names of what a class computes once."""
    held = (k for base in kind.__mro__ for k in vars(base).items())
    return {name for name, value in held if isinstance(value, functools.cached_property)}


class _Kept(NamedTuple):
    """A program, what it was made from, and the fingerprint of that at the time."""

    program: Program
    made_from: Any
    fingerprint: Fingerprint

    @property
    def is_valid(self) -> bool:
        """Whether a new trace would still give the same program."""
        return Fingerprint(self.made_from).key == self.fingerprint.key


_programs: collections.OrderedDict[Hashable, _Kept] = collections.OrderedDict()
_lock = threading.Lock()
_digests: dict[int, tuple[weakref.ref[jax.Array], str]] = {}


def find(made_from: Any, make: Callable[[], Program]) -> Program:
    """Return the program of what is alike, or what ``make`` returns.

    Parameters
    ----------
    made_from : object
        All that the program depends on, a tuple or any other object.
    make : callable
        Makes the program, from those objects alone.
    """
    found = Fingerprint(made_from)
    with _lock:
        kept = _programs.get(found.key)
        if kept is None or not kept.is_valid:
            kept = _programs[found.key] = _Kept(make(), made_from, found)
        _programs.move_to_end(found.key)
        while len(_programs) > 1 and (len(_programs) > MAX_PROGRAMS or _num_byte() > MAX_BYTES):
            _programs.popitem(last=False)
        return kept.program


def shell(system: Any) -> Any:
    """Return a copy of ``system`` whose Variables are shapes and types.

    A program made from it keeps no Variable alive; pure methods need no more.
    """
    copy = object.__new__(type(system))
    for name, value in vars(system).items():
        if name == RECIPE:
            continue
        is_variable = isinstance(value, bm.Variable)
        copy.__dict__[name] = (
            jax.ShapeDtypeStruct(value.shape, value.dtype) if is_variable else value
        )
    return copy


def clear() -> None:
    """Forget all programs."""
    with _lock:
        _programs.clear()


def _num_byte() -> int:
    return sum(kept.fingerprint.num_byte for kept in _programs.values())


def _digest(value: Any) -> str:
    """Return a hash of the numbers; that of a JAX array, which can't change, is kept."""
    if not isinstance(value, jax.Array):
        return _hash(value)
    kept = _digests.get(id(value))
    if kept is None or kept[0]() is not value:
        is_key = jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
        data = jax.random.key_data(value) if is_key else value
        kept = weakref.ref(value, functools.partial(_forget, id(value))), _hash(data)
        _digests[id(value)] = kept
    return kept[1]


def _hash(value: Any) -> str:
    return hashlib.sha256(np.asarray(value).tobytes()).hexdigest()


def _forget(place: int, _: Any) -> None:
    _digests.pop(place, None)


def _globals(function: types.FunctionType) -> dict[str, Any]:
    """Return the global variables that a function of the user reads."""
    if f"{function.__module__}.".startswith(LIBRARIES):
        return {}
    codes, names = [function.__code__], set[str]()
    while codes:
        code = codes.pop()
        names.update(code.co_names)
        codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    given = function.__globals__
    return {name: given[name] for name in sorted(names) if name in given}
