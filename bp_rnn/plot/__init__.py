"""Pictures: functions that take and return matplotlib axes."""

from bp_rnn.plot.sequence import plot_losses as plot_losses, plot_sequence as plot_sequence

__all__ = ["plot_losses", "plot_sequence"]
