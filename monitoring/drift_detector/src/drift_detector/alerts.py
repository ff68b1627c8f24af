"""Alerts on a report: log lines, a webhook and retraining requests."""

import logging
from dataclasses import dataclass
from typing import Literal

import httpx

from drift_detector.log import LOGGER
from platform_core.contracts.drift_report import (
    DriftReport,
    DriftScore,
    DriftVerdict,
    RetrainRequest,
)
from platform_core.contracts.environments import Environment
from platform_core.errors import BlobExists
from platform_core.hashing import sha256_json
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import retrain_request_path, webhook_path

ALERTING = frozenset({DriftVerdict.WARNING, DriftVerdict.DRIFT})
SCORE_TITLES: dict[DriftScore, str] = {"psi": "PSI", "jensen_shannon": "Jensen-Shannon distance"}
ID_CHARACTERS = 32
_log = logging.getLogger(LOGGER)


@dataclass(frozen=True)
class RetrainPolicy:
    """The statement that requests retraining, and the environments in which it does.

    `drift` includes harm: a harmful window has not always drifted.
    """

    on: Literal["drift", "harm", "never"]
    environments: frozenset[Environment]

    def applies(self, report: DriftReport) -> bool:
        """Say whether a report's statements request retraining."""
        stated = {
            "drift": report.drifted or report.harmful,
            "harm": report.harmful,
            "never": False,
        }
        return bool(stated[self.on]) and report.environment in self.environments


def request_retraining(
    store: BlobStore, policy: RetrainPolicy, report: DriftReport, active: str | None
) -> str | None:
    """Request retraining if the policy says so; return the id of the request.

    There is at most one request per release and day, because another run on the same day would
    train on the same data. A release that the environment no longer serves (`active` is another
    one) causes none.
    """
    requested = (
        policy.applies(report)
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
        reason=f"{statement(report)}: {', '.join(report.alarms)}",
        report_id=report.report_id,
        created_at=report.created_at,
        verdict=report.verdict,
        metric="; ".join(report.harm) or _score(report),
    )
    data = request.model_dump_json(indent=1).encode()
    try:
        store.create(retrain_request_path(request.request_id), data)
    except BlobExists:
        _log.info("retraining was already requested", extra={"fields": _fields(report)})
    return request.request_id


def statement(report: DriftReport) -> str:
    """Return `harm` for a harmful report, otherwise `drift`."""
    return "harm" if report.harmful else "drift"


def log_alarms(report: DriftReport) -> None:
    """Log all alarms of a report in one line: an error if it is harmful."""
    if report.alarms:
        level = logging.ERROR if report.harmful else logging.WARNING
        _log.log(level, "%s alarm", statement(report), extra={"fields": _fields(report)})


@dataclass(frozen=True)
class Webhook:
    """POSTs a JSON object per report and verdict to `url`; `timeout` in seconds.

    Its `event` is `harm`, which should page someone, or `drift`, which explains it.
    """

    store: BlobStore
    url: str
    timeout: float

    def send(self, report: DriftReport) -> None:
        """Send harm, drift or a warning to the receiver.

        The delivery is recorded afterwards: if the process dies in between, the message is sent
        twice. A failed delivery is logged, and repeated when the window is measured again.
        """
        sent = "harmful" if report.harmful else report.verdict.value
        marker = webhook_path(report.report_id, sent)
        silent = report.verdict not in ALERTING and not report.harmful
        if silent or self.store.exists(marker):
            return
        message = {"event": statement(report), "text": summary(report), **_fields(report)}
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
    harm = ", harmful" if report.harmful else ""
    alarms = f"; {', '.join((*report.alarms, *report.harm))}" if report.alarms else ""
    detail = f"; {report.detail}" if report.detail else ""
    return (
        f"{report.use_case} {report.environment} {report.start:%Y-%m-%dT%H:%M}Z to "
        f"{report.end:%Y-%m-%dT%H:%M}Z, release {report.release_id or 'none'}: "
        f"{report.verdict}{harm} ({report.rows} rows, {_score(report) or 'no score'}"
        f"{alarms}{detail})"
    )


def _score(report: DriftReport) -> str:
    title = SCORE_TITLES[report.score_name]
    return "" if report.score is None else f"largest {title} {report.score:.3f}"


def _request_id(report: DriftReport) -> str:
    key = [report.use_case, report.environment, report.release_id, f"{report.end:%Y-%m-%d}"]
    return sha256_json(["retrain", *key])[:ID_CHARACTERS]


def _fields(report: DriftReport) -> dict[str, object]:
    names = {"report_id", "use_case", "environment", "release_id", "start", "end", "rows"}
    names |= {
        "verdict",
        "drifted",
        "harmful",
        "harm",
        "score",
        "alarms",
        "retrain_request",
        "detail",
    }
    return report.model_dump(mode="json", include=names)
