"""Importing Feast without what that does to a process.

Feast sets PROMETHEUS_MULTIPROCESS_DIR, which makes every Prometheus metric of the process
live in files, and every child process inherit that; programs of the platform export metrics of
their own. And it lets typeguard rewrite its classes, from their source, each time it is
imported: three quarters of the eight seconds that takes. MLflow imports Feast too, as a plugin
at its first request, wherever both are installed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

VARIABLES = ("PROMETHEUS_MULTIPROCESS_DIR", "PROMETHEUS_MULTIPROC_DIR")


def import_feast() -> None:
    """Import Feast, where it is installed, with no effect on the process.

    To be called before any other import of it.
    """
    if find_spec("prometheus_client") is not None:
        # The client chooses, before Feast can, where values live: in memory.
        import prometheus_client  # noqa: F401
    if find_spec("feast") is None:
        return
    before = {name: os.environ.get(name) for name in VARIABLES}
    with _classes_left_as_written():
        import feast.metrics  # noqa: F401

    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)


@contextmanager
def _classes_left_as_written() -> Iterator[None]:
    # What `typechecked` itself does under `python -O`; it has no other switch.
    import typeguard

    def unchanged(target: Any = None, **_: Any) -> Any:
        return target if target is not None else unchanged

    checked = typeguard.typechecked
    typeguard.typechecked = unchanged
    try:
        yield
    finally:
        typeguard.typechecked = checked
