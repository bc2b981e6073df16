"""Whether a cell is what :class:`Cell` asks for, found without computing anything."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bp_rnn.cells._base import Cell


def probe(cell: Cell) -> None:
    """Refuse a cell whose functions do not go together.

    Raises
    ------
    TypeError, ValueError
        If a parameter is missing, or ``step``, ``initial_state``, ``hidden`` or ``output`` fails
        or returns another shape or type than it has to; the message has the name and what is
        expected.
    """
    kind = type(cell).__name__
    if "z" not in vars(cell):
        raise TypeError(f"{kind} must call super().__init__(num_in, num, ...) in its __init__")
    try:
        found = cell.params()
    except AttributeError as error:
        names = [k for k in cell.param_names + cell.readout_names if not hasattr(cell, k)]
        raise ValueError(
            f"{kind} has no parameters {names}, which its param_names promise; add_parameter makes "
            "one"
        ) from error
    dtype = cell.state.dtype
    params = {k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in found.items()}
    state = jax.ShapeDtypeStruct((cell.size,), dtype)
    x = jax.ShapeDtypeStruct((cell.num_in,), dtype)
    if cell.causal:  # the others have no step
        _require(cell, "step", (params, state, x), (cell.size,))
    _require(cell, "initial_state", (params,), (cell.size,))
    # where the output is fed back, the step reads the read-out too
    seen = params["w_out"].shape[1:] if "w_out" in params else (cell.num_out,)
    _require(cell, "hidden", (params, state), seen)
    _require(cell, "output", (params, state), (cell.num_out,))


def _require(cell: Cell, name: str, args: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    what, dtype = f"{name} of {type(cell).__name__}", cell.state.dtype
    given = ", ".join(f"{k} {_told(v)}" for k, v in zip(("state", "x"), args[1:], strict=False))
    given = f" for {given}" if given else ""
    try:
        found = jax.eval_shape(getattr(cell, name), *args)
    except KeyError as error:
        if error.args and error.args[0] in args[0]:
            raise
        raise ValueError(
            f"{what} reads params[{error.args[0]!r}], but the parameters are {sorted(args[0])}; "
            f"add_parameter({error.args[0]!r}, ...) makes one"
        ) from error
    except Exception as error:
        raise ValueError(
            f"{what} fails{given}: {type(error).__name__}: "
            f"{str(error).strip().partition(chr(10))[0]}"
        ) from error
    if not isinstance(found, jax.ShapeDtypeStruct):
        raise TypeError(
            f"{what} must return a JAX array (bm.as_jax makes one), got {type(found).__name__}"
        )
    if found.shape != shape:
        raise ValueError(f"{what} must return shape {shape}{given}, got {found.shape}")
    if found.dtype != dtype:
        cast = "; .astype(state.dtype) casts" if jnp.issubdtype(found.dtype, jnp.number) else ""
        raise TypeError(f"{what} must return {dtype}{given}, got {found.dtype}{cast}")


def _told(value: Any) -> str:
    return f"{np.dtype(value.dtype).name}{tuple(value.shape)}"
