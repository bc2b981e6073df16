"""Data to learn: pure functions of a key."""

from bp_rnn.tasks._trials import Trials as Trials
from bp_rnn.tasks.add import add as add
from bp_rnn.tasks.copy import copy as copy
from bp_rnn.tasks.delayed_match import delayed_match as delayed_match
from bp_rnn.tasks.delays import delays as delays
from bp_rnn.tasks.digits import digits as digits
from bp_rnn.tasks.flip_flop import flip_flop as flip_flop
from bp_rnn.tasks.homework import homework as homework
from bp_rnn.tasks.integrate import integrate as integrate
from bp_rnn.tasks.lorenz import lorenz as lorenz
from bp_rnn.tasks.mackey_glass import mackey_glass as mackey_glass
from bp_rnn.tasks.narma import narma as narma
from bp_rnn.tasks.sine import sine as sine
from bp_rnn.tasks.spike_templates import (
    SpikeTrains as SpikeTrains,
    spike_templates as spike_templates,
    spike_xor as spike_xor,
)
from bp_rnn.tasks.vowels import Utterances as Utterances, vowels as vowels

__all__ = [
    "SpikeTrains",
    "Trials",
    "Utterances",
    "add",
    "copy",
    "delayed_match",
    "delays",
    "digits",
    "flip_flop",
    "homework",
    "integrate",
    "lorenz",
    "mackey_glass",
    "narma",
    "sine",
    "spike_templates",
    "spike_xor",
    "vowels",
]
