"""Search in the record index: filters, words, and pages of records, newest first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from platform_core.errors import InvalidInput
from records.index.cursors import cursor_at, page_of, position_of
from records.index.database import IndexedRecord, RecordIndex

MAX_WORDS = 20
_WORD = re.compile(r"\w+")
_SELECT = """
select r.prediction_id, r.use_case, r.environment, r.time, r.release_id, r.role, r.purpose,
r.answer, r.prediction, r.record_id, r.path, l.label
from records r left join labels l using (prediction_id)
"""


@dataclass(frozen=True)
class RecordQuery:
    """The conditions of a search. A record has all `words`, and `start <= time < end`.

    With `wrong` its label is a different class than its prediction; it is for classes only.
    """

    use_case: str
    words: str | None = None
    prediction: str | None = None
    label: str | None = None
    release_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    limit: int = 20
    cursor: str | None = None
    environment: str | None = None
    wrong: bool = False


@dataclass(frozen=True)
class FoundRecord:
    """A record that was found, with its current label; `None` where there is no label yet."""

    record: IndexedRecord
    label: str | float | None


@dataclass(frozen=True)
class RecordPage:
    """Records, newest first; `cursor` is that of the next page, if there is one."""

    records: list[FoundRecord]
    cursor: str | None


def search(index: RecordIndex, query: RecordQuery) -> RecordPage:
    """Return one page of the records that meet every condition of `query`. It blocks.

    Raises:
        InvalidInput: the words, the limit or the cursor of the query are invalid.
        UpstreamUnavailable: the index is locked, or the search took too long.
    """
    conditions = list(_conditions(query))
    where = " and ".join(condition for condition, _ in conditions)
    values = [value for _, given in conditions for value in given]
    order = "order by r.time desc, r.prediction_id desc"
    statement = f"{_SELECT} where {where} {order}"  # conditions are constants of this module
    rows, more = page_of(index, statement, values, query.limit)
    found = [
        FoundRecord(IndexedRecord(*row[:-1]), row[-1] and orjson.loads(row[-1])) for row in rows
    ]
    if not more:
        return RecordPage(found, None)
    last = found[-1].record
    return RecordPage(found, cursor_at(last.time, last.prediction_id))


def _conditions(query: RecordQuery) -> Iterator[tuple[str, list[Any]]]:
    """Yield SQL conditions with their values; nothing of the query becomes part of the SQL."""
    yield "r.answer", []
    yield "r.use_case = ?", [query.use_case]
    if query.words is not None:
        match = "r.number in (select rowid from texts where texts match ?)"
        yield match, [_match(query.words)]
    if query.prediction is not None:
        yield "r.prediction = ?", [query.prediction]
    if query.label is not None:
        labels = [orjson.dumps(query.label).decode(), query.label]
        yield "l.label in (?, ?)", labels
    if query.wrong:
        yield "json_extract(l.label, '$') != r.prediction", []
    if query.release_id is not None:
        yield "r.release_id = ?", [query.release_id]
    if query.environment is not None:
        yield "r.environment = ?", [query.environment]
    if query.start is not None:
        yield "r.time >= ?", [_time(query.start)]
    if query.end is not None:
        yield "r.time < ?", [_time(query.end)]
    if query.cursor is not None:
        yield "(r.time, r.prediction_id) < (?, ?)", position_of(query.cursor)


def _match(words: str) -> str:
    """Return an FTS5 query for records with all of `words`, each of them a quoted string."""
    found = _WORD.findall(words)
    if not 1 <= len(found) <= MAX_WORDS:
        raise InvalidInput(f"q has {len(found)} words; search for 1 to {MAX_WORDS}")
    return " ".join(f'"{word}"' for word in found)


def _time(time: datetime) -> str:
    if time.tzinfo is None:
        raise InvalidInput(f"{time.isoformat()} has no time zone; use UTC")
    return time.astimezone(UTC).isoformat(timespec="microseconds")
