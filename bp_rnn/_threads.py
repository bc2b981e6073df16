"""BrainPy's settings in threads.

A workaround for BrainPy 2.8.2, whose settings (mode, dt, float type) belong to the thread that
imported it: in any other thread ``bm.get_mode()`` is a KeyError, and so is making or fitting a
network; brainstate 0.5 has the precision of its random numbers there. With this module imported, a
new thread reads the settings of the thread that imported this package, as they are at the time of
reading; what it sets itself is its own.
"""

import collections
from typing import Any

from brainpy.math.defaults import env as brainpy_settings
from brainstate import environ
from brainstate.environ import EnvironmentState


def _inherit(state: EnvironmentState) -> None:
    """Give the settings of this thread to threads that have none of their own."""
    settings = state.settings

    class Inherited(EnvironmentState):
        # threading.local calls it anew in each thread
        def __init__(self) -> None:
            super().__init__()
            self.settings: Any = collections.ChainMap({}, settings)

    state.__class__ = Inherited


_inherit(brainpy_settings)
_inherit(environ._ENV_STATE)
