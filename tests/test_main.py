import brainpy.math as bm
import jax.numpy as jnp
import matplotlib.axes
import numpy as np
import pytest

import bp_rnn
from bp_rnn.__main__ import main


@pytest.mark.parametrize("options", [[], ["--method", "bptt"], ["--units", "6", "--seed", "2"]])
def test_main_trains_and_draws(tmp_path, capsys, options):
    out = tmp_path / "picture.png"
    assert main(["--epochs", "300", "--out", str(out), *options]) == 0
    said = capsys.readouterr().out
    before, after = _losses(said)
    assert after < 0.2 * before
    error = float(said.split("relative error ")[1].split(",")[0])
    assert error < 1e-10
    assert out.read_bytes()[:4] == b"\x89PNG"


def _losses(said):
    words = said.split("loss before ")[1].split()
    return float(words[0].strip(",")), float(words[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "foo"], "argument --method: invalid choice: 'foo'"),
        (["--epochs", "-1"], "--epochs must be at least 0, got -1"),
        (["--lr", "0"], "--lr must be positive, got 0.0"),
        (["--units", "0"], "--units must be at least 1, got 0"),
        (["--out", "missing/p.png"], "--out must lie in an existing folder"),
        (["--out", "p.txt"], "--out must end with .png, .pdf or .svg, got p.txt"),
        (["--lr", "1e200"], "epoch"),
    ],
)
def test_wrong_options_give_one_line(capsys, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(options)
    said = capsys.readouterr().err.splitlines()[-1]
    assert caught.value.code == 2
    assert message in said
    assert not list(tmp_path.iterdir())


def test_plots_take_and_return_axes():
    import matplotlib.pyplot as plt

    _, (left, right) = plt.subplots(1, 2)
    assert bp_rnn.plot.plot_sequence([1.0, 2.0], ax=left, my_output=[1.0, 1.5]) is left
    assert [t.get_text() for t in left.get_legend().get_texts()] == ["target", "my output"]
    assert bp_rnn.plot.plot_losses([1.0, 0.1], ax=right) is right
    assert right.get_yscale() == "log"
    assert isinstance(bp_rnn.plot.plot_losses([1.0]), matplotlib.axes.Axes)
    plt.close("all")


def test_same_key_same_network():
    one, same, other = (bp_rnn.RateRNN(3, 4, num_out=2, key=k) for k in (1, 1, 2))
    assert all((v == same.params()[k]).all() for k, v in one.params().items())
    assert not (one.w.value == other.w.value).all()
    large = bp_rnn.RateRNN(8, 400)
    assert np.std(large.w.value) == pytest.approx(1 / 20, rel=0.05)
    assert np.std(large.w_in.value) == pytest.approx(8**-0.5, rel=0.05)


def test_rate_equation():
    """A step in the oracle's words: r + dt/tau (-r + phi(W r + W_in x + b))."""
    cell = bp_rnn.RateRNN(3, 4, phi=bm.tanh, tau=2.0, dt=0.3, b=0.2)
    r, x = np.linspace(-1, 1, 4), np.array([0.5, -1.0, 2.0])
    w, w_in = np.asarray(cell.w.value), np.asarray(cell.w_in.value)
    expected = r + 0.3 / 2.0 * (-r + np.tanh(w @ r + w_in @ x + 0.2))
    found = cell.step(cell.params(), jnp.asarray(r), jnp.asarray(x))
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_euler_converges_at_first_order_to_the_linear_solution():
    from scipy.linalg import expm

    errors = []
    for dt in (0.02, 0.01):
        cell = bp_rnn.RateRNN(None, 4, phi="identity", dt=dt, tau=2.0)
        r = jnp.ones(4)
        for _ in range(round(1 / dt)):
            r = cell.step(cell.params(), r, jnp.zeros(4))
        exact = expm((np.asarray(cell.w.value) - np.eye(4)) / 2.0) @ np.ones(4)
        errors.append(np.abs(r - exact).max())
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)
