"""Undoes what Feast does to a whole process when it is imported.

Feast sets PROMETHEUS_MULTIPROCESS_DIR, which makes every Prometheus metric of the process
live in files, and every child process inherit that. MLflow imports Feast too, at its first
request, wherever both are installed. Programs of the platform export metrics of their own.
"""

import os
from importlib.util import find_spec

VARIABLES = ("PROMETHEUS_MULTIPROCESS_DIR", "PROMETHEUS_MULTIPROC_DIR")


def settle_prometheus() -> None:
    """Let the Prometheus client choose, before Feast can, where values live: in memory."""
    if find_spec("prometheus_client") is not None:
        import prometheus_client  # noqa: F401


def import_feast() -> None:
    """Import Feast with no effect on the process; call it before any other import of it."""
    settle_prometheus()
    before = {name: os.environ.get(name) for name in VARIABLES}
    import feast.metrics  # noqa: F401

    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
