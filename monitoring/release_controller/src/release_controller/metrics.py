"""Prometheus metrics of the release controller."""

from prometheus_client import Counter, Gauge, Histogram

CHANGES = Counter(
    "release_controller_changes",
    "Changes that have ended.",
    ["action", "status"],
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
