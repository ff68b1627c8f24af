"""Alerts on a report: log lines and a webhook."""

import logging
from dataclasses import dataclass

import httpx

from drift_detector.log import LOGGER
from platform_core.contracts.drift_report import DriftReport, DriftScore, DriftVerdict
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import webhook_path

ALERTING = frozenset({DriftVerdict.WARNING, DriftVerdict.DRIFT})
SCORE_TITLES: dict[DriftScore, str] = {"psi": "PSI", "jensen_shannon": "Jensen-Shannon distance"}
_log = logging.getLogger(LOGGER)


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
        f"{report.verdict}{harm} ({report.rows} rows, {score_text(report) or 'no score'}"
        f"{alarms}{detail})"
    )


def score_text(report: DriftReport) -> str:
    """Return the largest score of a report in words, "" without one."""
    title = SCORE_TITLES[report.score_name]
    return "" if report.score is None else f"largest {title} {report.score:.3f}"


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
