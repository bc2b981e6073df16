"""The lecture's homework from start to finish: train an RNN to generate a sequence."""

import argparse
from pathlib import Path
from typing import Any, NoReturn

import brainpy as bp
import jax.numpy as jnp
import matplotlib
import numpy as np

from bp_rnn import _check, plot
from bp_rnn.cells import RateRNN
from bp_rnn.gradients import GradientAlgorithm, check_gradient
from bp_rnn.lecture import RNN
from bp_rnn.tasks import homework
from bp_rnn.train import OfflineTrainer

DESCRIPTION = """\
Train a recurrent network to generate a sequence: the lecture's homework.

The data are the lecture's: T = 10 steps, input x ~ N(0, 0.1), target y = exp(linspace(1, 0, T))
+ N(0, 0.1). One unit is the lecture's linear network dr/dt = -r + w r + b + x, started at w = b = 1
and r_0 = y_0; more units are tanh units with an input and an output matrix. The gradient is
checked against autodiff, and a picture of the sequence before and after training is written.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        _check.integer("--epochs", options.epochs, 0)
        _check.positive("--lr", options.lr)
        _check.integer("--units", options.units, 1)
        _check_folder(options.out)
        run(options)
    except (ValueError, FloatingPointError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    return 0


def run(options: argparse.Namespace) -> None:
    """Train, report and draw."""
    x, y = homework(options.seed)
    trainer = build(options)
    untrained = trainer.predict(x, init_state=_first(trainer, y))
    before = _loss(untrained, y)
    print(f"{options.units} unit(s), {options.method}, {options.epochs} epochs, lr {options.lr}")
    _report_gradient(trainer, x, y)
    trainer.fit((x, y), num_epoch=options.epochs)
    trained = trainer.predict(x, init_state=_first(trainer, y))
    print(f"loss before {before:.4f}, after {_loss(trained, y):.4f}")
    draw(options, x, y, untrained, trained, trainer.train_losses)


def build(options: argparse.Namespace) -> OfflineTrainer:
    """Return the trainer of the lecture's network, or of one with more units."""
    optimizer = bp.optim.SGD(lr=options.lr)
    if options.units == 1:
        target: Any = RateRNN(None, 1, phi="identity", w=1.0, b=1.0)
        start: Any = "target"
        if options.method == "rtrl":
            target = RNN()
    else:
        target = RateRNN(1, options.units, num_out=1, key=options.seed)
        start = None
    return OfflineTrainer(
        target, optimizer=optimizer, loss="l2_loss", method=options.method, init_state=start
    )


def draw(
    options: argparse.Namespace, x: Any, y: Any, untrained: Any, trained: Any, losses: Any
) -> None:
    """Write the picture: input, target with the outputs before and after, loss curve."""
    if not options.show:
        matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
    axes[0].plot(np.asarray(x))
    axes[0].set(title="input x", xlabel="time step")
    plot.plot_sequence(y, ax=axes[1], before=untrained, after=trained)
    axes[1].set_title("sequence")
    plot.plot_losses(losses, ax=axes[2])
    axes[2].set_title("training loss")
    figure.savefig(options.out, dpi=120)
    print(f"picture written to {options.out}")
    if options.show:
        plt.show()
    plt.close(figure)


def _report_gradient(trainer: OfflineTrainer, x: Any, y: Any) -> None:
    net: GradientAlgorithm = trainer.net
    state = jnp.broadcast_to(jnp.asarray(_first(trainer, y)), (1, net.cell.size))
    check = check_gradient(net, state, x[None, :, None], y[None, :, None], trainer.loss)
    error = max(check.relative_error.values())
    print(f"gradient against autodiff: relative error {error:.1e}, cosine {check.cosine:.6f}")


def _first(trainer: OfflineTrainer, y: Any) -> Any:
    cell = trainer.net.cell
    return y[:1] if trainer.init_state == "target" else cell.initial_state(cell.params())


def _loss(output: Any, y: Any) -> float:
    return float(np.mean((np.asarray(output)[:, 0] - np.asarray(y)) ** 2) / 2)


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise ValueError(f"--out must lie in an existing folder, got {path}")
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise ValueError(f"--out must end with .png, .pdf or .svg, got {path}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, without the usage."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m bp_rnn",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--method", choices=["rtrl", "bptt"], default="rtrl", help="gradient (default rtrl)")
    add("--epochs", type=int, default=1000, help="passes over the sequence (default 1000)")
    add("--lr", type=float, default=0.1, help="learning rate of SGD (default 0.1, the lecture's)")
    add("--units", type=int, default=1, help="number of units (default 1, the lecture's)")
    add("--seed", type=int, default=0, help="seed of data and weights (default 0)")
    add("--out", type=Path, default=Path("sequence.png"), help="picture (default sequence.png)")
    add("--show", action="store_true", help="also open the picture in a window")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
