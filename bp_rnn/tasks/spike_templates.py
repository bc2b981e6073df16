"""Spike trains that are jittered copies of a few templates."""

from typing import NamedTuple

import numpy as np

from bp_rnn import _check
from bp_rnn.tasks._host import generator, positive
from bp_rnn.typing import Array


class SpikeTrains(NamedTuple):
    """Spike trains and the template that each is a copy of.

    Attributes
    ----------
    x : np.ndarray
        Spikes in each step, ``(num_sample, time, num_channel)``: zeros and ones, and more where
        spikes fall together.
    y : np.ndarray
        Labels ``(num_sample,)``.
    templates : np.ndarray
        The same without jitter, ``(num_class, time, num_channel)``.
    """

    x: np.ndarray
    y: np.ndarray
    templates: np.ndarray


def spike_templates(
    key: Array | int = 0,
    *,
    num_sample: int = 200,
    num_class: int = 2,
    num_channel: int = 4,
    duration: float = 250.0,
    rate: float = 20.0,
    jitter: float = 4.0,
    dt: float = 1.0,
) -> SpikeTrains:
    """Return spike trains to be told apart by the times of their spikes.

    A template has in each channel the same number of spikes, at random times, so that rates tell
    nothing. In a copy each spike is moved by a normal random time; at the ends it stays within.

    Parameters
    ----------
    key : int or JAX key
        Seed of templates and copies.
    num_sample, num_class, num_channel : int
        Copies, templates, and spike trains of each; each template has its share of the copies.
    duration : float
        In ms.
    rate : float
        Spikes of a channel in Hz.
    jitter : float
        Standard deviation of the moves in ms, not negative.
    dt : float
        Time step in ms.

    Returns
    -------
    SpikeTrains

    Raises
    ------
    TypeError, ValueError
        If a value does not fit, or a channel would have no spike.

    Notes
    -----
    Source: Maass, Natschlaeger & Markram 2002, whose templates are Poisson trains.
    """
    num_sample = _check.integer("num_sample", num_sample, 1)
    num_class = _check.integer("num_class", num_class, 1)
    num_channel = _check.integer("num_channel", num_channel, 1)
    jitter = _check.not_negative("jitter", _check.number("jitter", jitter))
    num_spike = _num_spike(duration, rate, dt)
    rng = generator(key)
    times = rng.uniform(0, duration, (num_class, num_spike, num_channel))
    y = rng.permutation(np.arange(num_sample) % num_class)
    moved = times[y] + jitter * rng.normal(size=(num_sample, num_spike, num_channel))
    return SpikeTrains(_bins(moved, duration, dt), y, _bins(times, duration, dt))


def spike_xor(
    key: Array | int = 0,
    *,
    num_sample: int = 400,
    num_channel: int = 4,
    duration: float = 250.0,
    rate: float = 20.0,
    jitter: float = 4.0,
    dt: float = 1.0,
) -> SpikeTrains:
    """Return spike trains whose label needs both halves of the channels: their exclusive or.

    The first half of the channels has one of two templates, and so has the other half, at the same
    time and independently; copies are made as in :func:`spike_templates`. The label is one if the
    one half has its first and the other its second template. Each half alone tells nothing, and a
    linear read-out of linearly filtered spikes gets at most three of the four pairs right.

    Parameters
    ----------
    key : int or JAX key
        Seed of templates and copies.
    num_sample : int
        Copies. Each four in a row hold each pair once, in random order.
    num_channel : int
        Spike trains, at least 2.
    duration, rate, jitter, dt : float
        As for :func:`spike_templates`.

    Returns
    -------
    SpikeTrains
        ``y`` is 0 or 1; ``templates`` are the four pairs, ``(4, time, num_channel)``, with the
        labels 0, 1, 1, 0.

    Raises
    ------
    TypeError, ValueError
        If a value does not fit, or a channel would have no spike.
    """
    num_sample = _check.integer("num_sample", num_sample, 1)
    num_channel = _check.integer("num_channel", num_channel, 2)
    jitter = _check.not_negative("jitter", _check.number("jitter", jitter))
    num_spike = _num_spike(duration, rate, dt)
    rng = generator(key)
    one, two = rng.uniform(0, duration, (2, num_spike, num_channel))
    half = np.arange(num_channel) < num_channel // 2
    times = np.stack([one, np.where(half, one, two), np.where(half, two, one), two])
    rounds = np.tile(np.arange(4), (-(-num_sample // 4), 1))
    pair = rng.permuted(rounds, axis=1).ravel()[:num_sample]
    moved = times[pair] + jitter * rng.normal(size=(num_sample, num_spike, num_channel))
    y = np.array([0, 1, 1, 0])[pair]
    return SpikeTrains(_bins(moved, duration, dt), y, _bins(times, duration, dt))


def _num_spike(duration: float, rate: float, dt: float) -> int:
    """Return the number of spikes of a channel."""
    duration, rate, dt = positive("duration", duration), positive("rate", rate), positive("dt", dt)
    num_spike = round(rate * duration / 1000)
    if num_spike < 1 or round(duration / dt) < 1:
        raise ValueError(
            f"duration must be enough for a spike at rate={rate} and a step of dt={dt}, "
            f"got {duration}"
        )
    return num_spike


def _bins(times: np.ndarray, duration: float, dt: float) -> np.ndarray:
    """Return the number of spikes in each step."""
    num_step = round(duration / dt)
    step = np.clip(np.floor(times / dt).astype(int), 0, num_step - 1)
    found = np.zeros((len(times), num_step, times.shape[2]))
    sample, _, channel = np.indices(times.shape)
    np.add.at(found, (sample, step, channel), 1)
    return found
