"""The composition root of the drill."""

from collections.abc import Iterator
from contextlib import contextmanager

from cli.drill.loop import DrillLoop
from cli.drill.settings import DrillSettings
from cli.drill.steps import USE_CASE, measure_now, wait_for_monitor
from cli.drill.traffic import DrillTraffic
from platform_core.adapters import connect
from platform_core.clock import SystemClock
from use_cases import use_case


@contextmanager
def open_loop(rows: int, seed: int, measure: bool) -> Iterator[DrillLoop]:
    """Return the loop that the settings describe; `rows` are sent at the start."""
    settings = DrillSettings()
    key = settings.gateway_api_key.get_secret_value()
    traffic = DrillTraffic(use_case(USE_CASE), settings.gateway_url, key, seed)
    store = connect.blob_store(settings)
    measured = measure_now if measure else wait_for_monitor
    try:
        yield DrillLoop(USE_CASE, store, SystemClock(), traffic, rows, measured)
    finally:
        traffic.close()
