"""What every system is: a state under relative names, loaded whole or not at all; and copies."""

from collections.abc import Mapping
from typing import Any

import brainpy as bp
import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn import _pack
from bp_rnn._remake import Remade, generators, x64_is_on
from bp_rnn.functional.constraint import Box


class State(dict[str, Any]):
    """The state of a system: arrays by relative name, such as ``w`` or ``cell.w``.

    Asked for the name of the system it answers with itself, as the nested state of BrainPy's own
    systems does.
    """

    def __init__(self, name: str, entries: Mapping[str, Any]) -> None:
        super().__init__(entries)
        self._owner = name

    def __missing__(self, key: str) -> dict[str, Any]:
        if key != self._owner:
            raise KeyError(key)
        return dict(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return State, (self._owner, dict(self))


jax.tree_util.register_pytree_with_keys(
    State,
    lambda s: ([(jax.tree_util.DictKey(k), s[k]) for k in sorted(s)], (s._owner, sorted(s))),
    lambda aux, values: State(aux[0], dict(zip(aux[1], values, strict=True))),
)


Holder = bm.Variable | bm.random.RandomState


class System(Remade, bp.DynamicalSystem):
    """Base of all systems: BrainPy's, with a state that is complete, and with copies.

    The names in the state are relative, so that it goes into any system of the same structure.
    """

    def state_dict(self) -> State:  # type: ignore[override]
        """Return everything that changes, as a dict of arrays by relative name.

        It holds every Variable (parameters, state, traces, patterns), the random generators, what
        else was learnt, and which connections were drawn where zeros are not stored. Write it
        with ``bp.checkpoints.save_pytree``.
        """
        found = {name: _value(holder) for name, holder in self._holders().items()}
        return State(self.name, found | self.drawn_here() | self.extra_state())

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Take what :meth:`state_dict` of a system of the same structure returned.

        In a batching mode the batch may be another one. BrainPy's nested form, the name of this
        system with a dict of its Variables, is taken too.

        Raises
        ------
        TypeError, ValueError
            If a name is missing or unknown, a shape or type differs, a value breaks a constraint,
            or the state belongs to other random connections; the message names what is wrong, and
            nothing is changed then.
        """
        given = _relative(self.name, saved)
        holders, drawn = self._holders(), self.drawn_here()
        known = [*holders, *drawn]
        entries = {name: as_array(name, given[name]) for name in known if name in given}
        free = self.free_shapes(entries)
        troubles = [f"{name} is missing" for name in known if name not in given]
        for name, value in entries.items():
            if name in drawn:
                trouble = _other(drawn[name], value)
            else:
                trouble = _unfit(holders[name], value, free.get(name))
            troubles += [f"{name} {trouble}"] if trouble else []
        troubles += _batches(holders, entries)
        refuse(f"state of {type(self).__name__}", troubles)
        extra = self.check_extra_state({k: v for k, v in given.items() if k not in entries})
        for name, holder in holders.items():
            _write(holder, entries[name])
        self.take_extra_state(extra)

    def check_precision(self) -> None:
        """Refuse to compute in another precision than the one this system was built in.

        Raises
        ------
        ValueError
            If x64 has been turned on or off since.
        """
        built = self._recipe.x64
        if built != x64_is_on():
            was, now = ("double", "off") if built else ("single", "on")
            raise ValueError(
                f"{self.name} was built in {was} precision, but x64 is {now} now: build it "
                f"anew, or use it inside 'with bm.environment(x64={built}):'"
            )

    def free_shapes(self, saved: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        """Return the shapes of entries that need not have the present ones."""
        return {}

    def drawn(self) -> dict[str, Any]:
        """Return the random constants that a state belongs to, as arrays by name."""
        return {}

    def extra_state(self) -> dict[str, Any]:
        """Return what changes and is no Variable, as arrays by name; nothing by default."""
        return {}

    def check_extra_state(self, saved: dict[str, Any]) -> Any:
        """Return what :meth:`take_extra_state` takes, or raise a ``ValueError``; no writing."""
        refuse(f"state of {type(self).__name__}", [f"{name} is unknown" for name in saved])

    def take_extra_state(self, saved: Any) -> None:
        """Take back what :meth:`extra_state` returned."""

    def _holders(self) -> dict[str, Holder]:
        """Return every Variable and random generator by its relative name, each once."""
        return {**self.vars(method="relative").unique(), **generators(self)}

    def drawn_here(self) -> dict[str, np.ndarray]:
        """Return :meth:`drawn` of this system and all in it, by relative names."""
        nodes = self.nodes(method="relative").unique().items()
        return {
            f"{path}.{name}" if path else name: np.asarray(value)
            for path, node in nodes
            if isinstance(node, System)
            for name, value in node.drawn().items()
        }


def as_array(name: str, value: Any) -> np.ndarray:
    """Return a saved value as a NumPy array.

    Raises
    ------
    TypeError
        If it holds anything but numbers.
    """
    array = np.asarray(bm.as_jax(value) if isinstance(value, bm.Variable) else value)
    if array.dtype.hasobject or array.dtype.kind in "US":
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__}")
    return array


def shaped(
    what: str,
    saved: Mapping[str, Any],
    needed: Mapping[str, tuple[int, ...]],
    possible: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, np.ndarray]:
    """Return saved entries as arrays, of these names and shapes.

    Raises
    ------
    TypeError, ValueError
        If a needed one is missing, one is neither needed nor possible, or a shape differs.
    """
    shapes = {**needed, **(possible or {})}
    entries = {name: as_array(name, value) for name, value in saved.items()}
    troubles = [f"{name} is missing" for name in needed if name not in entries]
    troubles += [f"{name} is unknown" for name in entries if name not in shapes]
    for name, value in entries.items():
        if name in shapes and value.shape != shapes[name]:
            troubles.append(f"{name} must have shape {shapes[name]}, got {value.shape}")
    refuse(what, troubles)
    return entries


def refuse(what: str, troubles: list[str]) -> None:
    """Raise a ``ValueError`` if there are troubles."""
    if troubles:
        shown = "; ".join(sorted(troubles)[:8]) + ("; ..." if len(troubles) > 8 else "")
        raise ValueError(f"{what} does not fit, and nothing is loaded: {shown}")


def _relative(name: str, saved: Any) -> Mapping[str, Any]:
    """Return a state by relative names, also of BrainPy's nested form."""
    if not isinstance(saved, Mapping):
        raise TypeError(f"saved must be a dict of arrays, got {type(saved).__name__}")
    if list(saved) != [name] or not isinstance(saved[name], Mapping):
        return saved
    return {key.removeprefix(name + "."): value for key, value in saved[name].items()}


def _value(holder: Holder) -> jax.Array:
    if isinstance(holder, bm.Variable):
        return holder.value
    return jax.random.key_data(holder.value)


def _write(holder: Holder, value: np.ndarray) -> None:
    if isinstance(holder, bm.Variable):
        holder.restore_value(_pack.as_jax(value))  # not .value: a batch may be another one
    else:
        holder.restore_value(key_like(holder.value, value))


def key_like(key: jax.Array, data: Any) -> jax.Array:
    """Return the JAX key of raw ``data``, of the kind of another one."""
    return jax.random.wrap_key_data(jnp.asarray(data), impl=jax.random.key_impl(key))


def _unfit(holder: Holder, given: np.ndarray, free: tuple[int, ...] | None) -> str | None:
    """Return how a value differs in type or shape from what is there, or is not allowed."""
    mine, axis = _value(holder), getattr(holder, "batch_axis", None)
    want = tuple(mine.shape) if free is None else free
    same = given.shape == want
    if axis is not None and given.ndim == len(want):
        same = np.delete(given.shape, axis).tolist() == np.delete(want, axis).tolist()
    if not same or mine.dtype != given.dtype:
        return f"must be {mine.dtype}{want}, got {given.dtype}{given.shape}"
    return _not_allowed(getattr(holder, "box", None), given)


def _not_allowed(box: Box | None, value: np.ndarray) -> str | None:
    """Return where a value breaks the constraints of its parameter."""
    if box is None:
        return None
    bad = ~((value >= np.asarray(box.low)) & (value <= np.asarray(box.high)))  # NaN too
    if not bad.any():
        return None
    where = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"must obey its constraints, got {value[where]} at index {where}"


def _other(mine: np.ndarray, given: np.ndarray) -> str | None:
    if mine.shape == given.shape and (mine == given).all():
        return None
    return "is drawn otherwise here: make this network with the key and options of the saved one"


def _batches(holders: Mapping[str, Holder], saved: dict[str, np.ndarray]) -> list[str]:
    """Return a trouble if Variables would have different batches."""
    sizes = set()
    for name, value in saved.items():
        axis = getattr(holders.get(name), "batch_axis", None)
        if axis is not None and value.ndim > axis:
            sizes.add(value.shape[axis])
    return [f"batch must be one, got {sorted(sizes)}"] if len(sizes) > 1 else []
