"""The Prometheus metrics of the gateway. No label has an unchecked value of a caller."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import Scope

from api_gateway.http.context import RequestContext
from api_gateway.operations.batch_metrics import BatchJobMetrics
from api_gateway.operations.drills import drill_gauges
from api_gateway.operations.health import ServiceState
from api_gateway.operations.quality import quality_gauges
from api_gateway.routing.target import RoutedRelease, ServingTarget
from platform_core.batch import CheckedJob
from platform_core.contracts.drift_report import DriftReport, DriftVerdict
from platform_core.contracts.drill_report import DrillReport
from platform_core.contracts.environments import Environment
from platform_core.contracts.quality_report import QualityReport
from platform_core.contracts.serving_state import ServingRole

UNMATCHED = "unmatched"
BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)
WORD_BUCKETS = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
# Any other method is counted as `other`: clients can invent methods.
METHODS = frozenset({"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"})


_Answered = tuple[ServingTarget, str, ServingRole, bool]


class GatewayMetrics:
    """The metrics of one gateway, in its own registry."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "gateway_requests",
            "Requests answered.",
            ["method", "route", "use_case", "environment", "status"],
            registry=self._registry,
        )
        self._latency = Histogram(
            "gateway_request_seconds",
            "Time from the first byte of a request to the last byte of its response.",
            ["route", "use_case", "environment"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._answers = Counter(
            "gateway_answers",
            "Records answered, by the release that answered.",
            ["use_case", "environment", "release_id", "role", "degraded"],
            registry=self._registry,
        )
        self._failures = _failures(self._registry)
        self._mirrored, self._dropped = _mirrored(self._registry), _dropped(self._registry)
        self._truncated = Counter(
            "gateway_truncated_fields",
            "Fields of records of which only the start was read.",
            ["use_case", "field"],
            registry=self._registry,
        )
        self._predictions = _predictions(self._registry)
        self._words = _words(self._registry)
        self._labels = _labels(self._registry)
        self._jobs = BatchJobMetrics(self._registry)
        self._unlogged = Counter(
            "gateway_unlogged_answers",
            "Records answered although the inference log could not be written.",
            registry=self._registry,
        )
        self._upload_failures = Counter(
            "gateway_log_upload_failures",
            "Attempts to upload a segment of the inference log that failed.",
            registry=self._registry,
        )
        self._lost = Counter(
            "gateway_log_damaged_records",
            "Records of the inference log dropped because their checksum did not match.",
            registry=self._registry,
        )

        # Looking a child up by its labels costs as much as counting three times.
        self._request_counters: dict[tuple[str, str, str, str, int], tuple[Counter, Histogram]] = {}
        self._answer_counters: dict[_Answered, Counter] = {}
        self._prediction_counters: dict[tuple[str, str, str], Counter] = {}

    def observe_request(
        self, scope: Scope, context: RequestContext, status: int, seconds: float
    ) -> None:
        """Count one request that was answered with `status`."""
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = getattr(scope.get("route"), "path_format", UNMATCHED)
        use_case, environment = context.use_case, context.environment or ""
        key = (method, route, use_case, environment, status)
        counters = self._request_counters.get(key)
        if counters is None:
            counters = self._request_counters[key] = (
                self._requests.labels(*key[:4], str(status)),
                self._latency.labels(route, use_case, environment),
            )
        counters[0].inc()
        counters[1].observe(seconds)

    def count_answers(
        self,
        target: ServingTarget,
        release_id: str,
        role: ServingRole,
        degraded: bool,
        records: int,
    ) -> None:
        """Count `records` answered by one release."""
        known = (target, release_id, role, degraded)
        counter = self._answer_counters.get(known)
        if counter is None:
            labels = (*target, release_id, role, "true" if degraded else "false")
            counter = self._answer_counters[known] = self._answers.labels(*labels)
        counter.inc(records)

    def count_failures(
        self, use_case: str, environment: Environment, role: ServingRole, records: int
    ) -> None:
        """Count `records` that a canary or shadow could not answer."""
        self._failures.labels(use_case, environment, role).inc(records)

    def count_mirrored(self, use_case: str, environment: Environment, records: int) -> None:
        """Count copies of `records` that a shadow answered."""
        self._mirrored.labels(use_case, environment).inc(records)

    def count_dropped(self, use_case: str, environment: Environment) -> None:
        """Count a copy for a shadow that was dropped because the queue was full."""
        self._dropped.labels(use_case, environment).inc()

    def count_predictions(
        self, use_case: str, environment: Environment, predictions: Iterable[str]
    ) -> None:
        """Count records by their predicted class."""
        for prediction in predictions:
            key = (use_case, environment.value, prediction)
            counter = self._prediction_counters.get(key)
            if counter is None:
                counter = self._prediction_counters[key] = self._predictions.labels(*key)
            counter.inc()

    def observe_words(self, use_case: str, texts: Iterable[str | None]) -> None:
        """Count the words of each text."""
        histogram = self._words.labels(use_case)
        for text in texts:
            histogram.observe(len(text.split()) if text else 0)

    def count_truncated(self, use_case: str, fields: Mapping[str, int]) -> None:
        """Count fields that were longer than what is read of them."""
        for field, count in fields.items():
            self._truncated.labels(use_case, field).inc(count)

    def count_labels(self, use_case: str, outcomes: Mapping[str, int]) -> None:
        """Count labels by their outcome."""
        for outcome, count in outcomes.items():
            self._labels.labels(use_case, outcome).inc(count)

    def observe_jobs(self, checked: Sequence[CheckedJob]) -> None:
        """Count the batch jobs that have ended, and keep the state of the others."""
        self._jobs.observe(checked)

    def count_unlogged(self, records: int) -> None:
        """Count `records` answered without a record in the inference log."""
        self._unlogged.inc(records)

    def count_upload_failure(self) -> None:
        """Count a failed attempt to upload a segment."""
        self._upload_failures.inc()

    def count_damaged(self, records: int) -> None:
        """Count `records` that were dropped from a segment."""
        self._lost.inc(records)

    def watch(
        self,
        backlog: Callable[[], tuple[int, int]],
        reports: Callable[[], Iterable[DriftReport]],
        quality: Callable[[], Iterable[QualityReport]],
        drill: Callable[[], DrillReport | None],
        services: Callable[[], Mapping[RoutedRelease, ServiceState]],
    ) -> None:
        """Read the spool's backlog (segments, bytes), the drift and quality reports, that of the
        last drill, and the state of the inference services at every scrape.
        """
        self._registry.register(_ScrapedValues(backlog, reports, quality, drill, services))

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)


def _failures(registry: CollectorRegistry) -> Counter:
    return Counter(
        "gateway_candidate_failures",
        "Records that a canary or shadow could not answer, by its role.",
        ["use_case", "environment", "role"],
        registry=registry,
    )


def _mirrored(registry: CollectorRegistry) -> Counter:
    return Counter(
        "gateway_shadow_answers",
        "Copies of records that a shadow answered.",
        ["use_case", "environment"],
        registry=registry,
    )


def _dropped(registry: CollectorRegistry) -> Counter:
    return Counter(
        "gateway_shadow_dropped",
        "Copies of records that were not sent to a shadow, because the queue was full.",
        ["use_case", "environment"],
        registry=registry,
    )


def _predictions(registry: CollectorRegistry) -> Counter:
    return Counter(
        "gateway_predictions",
        "Records answered, by the predicted class.",
        ["use_case", "environment", "prediction"],
        registry=registry,
    )


def _words(registry: CollectorRegistry) -> Histogram:
    return Histogram(
        "gateway_input_words",
        "Length of the texts of records in words, of use cases that are about texts.",
        ["use_case"],
        buckets=WORD_BUCKETS,
        registry=registry,
    )


def _labels(registry: CollectorRegistry) -> Counter:
    return Counter(
        "gateway_labels",
        "Labels received, by outcome: accepted, pending, unchanged, replaced or rejected.",
        ["use_case", "outcome"],
        registry=registry,
    )


class _ScrapedValues(Collector):
    """Values that are read at each scrape. A value that a report lacks has no sample: never 0."""

    def __init__(
        self,
        backlog: Callable[[], tuple[int, int]],
        reports: Callable[[], Iterable[DriftReport]],
        quality: Callable[[], Iterable[QualityReport]],
        drill: Callable[[], DrillReport | None],
        services: Callable[[], Mapping[RoutedRelease, ServiceState]],
    ) -> None:
        self._backlog = backlog
        self._reports = reports
        self._quality = quality
        self._drill = drill
        self._services = services

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the current values."""
        segments, size = self._backlog()
        yield GaugeMetricFamily(
            "gateway_log_backlog_segments", "Segments not in the blob store yet.", segments
        )
        yield GaugeMetricFamily(
            "gateway_log_backlog_bytes", "Bytes not in the blob store yet.", size
        )
        yield from _drift(list(self._reports()))
        yield from quality_gauges(self._quality())
        yield from drill_gauges(self._drill())
        serves = GaugeMetricFamily(
            "gateway_serves_ledger_release",
            "1 if the inference service of a role has the release that the ledger names.",
            labels=["use_case", "environment", "role"],
        )
        for release, state in self._services().items():
            serves.add_metric([*release.target, release.role], float(state.healthy))
        yield serves


def _drift(reports: list[DriftReport]) -> Iterable[GaugeMetricFamily]:
    labels = ["use_case", "environment"]
    psi = GaugeMetricFamily(
        "gateway_drift_psi", "PSI of a column in the latest report.", labels=[*labels, "column"]
    )
    score = GaugeMetricFamily(
        "gateway_drift_score",
        "Score of the latest report: its largest PSI or Jensen-Shannon distance.",
        labels=labels,
    )
    verdict = GaugeMetricFamily(
        "gateway_drift_verdict", "1 for the latest report's verdict.", labels=[*labels, "verdict"]
    )
    end = GaugeMetricFamily(
        "gateway_drift_report_end_seconds", "Unix time the latest report's window ended.",
        labels=labels,
    )  # fmt: skip
    harmful = GaugeMetricFamily(
        "gateway_drift_harmful", "1 if the latest report is harmful, 0 if it is not; no sample if "
        "that is unknown.", labels=labels,
    )  # fmt: skip
    for report in reports:
        values = [report.use_case, report.environment.value]
        if report.harmful is not None:
            harmful.add_metric(values, float(report.harmful))
        for column in report.columns:
            if column.psi is not None:
                psi.add_metric([*values, column.column], column.psi)
        if report.score is not None:
            score.add_metric(values, report.score)
        for known in DriftVerdict:
            verdict.add_metric([*values, known.value], float(known is report.verdict))
        end.add_metric(values, report.end.timestamp())
    return psi, score, verdict, harmful, end
