"""How many live records there are, by environment, role and minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from records.index.database import MINUTE_LENGTH, RecordIndex

_COUNT = """
select environment, role, minute, answers, others, newest from minutes
where use_case = ? and minute >= ? and minute < ?
"""


@dataclass(frozen=True)
class MinuteTraffic:
    """The live records of one minute: of an environment, by the releases of one role.

    `answers` are those that the caller got or, of a shadow, that mirrored one; `others` are
    copies and failures: see `InferenceRecord`. `newest` is the time of the last of them.
    """

    environment: str
    role: str
    minute: datetime
    answers: int
    others: int
    newest: datetime


def minute_traffic(
    index: RecordIndex, use_case: str, start: datetime, end: datetime
) -> Sequence[MinuteTraffic]:
    """Return the traffic of a use case with `start <= time < end`, whole minutes. It blocks.

    Raises:
        UpstreamUnavailable: the index is locked, or the query took too long.
    """
    period = [one.astimezone(UTC).isoformat()[:MINUTE_LENGTH] for one in (start, end)]
    rows = index.query(_COUNT, [use_case, *period])
    return [
        MinuteTraffic(
            environment,
            role,
            datetime.fromisoformat(minute).replace(tzinfo=UTC),
            answers,
            others,
            datetime.fromisoformat(newest),
        )
        for environment, role, minute, answers, others, newest in rows
    ]
