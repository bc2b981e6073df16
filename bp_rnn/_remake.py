"""Copies and pickles: the constructor is called again, and what changed since is written over."""

import contextlib
import copy
import inspect
import pickle
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import brainpy as bp
import brainpy.math as bm
import jax
import numpy as np

from bp_rnn._pack import is_data, leaves, pack, rename, unpack

#: Modules whose picklers write a function by its code.
BY_VALUE = ("cloudpickle", "dill")


class Recipe(NamedTuple):
    """What an object was made from.

    Attributes
    ----------
    args, options : tuple and dict
        Arguments of the constructor.
    x64 : bool
        Whether numbers had 64 bits.
    dt : float or None
        BrainPy's time step, which is the default of many; None in a thread that has none.
    """

    args: tuple[Any, ...]
    options: dict[str, Any]
    x64: bool
    dt: float | None


class Kept(NamedTuple):
    """What an object holds beside its arguments.

    Attributes
    ----------
    variables : dict
        Every Variable by its relative name, but those of the arguments.
    data : dict
        For the relative name of each object in it, its attributes that are data or generators.
    more : Any
        What :meth:`Remade.more_state` returned.
    """

    variables: dict[str, bm.Variable]
    data: dict[str, dict[str, Any]]
    more: Any


class Remade:
    """Base of all that can be pickled and copied, with the bits of its state.

    BrainPy's Variables, closures and compiled programs can't be pickled. What is written instead
    is the class, the arguments of its constructor, and all attributes that are data; functions
    among the arguments (a ``phi`` of one's own) must be importable, or the pickler one that writes
    code, such as cloudpickle. A name that another object has becomes an automatic one.
    """

    _recipe: Recipe

    def __new__(cls, *args: Any, **options: Any) -> Self:
        made = super().__new__(cls)
        recipe = Recipe(_frozen(args), _frozen(options), x64_is_on(), _time_step())
        object.__setattr__(made, "_recipe", recipe)
        return made

    def more_state(self) -> Any:
        """Return state that is neither in a Variable nor in an attribute that is data, as data."""
        return None

    def take_more_state(self, saved: Any) -> None:
        """Take back what :meth:`more_state` returned."""

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        written = _written(self)
        if not _writes_code():
            _check_arguments(type(self), written[1])
        return remake, written

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return remake(*copy.deepcopy(_written(self), memo))

    def __copy__(self) -> Self:
        return copy.deepcopy(self)  # a shallow one would share half of the Variables


def remake(kind: type, recipe: Recipe, mode: Any, kept: Kept) -> Any:
    """Return the object that was written."""
    args, options = unpack(recipe.args), _with_free_name(unpack(recipe.options))
    for part in leaves((args, options)):
        if isinstance(part, bm.BrainPyObject) and not isinstance(part, Remade):
            rename(part)
    before = [(v, v.value) for v in _held_by((args, options))]
    with _as_then(recipe, mode):
        made = kind(*args, **options)
    for variable, value in before:  # a whole may reset the parts that it is made of
        variable.restore_value(value)
    _take(made, kept)
    return made


def _take(made: Remade, kept: Kept) -> None:
    """Write what the original held."""
    nodes, variables = _nodes(made), _variables(made)
    for name, variable in kept.variables.items():
        if name in variables:
            _overwrite(variables[name], variable)
        else:  # made by the user, later
            path, _, attribute = name.rpartition(".")
            setattr(nodes[path], attribute, variable)
    for path, attributes in kept.data.items():
        for name, value in attributes.items():
            if isinstance(value, bm.random.RandomState) and name in vars(nodes[path]):
                getattr(nodes[path], name).restore_value(value.value)
            else:
                object.__setattr__(nodes[path], name, unpack(value))
    made.take_more_state(unpack(kept.more))


def _written(made: Remade) -> tuple[type, Recipe, Any, Kept]:
    """Return the arguments of :func:`remake`."""
    recipe = made._recipe
    parts = [p for p in leaves((recipe.args, recipe.options)) if isinstance(p, bm.BrainPyObject)]
    theirs = {id(v) for v in _held_by((recipe.args, recipe.options))}
    theirs |= {id(node) for part in parts for node in part.nodes().values()}
    variables = {k: v for k, v in _variables(made).items() if id(v) not in theirs}
    data = {p: _data_of(node) for p, node in _nodes(made).items() if id(node) not in theirs}
    packed = recipe._replace(args=pack(recipe.args), options=pack(recipe.options))
    mode = getattr(made, "mode", None)
    return type(made), packed, mode, Kept(variables, data, pack(made.more_state()))


