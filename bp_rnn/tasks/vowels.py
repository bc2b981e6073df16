"""Spoken sounds of several speakers, generated."""

from typing import NamedTuple

import numpy as np

from bp_rnn import _check
from bp_rnn.tasks._host import generator
from bp_rnn.typing import Array

#: Shortest and longest sequence.
SHORT, LONG = 7, 29


class Utterances(NamedTuple):
    """Sequences of different lengths and who speaks.

    Attributes
    ----------
    x : np.ndarray
        ``(num_sample, 29, num_feature)``, zero behind the end.
    y : np.ndarray
        Labels ``(num_sample,)``.
    lengths : np.ndarray
        Steps of each sequence, ``(num_sample,)``, from 7 to 29.
    """

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray


def vowels(
    key: Array | int = 0,
    *,
    num_sample: int = 270,
    num_speaker: int = 9,
    num_feature: int = 12,
    noise: float = 0.3,
) -> Utterances:
    r"""Return a classification task in the shape of the Japanese Vowels data set.

    A speaker is a path through the space of features, the same sound spoken by all with a
    deviation of each speaker's own. An utterance goes through it at its own pace and for its own
    time, with a colouring that stays and noise that does not.

    Parameters
    ----------
    key : int or JAX key
        Seed of the utterances; the speakers are always the same.
    num_sample, num_speaker, num_feature : int
        Sequences, classes, and features of a step; each class has its share.
    noise : float
        Standard deviation of the noise, not negative; the speakers' is 0.15.

    Returns
    -------
    Utterances

    Notes
    -----
    The data set is that of Kudo, Toyama & Shimbo 1999; only its sizes are taken from it.
    """
    num_sample = _check.integer("num_sample", num_sample, 1)
    num_speaker = _check.integer("num_speaker", num_speaker, 2)
    num_feature = _check.integer("num_feature", num_feature, 1)
    noise = _check.not_negative("noise", _check.number("noise", noise))
    speakers = np.random.default_rng(1)
    sound = speakers.normal(size=(1, 4, num_feature))
    own = 0.15 * speakers.normal(size=(num_speaker, 4, num_feature))
    rng = generator(key)
    y = rng.permutation(np.arange(num_sample) % num_speaker)
    lengths = rng.integers(SHORT, LONG + 1, num_sample)
    pace = rng.uniform(0.7, 1.4, num_sample)
    x = np.zeros((num_sample, LONG, num_feature))
    for i, (speaker, length) in enumerate(zip(y, lengths, strict=True)):
        time = np.linspace(0, 1, length) ** pace[i]
        basis = np.cos(np.pi * np.arange(4) * time[:, None])
        colour = 0.5 * noise * rng.normal(size=num_feature)
        clean = basis @ (sound[0] + own[speaker])
        x[i, :length] = clean + colour + noise * rng.normal(size=clean.shape)
    return Utterances(x, y, lengths)
