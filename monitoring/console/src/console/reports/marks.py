"""Marks on a chart over time: changes of the serving state, and alarms of the reports."""

from collections.abc import Iterable, Iterator, Sequence

from console.charts import Mark
from console.web.values import parsed, words
from mlplatform_client.models.changes import ChangeDocument
from mlplatform_client.models.drift import DriftReport
from mlplatform_client.models.quality import QualityReport

MOST_MARKS = 12
MOST_ALARMS = 3


def change_marks(changes: Iterable[ChangeDocument]) -> Iterator[Mark]:
    """Yield the changes that were applied."""
    for one in changes:
        request = one.request
        if one.status != "applied" or (one.result and one.result.from_state == one.result.to_state):
            continue
        percent = f" at {request.percent} %" if request.percent else ""
        promoted = (
            one.result.to_state.stable if one.result and request.action == "promote" else None
        )
        named = request.release_id or promoted
        release = f" of {named[:8]}" if named else ""
        yield Mark(
            parsed(request.created_at),
            "info",
            f"{words(request.action)}{release}{percent}",
            f"/changes/{request.change_id}",
            f"by {request.actor}: {request.reason}",
        )


def drift_alarms(reports: Iterable[DriftReport]) -> Iterator[Mark]:
    """Yield the windows whose drift report raised an alarm, with a link to all of its alarms."""
    for one in reports:
        url = f"#drift-{one.report_id}"
        if one.harmful:
            yield _alarm(one, "bad", "harmful", "; ".join(one.harm), url)
        elif one.drifted or one.alarms:
            kind = "drifted" if one.drifted else "warning"
            yield _alarm(one, "warn", kind, alarms_in_words(one.alarms), url)


def quality_alarms(reports: Iterable[QualityReport]) -> Iterator[Mark]:
    """Yield the windows in which a release was below its gate."""
    for one in reports:
        if one.verdict == "below-gate":
            yield _alarm(one, "bad", "below its gate")


def newest(marks: Iterable[Mark]) -> Sequence[Mark]:
    """Return the newest marks, oldest first; of an alarm that goes on only its beginning."""
    kept: list[Mark] = []
    last: dict[str, Mark] = {}
    for one in sorted(marks, key=lambda mark: mark.time):
        before = last.get(one.text)
        last[one.text] = one
        goes_on = before is not None and one.start is not None and before.time >= one.start
        if not goes_on:
            kept.append(one)
    return kept[-MOST_MARKS:]


def alarms_in_words(alarms: Sequence[str], most: int | None = MOST_ALARMS) -> str:
    """Return at most so many of the alarms of a report in words, `None` for all, and how many more
    there are.
    """
    shown = alarms[:most]
    named, more = ", ".join(map(alarm_words, shown)), len(alarms) - len(shown)
    return f"{named} and {more} more" if more else named


def alarm_words(alarm: str) -> str:
    """Return an alarm of a drift report in words: `drift:sender` is "drift in sender"."""
    kind, _, name = alarm.partition(":")
    return f"{words(kind)} in {name}" if name else words(kind)


def retraining_words(reason: str, most: int | None = None) -> str:
    """Return the reason of a retraining request with its alarms in words, at most `most` of them.

    A reason that no drift report wrote is returned as it is.
    """
    statement, _, listed = reason.partition(": ")
    if statement not in {"drift", "harm"} or not listed:
        return reason
    alarms = alarms_in_words(listed.split(", "), most)
    return f"harm: {alarms}" if statement == "harm" else alarms


def _alarm(
    report: DriftReport | QualityReport, tone: str, text: str, by: str = "", url: str = ""
) -> Mark:
    return Mark(parsed(report.end), tone, text, url, by, parsed(report.start))
