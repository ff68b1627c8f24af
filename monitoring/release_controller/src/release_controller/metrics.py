"""Prometheus metrics of the release controller."""

from collections.abc import Iterable, Mapping

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeStatus

CHANGES = Counter(
    "release_controller_changes",
    "Changes that have ended.",
    ["use_case", "environment", "action", "status"],
)
CHANGE_SECONDS = Histogram(
    "release_controller_change_seconds",
    "Time from taking a change to its result.",
    ["action"],
    buckets=(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0),
)
OPEN_CHANGES = Gauge(
    "release_controller_open_changes", "Changes that wait for the controller or are being applied."
)
PROBLEMS = Gauge(
    "release_controller_problems",
    "What differs between the servers and the ledger and could not be repaired.",
    ["use_case", "environment"],
)
REPAIRS = Counter(
    "release_controller_repairs",
    "Repairs of servers that differed from the ledger.",
    ["use_case", "environment"],
)
LAST_STEP = Gauge(
    "release_controller_last_step_timestamp_seconds",
    "When each loop of the controller last completed a step.",
    ["loop"],
)
WAITING_LABELS = ("use_case", "environment", "action", "waiting_for")


class WaitingChanges(Collector):
    """Since when changes wait for approval, or for the controller."""

    def __init__(self) -> None:
        self._oldest: Mapping[tuple[str, ...], float] = {}

    def replace(self, oldest: Mapping[tuple[str, ...], float]) -> None:
        """Replace all values: Unix times by the labels `WAITING_LABELS`."""
        self._oldest = dict(oldest)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the times; nothing waits where there is no sample."""
        family = GaugeMetricFamily(
            "release_controller_oldest_change_timestamp_seconds",
            "When the oldest change that waits for approval, or for the controller, was requested.",
            labels=WAITING_LABELS,
        )
        for labels, time in self._oldest.items():
            family.add_metric(labels, time)
        yield family


WAITING = WaitingChanges()
REGISTRY.register(WAITING)


def begin_counting(use_case: str, environment: Environment) -> None:
    """Export the changes of a place from 0 on: the first one is an increase then."""
    REPAIRS.labels(use_case, environment)
    for action in Action:
        for status in (ChangeStatus.APPLIED, ChangeStatus.FAILED):
            CHANGES.labels(use_case, environment, action, status)
