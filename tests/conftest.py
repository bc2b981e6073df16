import os

os.environ.setdefault("MPLBACKEND", "Agg")
# most of the time goes into compiling small programs; must be set before jax is imported
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import brainpy as bp
import brainpy.math as bm
import pytest

bm.enable_x64()  # importing brainpy turns x64 off, even under JAX_ENABLE_X64=1


@pytest.fixture(autouse=True)
def _restore_time_step():
    dt = bm.get_dt()
    yield
    bp.share.save(dt=dt)


@pytest.fixture
def float32():
    with bm.environment(x64=False):
        yield
