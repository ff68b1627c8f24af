"""Alerts on a report: log lines, a webhook and retraining requests."""

import logging
from dataclasses import dataclass

import httpx

from drift_detector.log import LOGGER
from platform_core.contracts.drift_report import DriftReport, DriftVerdict, RetrainRequest
from platform_core.contracts.environments import Environment
from platform_core.errors import BlobExists
from platform_core.hashing import sha256_json
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import retrain_request_path, webhook_path

ALERTING = frozenset({DriftVerdict.WARNING, DriftVerdict.DRIFT})
ID_CHARACTERS = 32
_log = logging.getLogger(LOGGER)


@dataclass(frozen=True)
class RetrainPolicy:
    """The environments whose drift requests retraining; none if `on_drift` is false."""

    on_drift: bool
    environments: frozenset[Environment]


def request_retraining(
    store: BlobStore, policy: RetrainPolicy, report: DriftReport, active: str | None
) -> str | None:
    """Request retraining if the policy says so; return the id of the request.

    There is at most one request per release and day, because another run on the same day would
    train on the same data. A release that the environment no longer serves (`active` is another
    one) causes none.
    """
    requested = (
        policy.on_drift
        and report.verdict is DriftVerdict.DRIFT
        and report.environment in policy.environments
        and report.release_id is not None
        and active in {None, report.release_id}
    )
    if not requested or report.release_id is None:
        return None
    request = RetrainRequest(
        request_id=_request_id(report),
        use_case=report.use_case,
        environment=report.environment,
        release_id=report.release_id,
        reason=f"drift: {', '.join(report.alarms)}",
        report_id=report.report_id,
        created_at=report.created_at,
        verdict=report.verdict,
        metric="" if report.score is None else f"largest PSI {report.score:.3f}",
    )
    data = request.model_dump_json(indent=1).encode()
    try:
        store.create(retrain_request_path(request.request_id), data)
    except BlobExists:
        _log.info("retraining was already requested", extra={"fields": _fields(report)})
    return request.request_id


def log_alarms(report: DriftReport) -> None:
    """Log all alarms of a report in one line."""
    if report.alarms:
        _log.warning("drift alarm", extra={"fields": _fields(report)})


@dataclass(frozen=True)
class Webhook:
    """POSTs a JSON object per report and verdict to `url`; `timeout` in seconds."""

    store: BlobStore
    url: str
    timeout: float

    def send(self, report: DriftReport) -> None:
        """Send a warning or drift to the receiver.

        The delivery is recorded afterwards: if the process dies in between, the message is sent
        twice. A failed delivery is logged, and repeated when the window is measured again.
        """
        marker = webhook_path(report.report_id, report.verdict)
        if report.verdict not in ALERTING or self.store.exists(marker):
            return
        message = {"event": "drift", "text": summary(report), **_fields(report)}
        try:
            response = httpx.post(self.url, json=message, timeout=self.timeout)
            response.raise_for_status()
        except httpx.HTTPError as error:
            fields = {**_fields(report), "error": str(error) or type(error).__name__}
            _log.error("the drift webhook was not delivered", extra={"fields": fields})
            return
        self.store.write(marker, report.created_at.isoformat().encode())


def summary(report: DriftReport) -> str:
    """Return a report as one sentence."""
    score = "no score" if report.score is None else f"largest PSI {report.score:.3f}"
    alarms = f"; {', '.join(report.alarms)}" if report.alarms else ""
    detail = f"; {report.detail}" if report.detail else ""
    return (
        f"{report.use_case} {report.environment} {report.start:%Y-%m-%dT%H:%M}Z to "
        f"{report.end:%Y-%m-%dT%H:%M}Z, release {report.release_id or 'none'}: {report.verdict} "
        f"({report.rows} rows, {score}{alarms}{detail})"
    )


def _request_id(report: DriftReport) -> str:
    key = [report.use_case, report.environment, report.release_id, f"{report.end:%Y-%m-%d}"]
    return sha256_json(["retrain", *key])[:ID_CHARACTERS]


def _fields(report: DriftReport) -> dict[str, object]:
    names = {"report_id", "use_case", "environment", "release_id", "start", "end", "rows"}
    names |= {"verdict", "score", "alarms", "retrain_request", "detail"}
    return report.model_dump(mode="json", include=names)
