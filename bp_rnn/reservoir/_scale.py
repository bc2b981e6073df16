"""The matrices of a reservoir, drawn and scaled in double precision on the host."""

from typing import Any

import jax
import numpy as np
import scipy.sparse

from bp_rnn import _check
from bp_rnn._spectrum import spectral_norm, spectral_radius
from bp_rnn.reservoir._topology import TOPOLOGIES, Draw, Recurrent
from bp_rnn.typing import Array

DISTRIBUTIONS = ("uniform", "normal")
#: Topologies whose weights are not drawn one by one.
FIXED = ("ring", "delay_line", "orthogonal")
#: Share of the connections that there are, where none is asked for.
DENSITY = {"sparse": 0.01, "diagonals": 0.01}
#: Spectral radius where none is asked for.
RADIUS = 0.9


def generator(key: Array) -> np.random.Generator:
    """Return NumPy's generator of a JAX key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))


def drawer(rng: np.random.Generator, distribution: str) -> Draw:
    """Return what draws an array between -1 and 1, or of deviation one."""
    if distribution == "normal":
        return lambda shape: rng.normal(size=shape)
    return lambda shape: rng.uniform(-1, 1, shape)


def refuse_beside(what: str, options: dict[str, Any]) -> None:
    """Refuse options that ``what`` would leave without effect.

    Raises
    ------
    ValueError
        If one of them is given, that is, not None.
    """
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name} has no effect beside {what}; leave it out, got {value}")


def readout_options(options: Any, where: str) -> None:
    """Let a read-out be zero before it is fitted; refuse its weights where there is none.

    Raises
    ------
    ValueError
        If weights are given without ``num_out``.
    """
    if options.get("num_out") is None:
        refuse_beside(
            f"num_out=None, without which {where} has no read-out",
            {k: options.get(k) for k in ("w_out", "b_out")},
        )
    options.setdefault("w_out", 0.0)


def recurrent(
    key: Array,
    num: int,
    *,
    topology: str | None,
    density: float | None,
    distribution: str | None,
) -> Recurrent:
    """Return the recurrent matrix as it is drawn; with fixed values there is nothing to draw."""
    name = _check.choice("topology", "dense" if topology is None else topology, TOPOLOGIES)
    if name in FIXED:
        refuse_beside(f"topology={name!r}", {"density": density, "distribution": distribution})
    density = share("density", DENSITY.get(name, 1.0) if density is None else density)
    draw = _distribution("distribution", distribution)
    rng = generator(key)
    return TOPOLOGIES[name](rng, drawer(rng, draw), num, density)


def scaled(found: Recurrent, radius: float | None, norm: float | None) -> Recurrent:
    """Return a matrix scaled to its spectral radius or norm.

    Raises
    ------
    ValueError
        If the matrix has a spectral radius of zero.
    """
    name = "spectral_radius" if norm is None else "spectral_norm"
    wanted = RADIUS if radius is None and norm is None else radius if norm is None else norm
    wanted = _check.not_negative(name, _check.number(name, wanted))
    if found.is_unit:
        return found._replace(w=wanted * found.w)
    matrix = found.product.matrix(found.w)
    size = spectral_radius(matrix) if norm is None else spectral_norm(matrix)
    if size == 0:
        raise ValueError(
            f"the matrix has a {name} of 0, which can't be scaled; ask for a higher density, or "
            "give a matrix w of your own with cycles"
        )
    return found._replace(w=found.w * (wanted / size))


def inputs(
    key: Array,
    shape: tuple[int, ...],
    *,
    name: str,
    distribution: str | None = None,
    scaling: Any = None,
    norm: float | None = None,
    density: float | None = None,
) -> np.ndarray:
    """Return what drives the units from outside, scaled by its range or by its spectral norm."""
    if norm is not None:
        refuse_beside(f"input_norm={norm}", {name: scaling})
    scaling = 1.0 if scaling is None else scaling
    scale = _check.real_array(name, _check.not_negative(name, scaling))
    if scale.shape not in ((), shape[1:]):
        raise ValueError(f"{name} must be a number or of shape {shape[1:]}, got {scale.shape}")
    density = 1.0 if density is None else share("input_density", density)
    rng = generator(key)
    found = drawer(rng, _distribution("input_distribution", distribution))(shape)
    if density < 1:
        found = found * (rng.random(shape) < density)
    if norm is None:
        return found * scale
    norm = _check.not_negative("input_norm", _check.number("input_norm", norm))
    size = np.linalg.norm(found, 2)
    return found * (norm / size if size > 0 else 0)


def _distribution(name: str, value: str | None) -> str:
    return _check.choice(name, "uniform" if value is None else value, DISTRIBUTIONS)


def dense(given: Any) -> Any:
    """Return an initialiser; a SciPy sparse matrix as an array."""
    return given.toarray() if scipy.sparse.issparse(given) else given


def share(name: str, value: Any) -> float:
    """Return a number above 0 and at most 1."""
    found = _check.positive(name, _check.number(name, value))
    if found > 1:
        raise ValueError(f"{name} must be at most 1, got {value}")
    return found
