"""Data to learn: pure functions of a key."""

from bp_rnn.tasks._trials import Trials as Trials
from bp_rnn.tasks.add import add as add
from bp_rnn.tasks.copy import copy as copy
from bp_rnn.tasks.delayed_match import delayed_match as delayed_match
from bp_rnn.tasks.digits import digits as digits
from bp_rnn.tasks.flip_flop import flip_flop as flip_flop
from bp_rnn.tasks.homework import homework as homework
from bp_rnn.tasks.integrate import integrate as integrate

__all__ = ["Trials", "add", "copy", "delayed_match", "digits", "flip_flop", "homework", "integrate"]
