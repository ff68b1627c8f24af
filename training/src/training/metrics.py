"""Prometheus metrics of the scheduler."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "training_retraining_requests",
    "Retraining requests by how their run ended; `postponed` ones are retried.",
    ["use_case", "status"],
)
RUN_SECONDS = Histogram(
    "training_retraining_seconds",
    "Time from taking a retraining request to the end of its run.",
    ["use_case"],
    buckets=(10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 28_800),
)
RUNNING = Gauge("training_retraining_running", "Retraining requests that are processed now.")
LAST_LOOK = Gauge(
    "training_last_look_timestamp_seconds",
    "When the scheduler last looked for retraining requests and had processed those it found.",
)
DONE, FAILED, UNCHANGED, POSTPONED = "done", "failed", "unchanged", "postponed"


def begin_counting(use_cases: Iterable[str]) -> None:
    """Export the requests of each use case from 0 on: the first failure is an increase then."""
    for name in use_cases:
        for status in (DONE, FAILED, UNCHANGED, POSTPONED):
            REQUESTS.labels(name, status)


@contextmanager
def processing(use_case: str) -> Iterator[None]:
    """Measure how long a request is processed."""
    with RUNNING.track_inprogress(), RUN_SECONDS.labels(use_case).time():
        yield
