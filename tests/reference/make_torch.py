"""Make torch.npz: one run of torch's LSTM and one of its GRU, with all gradients of a loss.

From the root of a clone, with a Python that has NumPy and torch (the tests read the file and need
no torch):

    python tests/reference/make_torch.py

The stored file was made with torch 2.15.0 on a CPU; its entry ``torch_version`` says so too. Names
of weights are torch's, behind ``lstm.`` or ``gru.``; behind ``lstm.grad.`` or ``gru.grad.`` are
the derivatives of ``loss``. Weights are NumPy's numbers, so another torch changes only last digits.
"""

import pathlib

import numpy as np
import torch

NUM_IN, NUM, BATCH, NUM_STEP = 3, 5, 2, 7


def draw(net, rng):
    """Draw every weight and bias of ``net``, from NumPy because torch's numbers may change."""
    with torch.no_grad():
        for value in net.parameters():
            value.copy_(torch.tensor(rng.normal(scale=0.5, size=tuple(value.shape))))
        if isinstance(net, torch.nn.GRU):
            # b_hn, the bias inside the product with the reset gate: bp_rnn has none
            net.bias_hh_l0[2 * NUM :] = 0
    return net


def run(net, xs, ys, start):
    """Return outputs, last state, loss and its gradients; ``start`` holds h, or h and c."""
    first = tuple(v[None] for v in start.values())  # the leading axis counts layers
    outputs, last = net(xs, first if len(first) == 2 else first[0])
    last = last if len(first) == 2 else (last,)
    loss = (0.5 * (outputs - ys) ** 2).mean()
    weights = dict(net.named_parameters())
    by = {**weights, **start, "xs": xs}
    grads = torch.autograd.grad(loss, list(by.values()))
    return {
        "outputs": outputs,
        "loss": loss,
        **{f"last_{k}": v[0] for k, v in zip(start, last, strict=True)},
        **weights,
        **{f"grad.{k}": v for k, v in zip(by, grads, strict=True)},
    }


def main():
    """Write torch.npz beside this script."""
    torch.set_default_dtype(torch.float64)
    rng = np.random.default_rng(0)
    xs = torch.tensor(rng.normal(size=(BATCH, NUM_STEP, NUM_IN)), requires_grad=True)
    ys = torch.tensor(rng.normal(size=(BATCH, NUM_STEP, NUM)))
    h, c = (torch.tensor(rng.normal(size=(BATCH, NUM)), requires_grad=True) for _ in range(2))
    arrays = {"xs": xs, "ys": ys, "h": h, "c": c}
    for name, make, start in (
        ("lstm", torch.nn.LSTM, {"h": h, "c": c}),
        ("gru", torch.nn.GRU, {"h": h}),
    ):
        net = draw(make(NUM_IN, NUM, batch_first=True), rng)
        arrays |= {f"{name}.{k}": v for k, v in run(net, xs, ys, start).items()}
    path = pathlib.Path(__file__).with_name("torch.npz")
    values = {k: v.detach().numpy() for k, v in arrays.items()}
    np.savez_compressed(path, torch_version=torch.__version__, **values)


if __name__ == "__main__":
    main()