def _data_of(node: Any) -> dict[str, Any]:
    kept = {}
    for name, value in vars(node).items():
        if isinstance(value, bm.random.RandomState):
            kept[name] = value
        elif name not in ("_name", "_recipe") and is_data(value):
            kept[name] = pack(value)
    return kept


def _held_by(value: Any) -> list[Any]:
    """Return the Variables and random generators of all BrainPy objects in containers."""
    found = {}
    for part in leaves(value):
        if isinstance(part, bm.BrainPyObject) and not isinstance(part, bp.optim.Optimizer):
            held = [*part.vars().values(), *generators(part).values()]
            found.update({id(v): v for v in held})
    return list(found.values())


def generators(system: bm.BrainPyObject) -> dict[str, bm.random.RandomState]:
    """Return every random generator in a system by its relative name, each once."""
    found, seen = {}, set()
    for path, node in system.nodes(method="relative").items():
        for name, value in vars(node).items():
            if isinstance(value, bm.random.RandomState) and id(value) not in seen:
                seen.add(id(value))
                found[f"{path}.{name}" if path else name] = value
    return found


def _nodes(made: Any) -> dict[str, Any]:
    """Return all objects in ``made`` that BrainPy can find, by relative names, each once."""
    if isinstance(made, bm.BrainPyObject):
        return dict(made.nodes(method="relative").unique())
    found = {"": made}
    for name, part in vars(made).items():
        if isinstance(part, bm.BrainPyObject):
            for path, node in part.nodes(method="relative").items():
                if not any(node is other for other in found.values()):
                    found[f"{name}.{path}" if path else name] = node
    return found


def _variables(made: Any) -> dict[str, bm.Variable]:
    """Return all Variables by relative names; those with several names under each."""
    if isinstance(made, bm.BrainPyObject):
        return dict(made.vars(method="relative"))
    found = {}
    for name, part in vars(made).items():
        if isinstance(part, bm.BrainPyObject):
            found.update({f"{name}.{k}": v for k, v in part.vars(method="relative").items()})
    return found


def _overwrite(variable: bm.Variable, other: bm.Variable) -> None:
    variable.restore_value(other.value)  # not .value: batch and patterns may be others in number
    other.became = variable  # for what refers to it, such as a monitor
    box = getattr(other, "box", None)
    if box is not None or hasattr(variable, "box"):
        variable.box = box


def _with_free_name(options: dict[str, Any]) -> dict[str, Any]:
    name = options.get("name")
    if not isinstance(name, str):
        return options
    try:
        bm.BrainPyObject(name=name)  # asks whether it is taken, and is gone at once
    except bp.errors.UniqueNameError:
        return {**options, "name": None}
    return options


@contextlib.contextmanager
def _as_then(recipe: Recipe, mode: Any) -> Iterator[None]:
    """Turn BrainPy's settings to what they were; the global stream of numbers stays as it is."""
    x64 = None if recipe.x64 == x64_is_on() else recipe.x64
    dt = None if recipe.dt == _time_step() else recipe.dt
    stream = bm.random.DEFAULT.value
    try:
        with bm.environment(x64=x64, dt=dt, mode=mode):
            yield
    finally:
        bm.random.DEFAULT.restore_value(stream)


def x64_is_on() -> bool:
    """Return whether numbers have 64 bits."""
    return bool(jax.config.read("jax_enable_x64"))


def _time_step() -> float | None:
    try:
        return float(bm.get_dt())
    except KeyError:
        return None


def _frozen(value: Any) -> Any:
    """Return arguments that the caller can't change any more: containers and arrays are copied."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (list, tuple):
        return type(value)(map(_frozen, value))
    return {k: _frozen(v) for k, v in value.items()} if type(value) is dict else value


def _writes_code() -> bool:
    """Whether a pickler is at work that writes functions by their code."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if any(part in frame.f_globals.get("__name__", "") for part in BY_VALUE):
            return True
    return False


def _check_arguments(kind: type, recipe: Recipe) -> None:
    names = list(inspect.signature(kind).parameters)[: len(recipe.args)]
    for name, value in [*zip(names, recipe.args, strict=False), *recipe.options.items()]:
        for part in leaves(value):
            if not (isinstance(part, Remade) or is_data(part)):
                _check_argument(f"{name} of {kind.__name__}", part)


def _check_argument(what: str, value: Any) -> None:
    try:
        pickle.dumps(value)
    except Exception as error:
        raise pickle.PicklingError(
            f"{what} can't be pickled: {value!r} must be a function that can be imported by its "
            "name, or be made of such; or use cloudpickle, copy.deepcopy, or state_dict "
            f"({error})"
        ) from None
