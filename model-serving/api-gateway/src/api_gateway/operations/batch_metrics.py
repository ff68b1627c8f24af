"""Batch jobs as Prometheus metrics, from what the supervision of the jobs sees."""

from collections import Counter as Tally
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api_gateway.routing.target import all_targets
from platform_core.batch import CheckedJob, JobStatus

_TARGET = ("use_case", "environment")


class BatchJobMetrics(Collector):
    """Open jobs, and those that have ended, as the gateway that supervised them last saw them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ended = Counter(
            "gateway_batch_ended_jobs",
            "Batch jobs that have ended, by status.",
            [*_TARGET, "status"],
            registry=registry,
        )
        self._rows = Counter(
            "gateway_batch_rows",
            "Rows of batch jobs that have ended, invalid ones included.",
            _TARGET,
            registry=registry,
        )
        self._open: Tally[tuple[str, str, str]] = Tally()
        registry.register(self)

    def observe(self, checked: Sequence[CheckedJob]) -> None:
        """Count the jobs that have ended, and keep the state of the others."""
        for target in all_targets():  # from 0 on, so that the first failure is an increase
            self._ended.labels(*target, JobStatus.FAILED)
        found: Tally[tuple[str, str, str]] = Tally()
        for job, progress in checked:
            if progress.status.final:
                self._ended.labels(job.use_case, job.environment, progress.status).inc()
                self._rows.labels(job.use_case, job.environment).inc(progress.rows_done)
            else:
                found[job.use_case, job.environment, progress.status] += 1
        self._open = found

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the number of open jobs by their state."""
        jobs = GaugeMetricFamily(
            "gateway_batch_open_jobs",
            "Batch jobs that have not ended, by state.",
            labels=[*_TARGET, "status"],
        )
        for labels, count in self._open.items():
            jobs.add_metric(labels, count)
        yield jobs
