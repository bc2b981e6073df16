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
    method : {'bptt', 'rtrl'}
        How a cell's gradient is computed; ``'bptt'`` by default.
    init_state : array or 'target', optional
        State before the first step, ``(S,)`` or ``(batch, S)``; ``'target'`` is the lecture's
        :math:`r_0 = y_0`. The cell's own (zeros) by default.
    clip_norm : float, optional
        Largest global norm of a gradient; a longer one is scaled down to it.
    monitors : sequence or mapping, optional
        As DSRunner takes them; :meth:`predict` records them in ``mon``.
    progress_bar : bool
        Show a bar with the current loss.
    key : int or JAX key
        Seed of the order of minibatches.

    Attributes
    ----------
    net : GradientAlgorithm
        The network with its algorithm.
    train_losses : numpy.ndarray
        Loss of every epoch so far.
    mon : DotDict
        What :meth:`predict` recorded.

    Raises
    ------
    ValueError, TypeError
        For an unknown method or loss, a target without parameters, or another argument that is
        none of the above.
    """

    method = "bptt"
