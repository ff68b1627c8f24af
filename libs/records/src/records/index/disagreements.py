"""The records to which a release and its shadow gave different answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from records.index.cursors import cursor_at, page_of, position_of
from records.index.database import RecordIndex

_FROM = """
from records s join records a on a.prediction_id = s.prediction_id and a.role = 'stable'
left join labels l on l.prediction_id = s.prediction_id
where s.use_case = ? and s.environment = ? and s.role = 'shadow' and s.purpose = 'live'
and s.release_id = ? and a.release_id = ? and a.answer and s.prediction != 'None'
and s.prediction != a.prediction
"""
_FURTHER = "and abs(cast(s.prediction as real) - cast(a.prediction as real)) > ?"
_AFTER = "and (s.time, s.prediction_id) < (?, ?)"
_ORDER = "order by s.time desc, s.prediction_id desc"
_COLUMNS = "s.prediction_id, s.time, a.record_id, a.prediction, s.prediction, l.label"


@dataclass(frozen=True)
class DisagreementQuery:
    """Which disagreements: answers of `stable` and, as its shadow, of `candidate`.

    Numbers disagree if they differ by more than `tolerance`; `None` compares them as text.
    """

    use_case: str
    environment: str
    stable: str
    candidate: str
    tolerance: float | None = None
    limit: int = 20
    cursor: str | None = None


@dataclass(frozen=True)
class FoundDisagreement:
    """A record with two answers, as text; `label` is `None` while it is not known."""

    prediction_id: str
    time: datetime
    record_id: str | None
    stable: str
    candidate: str
    label: str | float | None


@dataclass(frozen=True)
class DisagreementPage:
    """Disagreements, newest first; `cursor` is that of the next page, if there is one."""

    found: Sequence[FoundDisagreement]
    cursor: str | None


def disagreements(index: RecordIndex, query: DisagreementQuery) -> DisagreementPage:
    """Return one page of the records that both releases answered, and answered differently.

    Raises:
        InvalidInput: the limit or the cursor is invalid.
        UpstreamUnavailable: the index is locked, or the search took too long.
    """
    values: list[object] = [query.use_case, query.environment, query.candidate, query.stable]
    statement = f"select {_COLUMNS} {_FROM}"
    if query.tolerance is not None:
        statement, values = f"{statement} {_FURTHER}", [*values, query.tolerance]
    if query.cursor is not None:
        statement, values = f"{statement} {_AFTER}", [*values, *position_of(query.cursor)]
    rows, more = page_of(index, f"{statement} {_ORDER}", values, query.limit)
    found = [
        FoundDisagreement(
            prediction_id=one,
            time=datetime.fromisoformat(at),
            record_id=record,
            stable=stable,
            candidate=candidate,
            label=label and orjson.loads(label),
        )
        for one, at, record, stable, candidate, label in rows
    ]
    return DisagreementPage(found, cursor_at(rows[-1][1], rows[-1][0]) if more else None)
