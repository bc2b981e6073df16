"""One update a sequence or batch."""

from bp_rnn.train._base import Trainer


class OfflineTrainer(Trainer):
    r"""Train with one update for each batch of whole sequences.

    .. math:: \theta \leftarrow \theta - \eta \frac{d}{d\theta} \frac{1}{BT} \sum_{b,t} l_{bt}

    (that is for gradient descent; ``optimizer`` says what is done with the gradient). All epochs
    run in one compiled program, compiled once for each shape of data.

    Parameters
    ----------
    target : Cell, GradientAlgorithm or bp.DynamicalSystem
        What learns. A cell (or any BrainPy system, through ``from_brainpy``) takes ``method``; an
        algorithm such as ``RTRL(cell)`` is used as it is.
    optimizer : bp.optim.Optimizer or optax transformation
        ``bp.optim.Adam(lr=1e-3)`` by default.
    loss : str or callable
        Name of a loss of ``bp.losses``, or a function of prediction and target at one sample and
        one step; an array is averaged. The lecture's is ``'l2_loss'``, :math:`(r-y)^2/2`.
    method : {'bptt', 'rtrl', 'block_rtrl', 'snap', 'rflo', 'eprop', 'uoro', 'kf_rtrl'}
        How a cell's gradient is computed; ``'bptt'`` by default.
    init_state : array or 'target', optional
        State before the first step, ``(S,)`` or ``(batch, S)``; ``'target'`` is the lecture's
        :math:`r_0 = y_0`. The cell's own by default.
    clip_value, clip_norm : float, optional
        Largest absolute value of an entry of the gradient, and largest norm of all of it
        together (a longer one is scaled to it); where both are given, in this order.
    penalties : sequence
        What is added to the loss: :class:`Omega`, :class:`RateL2`, :class:`WeightL2`, or any
        function ``(params, hidden) -> scalar`` of one step, averaged over the steps.
    monitors : sequence or mapping, optional
        As DSRunner takes them; :meth:`predict` records them in ``mon``.
    progress_bar : bool
        Show a bar with the current loss.
    key : int or JAX key
        Seed of the order of minibatches and of the noise while learning.

    Attributes
    ----------
    net : GradientAlgorithm
        The network with its algorithm.
    train_losses : numpy.ndarray
        Loss of every epoch so far, penalties included.
    mon : DotDict
        What :meth:`predict` recorded.

    Raises
    ------
    ValueError, TypeError
        For an unknown method or loss, a target without parameters, or another argument that is
        none of the above.
    """

    method = "bptt"
