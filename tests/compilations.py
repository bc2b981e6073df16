"""How many programs XLA compiles."""

import contextlib

import jax


@contextlib.contextmanager
def counted():
    """Yield a list that grows by the seconds of each compilation."""
    seconds = []

    def listen(event, duration, **_):
        if event.endswith("backend_compile_duration"):
            seconds.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield seconds
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
