import collections
import importlib.metadata
import itertools
import os
import pathlib

os.environ.setdefault("MPLBACKEND", "Agg")
# most of the time goes into compiling small programs; must be set before jax is imported
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
if importlib.metadata.version("jaxlib").startswith("0.10."):  # XLA ends at a flag it has no more
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

import brainpy as bp
import brainpy.math as bm
import jax
import pytest

bm.enable_x64()  # importing brainpy turns x64 off, even under JAX_ENABLE_X64=1

MAPS = pathlib.Path("/proc/self/maps")
#: Of the 65530 that Linux gives a process; XLA crashes where it gets no more.
MOST_MAPS = 20_000
count = itertools.count(1)


def pytest_collection_modifyitems(items):
    """Put the files that take longest first, so that no process is left with them at the end."""
    size = collections.Counter(item.path.name for item in items)

    def order(item):
        name = item.path.name
        return name != "test_tutorials.py", -size[name], name

    items.sort(key=order)


@pytest.fixture(autouse=True)
def _restore_time_step():
    dt = bm.get_dt()
    yield
    bp.share.save(dt=dt)


@pytest.fixture(autouse=True)
def _free_compiled_programs():
    """Forget them where there are many: each takes several memory maps as long as it is kept."""
    yield
    if next(count) % 10 == 0 and MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()


@pytest.fixture
def float32():
    with bm.environment(x64=False):
        yield
