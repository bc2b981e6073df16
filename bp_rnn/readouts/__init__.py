"""Linear read-outs and how they are learnt."""

from bp_rnn.readouts._base import Readout as Readout
from bp_rnn.readouts._factor import RidgePath as RidgePath, Solution as Solution
from bp_rnn.readouts.lms import LMS as LMS
from bp_rnn.readouts.ridge import Ridge as Ridge
from bp_rnn.readouts.rls import RLS as RLS
from bp_rnn.readouts.softmax import Softmax as Softmax

__all__ = ["LMS", "RLS", "Readout", "Ridge", "RidgePath", "Softmax", "Solution"]
