"""The echo state network."""

from collections.abc import Callable
from typing import Any, Unpack

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse

from bp_rnn import _check
from bp_rnn.cells._base import CellOptions
from bp_rnn.cells._parameter import resolve_phi
from bp_rnn.reservoir._base import Reservoir
from bp_rnn.reservoir._redraw import redraw
from bp_rnn.reservoir._scale import (
    dense,
    inputs,
    readout_options,
    recurrent,
    refuse_beside,
    scaled,
    share,
)
from bp_rnn.reservoir._topology import Recurrent, own
from bp_rnn.typing import Array, Params

#: Inputs from which the drive of all steps is computed at once.
WIDE = 16


class ESN(Reservoir):
    r"""Echo state network: a leaky network whose read-out alone is fitted.

    .. math::

        h_t = (1 - a) h_{t-1} + a\, \phi(W h_{t-1} + W_{in} x_t + W_{fb} z_{t-1} + b), \qquad
        z_t = W_{out} f_t + b_{out}

    with features :math:`f_t = h_t`, or with the input and the squares of both beside it.

    Parameters
    ----------
    num_in : int
        Features of the input.
    num : int
        Units, N.
    leak : float
        a, above 0 and at most 1.
    phi : str or callable
        As for :class:`RateRNN`.
    topology : str, optional
        ``'dense'``, the default; ``'sparse'``, as many random sources for every unit;
        ``'diagonals'``, random cyclic diagonals, the fastest of the sparse ones; ``'ring'``;
        ``'delay_line'``; ``'orthogonal'``.
    density : float, optional
        Share of the connections that there are, above 0 and at most 1: by default one for a dense
        matrix and 0.01 for ``'sparse'`` and ``'diagonals'``, which store no zeros.
    distribution : str, optional
        Of the weights of W, before scaling: ``'uniform'`` between -1 and 1, the default, or
        ``'normal'``.
    spectral_radius : float, optional
        What W is scaled to, 0.9 by default. Ring and delay line have it as their one weight.
        A matrix of one's own, ``w``, is scaled only if this or ``spectral_norm`` is given.
    spectral_norm : float, optional
        What W is scaled to instead: below one, the network has the echo state property.
    input_distribution : str, optional
        Of :math:`W_{in}`, ``'uniform'``, the default, or ``'normal'``.
    input_scaling : float or array, optional
        Largest size of :math:`W_{in}`, 1 by default (its deviation, if normal, so that the input is
        :math:`\sqrt 3` times as large); a number or ``(num_in,)``.
    input_norm : float, optional
        Spectral norm of :math:`W_{in}` instead.
    input_density : float, optional
        Share of the connections from the input, all by default.
    bias_scaling : float, optional
        Largest size of b, 0 by default.
    feedback_scaling : float, optional
        Largest size of :math:`W_{fb}`; without it and ``w_fb`` there is no feedback.
    input_features, squares : bool
        Whether the read-out sees the input, and the squares of all else that it sees.
    w : float, array, SciPy sparse matrix or callable, optional
        Initialiser of W as BrainPy takes them, ``(num, num)``, or ``(num, k)`` where ``topology``
        says which sources they come from. Of a sparse matrix or array, in any format, the zeros are
        not stored if there are many.
    w_in, b, w_fb : float, array, SciPy sparse matrix or callable, optional
        Initialisers, used as they are.
    **options
        Those of :class:`Cell` (``num_out``, ``b_out``, ``key``, ``mode``, ...). ``w_out`` is zero
        before :meth:`fit`.

    Attributes
    ----------
    h : bm.Variable
        ``(num,)`` or ``(batch, num)``; the same Variable as ``state`` but with ``input_features``,
        where the state is ``[h, x]``.
    w : bm.TrainVar
        ``(num, num)``; ``(num, k)`` where zeros are not stored. :meth:`matrix` gives W.
    w_in, b, w_fb : bm.TrainVar
        ``(num, num_in)``, ``(num,)`` and ``(num, num_out)``.

    Raises
    ------
    TypeError, ValueError
        For a size below one, ``leak`` or a density outside (0, 1], an unknown name, a negative
        scaling, a matrix that can't be scaled because its spectral radius is zero, or options
        without effect beside others, such as ``input_scaling`` beside ``w_in``.

    Notes
    -----
    The same ``key`` gives the same network in single and in double precision. A state in single
    precision ends after seven digits, however the read-out is fitted: a small input beside a large
    bias, and the last digits of a long free run, need ``bm.enable_x64()``. Which connections a
    sparse one has is no Variable: a saved state goes into a network made with the same key alone.
    Sources: Jaeger 2001; Jaeger & Haas 2004; Lukosevicius 2012; Rodan & Tino 2011; lecture 4,
    sections 3.5.1 to 3.5.3.
    """

    h: bm.Variable
    w: bm.TrainVar
    w_in: bm.TrainVar
    b: bm.TrainVar
    w_fb: bm.TrainVar

    def __init__(
        self,
        num_in: int,
        num: int,
        *,
        leak: float = 1.0,
        phi: str | Callable[[Array], Any] = "tanh",
        topology: str | None = None,
        density: float | None = None,
        distribution: str | None = None,
        spectral_radius: float | None = None,
        spectral_norm: float | None = None,
        input_distribution: str | None = None,
        input_scaling: Any = None,
        input_norm: float | None = None,
        input_density: float | None = None,
        bias_scaling: float | None = None,
        feedback_scaling: float | None = None,
        input_features: bool = False,
        squares: bool = False,
        w: Any = None,
        w_in: Any = None,
        b: Any = None,
        w_fb: Any = None,
        **options: Unpack[CellOptions],
    ) -> None:
        num_in, num = _check.integer("num_in", num_in, 1), _check.integer("num", num, 1)
        leak = share("leak", leak)
        readout_options(options, "an ESN")
        plain = not (input_features or squares)
        seen = (num + num_in * bool(input_features)) * (1 + bool(squares))
        super().__init__(
            num_in,
            num,
            size=num + num_in * bool(input_features),
            num_hidden=None if plain else seen,
            **options,
        )
        self.leak, self.phi = leak, resolve_phi(phi)
        self.input_features, self.squares = bool(input_features), bool(squares)
        has_feedback = feedback_scaling is not None or w_fb is not None
        self.rowwise = not (self.input_features or has_feedback)
        self._add_recurrent(w, spectral_radius, spectral_norm, topology, density, distribution)
        self._add_drive(
            "w_in",
            w_in,
            (num, num_in),
            input_scaling=input_scaling,
            input_distribution=input_distribution,
            input_norm=input_norm,
            input_density=input_density,
        )
        no_bias = 0.0 if b is None else None
        self._add_drive(
            "b", b, (num,), bias_scaling=no_bias if bias_scaling is None else bias_scaling
        )
        if has_feedback:
            self._add_feedback(feedback_scaling, w_fb)
        if self.input_features:
            self.add_view("h")
        else:
            self.h = self.state

    def step(self, params: Params, state: Array, x: Array) -> Array:
        """Return ``(1 - leak) h + leak phi(W h + W_in x + W_fb z + b)``, and x if it is kept."""
        prepared, h = self.product.prepare(params["w"]), state[: self.num]
        fed = self.output(params, state) if self.has_feedback else None
        h = self._advance(params, prepared, h, params["w_in"] @ x, fed)
        return jnp.concatenate([h, x]) if self.input_features else h

    def rollout(self, params: Params, state: Array, xs: Any) -> tuple[Array, Array]:
        """Return the last state and all states of one sample."""
        if self.has_feedback:
            return super().rollout(params, state, xs)
        return self._driven(params, state, xs, None)

    def teach(self, params: Params, state: Array, xs: Array, fed: Array) -> tuple[Array, Array]:
        """Return the last and all states of one sample with ``fed (T, num_out)`` fed back."""
        return self._driven(params, state, xs, fed)

    def hidden(self, params: Params, state: Array) -> Array:  # noqa: ARG002
        """Return the features: the state, and its squares if they are seen."""
        return jnp.concatenate([state, state**2]) if self.squares else state

    def output(self, params: Params, state: Array) -> Array:
        """Return ``W_out f + b_out``, or the features without a read-out."""
        f = self.hidden(params, state)
        if "w_out" not in params:
            return f
        z = params["w_out"] @ f
        return z + params["b_out"] if "b_out" in params else z

    def views(self, params: Params, state: Array) -> dict[str, Array]:  # noqa: ARG002
        """Return ``h``."""
        return {"h": state[: self.num]}

    def rekey(self, key: Array | int) -> None:
        """Take another key; where W was drawn, it is drawn anew with its connections."""
        redraw(self, key, ("product",))
        super().rekey(key)

    def matrix(self) -> Any:
        """Return W ``(num, num)``: a NumPy array, or SciPy's where zeros are not stored."""
        return self.product.matrix(np.asarray(self.w.value))

    def drawn(self) -> dict[str, Any]:
        """Return which connections there are, where zeros are not stored."""
        return self.product.connections()

    def _add_recurrent(
        self,
        w: Any,
        radius: float | None,
        norm: float | None,
        topology: str | None,
        density: float | None,
        distribution: str | None,
    ) -> None:
        """Make W: as drawn and scaled, or as given, which is scaled where that is asked for."""
        if radius is not None and norm is not None:
            raise ValueError(
                f"spectral_radius must be None with spectral_norm={norm}, got {radius}"
            )
        if scipy.sparse.issparse(w):
            refuse_beside(
                "a sparse matrix w",
                {"topology": topology, "density": density, "distribution": distribution},
            )
            found = own(w, self.num)
        else:
            if w is not None:
                refuse_beside("w", {"distribution": distribution})
                if topology in (None, "dense"):
                    refuse_beside("w", {"density": density})
            found = recurrent(
                self.key_of("w"),
                self.num,
                topology=topology,
                density=density,
                distribution=distribution,
            )
        self.product = found.product
        is_own, is_scaled = w is not None, radius is not None or norm is not None
        if is_scaled or not is_own:
            if is_own and not scipy.sparse.issparse(w):
                given = self._parameter("w", w, found.w.shape).value
                found = Recurrent(found.product, np.asarray(given, float))
            found = scaled(found, radius, norm)
            w = found.w
        self.add_parameter("w", found.w if scipy.sparse.issparse(w) else w, found.w.shape)

    def _add_drive(self, name: str, given: Any, shape: tuple[int, ...], **options: Any) -> None:
        """Make what drives the units from outside: as drawn and scaled, or as given."""
        if given is not None:
            refuse_beside(name, options)
            self.add_parameter(name, dense(given), shape)
            return
        scaling = next(k for k in options if k.endswith("_scaling"))
        rest = {k.removeprefix("input_"): v for k, v in options.items() if k != scaling}
        drawn = inputs(self.key_of(name), shape, name=scaling, scaling=options[scaling], **rest)
        self.add_parameter(name, drawn, shape)

    def _add_feedback(self, scaling: float | None, w_fb: Any) -> None:
        if not self.readout_names:
            raise ValueError("feedback_scaling needs num_out, got None")
        self._add_drive("w_fb", w_fb, (self.num, self.num_out), feedback_scaling=scaling)
        # the step reads the read-out too
        self.param_names, self.readout_names = self.param_names + self.readout_names, ()
        self.has_feedback = True

    def _advance(
        self, params: Params, prepared: Array, h: Array, drive: Array, fed: Array | None
    ) -> Array:
        """Return the units after a step, from ``W_in x`` and from what is fed back."""
        total = self.product.apply(prepared, h) + drive + params["b"]
        s = self.phi(total if fed is None else total + params["w_fb"] @ fed)
        return s if self.leak == 1 else (1 - self.leak) * h + self.leak * s

    def _driven(
        self, params: Params, state: Array, xs: Array, fed: Array | None
    ) -> tuple[Array, Array]:
        """Return the last and all states of one sample, none of whose outputs is fed back."""
        prepared, w_in = self.product.prepare(params["w"]), params["w_in"]
        # with few inputs, computing W_in x again is faster than reading it from memory
        is_wide = self.num_in >= WIDE

        def body(h: Array, now: tuple[Array, Array | None]) -> tuple[Array, Array]:
            x, z = now
            h = self._advance(params, prepared, h, x if is_wide else w_in @ x, z)
            return h, h

        seen = xs @ w_in.T if is_wide else xs
        _, hs = jax.lax.scan(body, state[: self.num], (seen, fed))
        states = jnp.concatenate([hs, xs], axis=1) if self.input_features else hs
        return states[-1], states
