"""Data to learn: pure functions of a key."""

from bp_rnn.tasks.homework import homework as homework

__all__ = ["homework"]
