"""Undoes what Feast does to a whole process when its metrics module is imported.

Feast sets PROMETHEUS_MULTIPROCESS_DIR, which makes every Prometheus metric of the process
live in files, and every child process inherit that. MLflow imports Feast too, at its first
request, wherever both are installed. Programs of the platform export metrics of their own.
"""

import os
from importlib.util import find_spec

VARIABLES = ("PROMETHEUS_MULTIPROCESS_DIR", "PROMETHEUS_MULTIPROC_DIR")


def contain_feast_metrics() -> None:
    """Import Feast's metrics once, with no effect on the Prometheus client."""
    if find_spec("feast") is None:
        return
    import prometheus_client  # noqa: F401 (before Feast: it chooses where values live)

    before = {name: os.environ.get(name) for name in VARIABLES}
    import feast.metrics  # noqa: F401

    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
