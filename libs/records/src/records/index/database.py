"""The SQLite file of the record index.

Every call opens its own connection, so that threads and processes share the file, and a file that
was deleted or damaged while others use it is created again, empty and incomplete.
"""

import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson

from platform_core.contracts.label import PredictionLabel
from platform_core.errors import ConfigurationError, UpstreamUnavailable

VERSION = 4
MINUTE_LENGTH = len("2026-01-05T12:00")
INDEX_ROWS = 1000
"""The most ids of one look-up."""
BUSY_SECONDS = 5.0
QUERY_SECONDS = 5.0
"""The time limit of a query over many records."""
_STEPS = 10_000

_SCHEMA = f"""
begin immediate;
drop table if exists objects;
drop table if exists state;
drop table if exists erased;
drop table if exists records;
drop table if exists labels;
drop table if exists texts;
drop table if exists minutes;
create table if not exists objects (path text primary key) without rowid;
create table if not exists state (name text primary key, value text) without rowid;
create table if not exists erased (prediction_id text primary key) without rowid;
create table if not exists records (
    number integer primary key, prediction_id text, use_case text, environment text,
    time text, release_id text, role text, purpose text, answer integer, prediction text,
    record_id text, path text, unique (prediction_id, role));
create index if not exists by_time on records (use_case, time, prediction_id);
create index if not exists by_path on records (path);
create index if not exists by_record on records (use_case, record_id);
create index if not exists of_shadows on records (
    use_case, environment, release_id, time, prediction_id) where role = 'shadow';
create table if not exists labels (
    prediction_id text primary key, use_case text, label text, known_at text, received_at text)
    without rowid;
create virtual table if not exists texts using fts5(text, tokenize='unicode61');
create table if not exists minutes (
    use_case text, minute text, environment text, role text, answers integer, others integer,
    newest text, primary key (use_case, minute, environment, role)) without rowid;
pragma user_version = {VERSION};
commit;
"""
_ADD_RECORD = "insert or ignore into records values (null, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_LABEL = """
insert into labels values (?, ?, ?, ?, ?) on conflict (prediction_id) do update set
label = excluded.label, known_at = excluded.known_at, received_at = excluded.received_at
where (excluded.known_at, excluded.received_at) >= (labels.known_at, labels.received_at)
"""
_RECORD = """
prediction_id, use_case, environment, time, release_id, role, purpose, answer, prediction,
record_id, path
"""
_ADD_TO_MINUTE = """
insert into minutes values (?, ?, ?, ?, ?, ?, ?) on conflict do update set
answers = answers + excluded.answers, others = others + excluded.others,
newest = max(newest, excluded.newest)
"""
# A time continues a minute with ":", which sorts before ";".
_COUNT_MINUTE = """
insert into minutes
select use_case, ?2, environment, role, sum(answer), count(*) - sum(answer), max(time) from records
where use_case = ?1 and time >= ?2 and time < ?2 || ';' and purpose = 'live'
group by environment, role
"""
_FIND = f"""
select {_RECORD} from records where answer and prediction_id in (select value from json_each(?))
"""  # noqa: S608 - of constants
_PATHS = "select distinct path from records where prediction_id = ?"
_LABELS = """
select prediction_id, label, known_at from labels
where prediction_id in (select value from json_each(?))
"""


@dataclass(frozen=True)
class IndexedRecord:
    """An inference record, and the object of the log that it is in; `prediction` as text.

    `answer` says whether the caller got it; see `InferenceRecord`.
    """

    prediction_id: str
    use_case: str
    environment: str
    time: str
    release_id: str
    role: str
    purpose: str
    answer: bool
    prediction: str
    record_id: str | None
    path: str


@dataclass(frozen=True)
class KnownLabel:
    """The label of a prediction that became known last."""

    label: str | float
    known_at: datetime


class RecordIndex:
    """Reads and writes the index in `file`. All methods block; call them in a thread.

    They raise `UpstreamUnavailable` while the file is locked, and when it was damaged: then it
    starts again empty.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    @property
    def complete(self) -> bool:
        """Whether every object of the log and of the labels has been read once."""
        return self.state("complete") is not None

    def state(self, name: str) -> str | None:
        """Return what `set_state` wrote."""
        with self.connection() as database:
            row = database.execute("select value from state where name = ?", [name]).fetchone()
        return None if row is None else str(row[0])

    def set_state(self, name: str, value: str) -> None:
        """Store `value` in the index file."""
        with self.transaction() as database:
            database.execute("insert or replace into state values (?, ?)", [name, value])

    def known_objects(self) -> set[str]:
        """Return the paths of the objects that were added."""
        with self.connection() as database:
            return {path for (path,) in database.execute("select path from objects")}

    def add_records(
        self, path: str, records: Iterable[IndexedRecord], texts: Iterable[str]
    ) -> None:
        """Add the records of an object of the log, and the text by which each one is found."""
        with self.transaction() as database:
            erased = {one for (one,) in database.execute("select prediction_id from erased")}
            new = []
            for record, text in zip(records, texts, strict=True):
                if record.prediction_id in erased:
                    continue
                added = database.execute(_ADD_RECORD, tuple(vars(record).values()))
                if not added.rowcount:
                    continue
                new.append(record)
                if text:
                    database.execute(
                        "insert into texts (rowid, text) values (?, ?)", [added.lastrowid, text]
                    )
            database.executemany(_ADD_TO_MINUTE, _by_minute(new))
            database.execute("insert or ignore into objects values (?)", [path])

    def add_labels(self, labels: Iterable[PredictionLabel], path: str | None = None) -> None:
        """Add labels, those of the object at `path` where they come from one."""
        rows = [
            (
                one.prediction_id,
                one.use_case,
                orjson.dumps(one.label).decode(),
                _text(one.known_at),
                _text(one.received_at),
            )
            for one in labels
        ]
        with self.transaction() as database:
            database.executemany(_ADD_LABEL, rows)
            database.execute("delete from labels where prediction_id in (select * from erased)")
            if path is not None:
                database.execute("insert or ignore into objects values (?)", [path])

    def forget_objects(self, paths: Iterable[str]) -> None:
        """Remove the records of objects that no longer exist."""
        with self.transaction() as database:
            for path in paths:
                _remove(database, "path", path)
                database.execute("delete from objects where path = ?", [path])

    def erase(self, prediction_ids: Iterable[str]) -> None:
        """Remove predictions and their text, and do not add them again."""
        with self.transaction() as database:
            for one in prediction_ids:
                _remove(database, "prediction_id", one)
                database.execute("delete from labels where prediction_id = ?", [one])
                database.execute("insert or ignore into erased values (?)", [one])
            database.execute("insert into texts (texts) values ('optimize')")
        with self.connection() as database:
            database.execute("vacuum")

    def all_erased(self) -> set[str]:
        """Return every prediction that was erased."""
        with self.connection() as database:
            return {one for (one,) in database.execute("select prediction_id from erased")}

    def erased(self, prediction_ids: Sequence[str]) -> set[str]:
        """Return which of the predictions were erased."""
        query = "select * from erased where prediction_id in (select value from json_each(?))"
        return {row[0] for row in self._select(query, prediction_ids)}

    def find(self, prediction_ids: Sequence[str]) -> Mapping[str, IndexedRecord]:
        """Return the answers of at most `INDEX_ROWS` predictions that have been seen, by id."""
        return {row[0]: IndexedRecord(*row) for row in self._select(_FIND, prediction_ids)}

    def paths(self, prediction_id: str) -> list[str]:
        """Return the objects with records of a prediction."""
        with self.connection() as database:
            return [path for (path,) in database.execute(_PATHS, [prediction_id])]

    def labels(self, prediction_ids: Sequence[str]) -> Mapping[str, KnownLabel]:
        """Return the current labels of at most `INDEX_ROWS` predictions, by id."""
        return {
            one: KnownLabel(orjson.loads(label), datetime.fromisoformat(known_at))
            for one, label, known_at in self._select(_LABELS, prediction_ids)
        }

    def query(
        self, statement: str, values: Sequence[object], seconds: float = QUERY_SECONDS
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a query; `UpstreamUnavailable` as well if it takes longer."""
        deadline = time.monotonic() + seconds
        with self.connection() as database:
            database.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            return database.execute(statement, values).fetchall()

    def _select(self, query: str, prediction_ids: Sequence[str]) -> list[tuple[Any, ...]]:
        with self.connection() as database:
            return database.execute(query, [orjson.dumps(prediction_ids).decode()]).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction."""
        with self.connection() as database:
            database.execute("begin immediate")
            yield database
            database.execute("commit")

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Open the file; create it if it is missing."""
        try:
            database = self._open()
            try:
                yield database
            finally:
                database.close()
        except sqlite3.OperationalError as error:
            raise UpstreamUnavailable(
                f"the record index {self.file.name} cannot be used now ({error}); try again"
            ) from error
        except sqlite3.DatabaseError as error:
            for file in (self.file, self.file.with_name(f"{self.file.name}-journal")):
                file.unlink(missing_ok=True)
            raise UpstreamUnavailable(
                f"the record index {self.file.name} was damaged ({error}) and is being rebuilt "
                "from the inference log; try again"
            ) from error

    def _open(self) -> sqlite3.Connection:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"RECORD_INDEX_FILE={self.file} cannot be used: {error.strerror}; choose a file on "
                "a local disk that the gateway may write"
            ) from error
        database = sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None)
        # The index can be rebuilt: it need not survive the loss of power.
        database.execute("pragma synchronous = off")
        database.execute("pragma secure_delete = on")
        if database.execute("pragma user_version").fetchone()[0] != VERSION:
            database.executescript(_SCHEMA)
        return database


def _text(time: datetime) -> str:
    """Return a time as text that sorts chronologically."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _by_minute(records: Iterable[IndexedRecord]) -> list[tuple[object, ...]]:
    """Return the rows of `minutes` for the live ones of these records."""
    live = (one for one in records if one.purpose == "live")
    groups: dict[tuple[str, ...], list[IndexedRecord]] = defaultdict(list)
    for one in live:
        groups[one.use_case, one.time[:MINUTE_LENGTH], one.environment, one.role].append(one)
    return [
        (
            *key,
            sum(one.answer for one in of_minute),
            sum(not one.answer for one in of_minute),
            max(one.time for one in of_minute),
        )
        for key, of_minute in groups.items()
    ]


def _remove(
    database: sqlite3.Connection, column: Literal["path", "prediction_id"], value: str
) -> None:
    """Delete the records with this value, and their texts, and count their minutes again."""
    minutes = database.execute(
        f"select distinct use_case, substr(time, 1, {MINUTE_LENGTH}) from records "  # noqa: S608
        f"where {column} = ? and purpose = 'live'",
        [value],
    ).fetchall()
    numbers = f"select number from records where {column} = ?"  # noqa: S608 - two constants
    database.execute(f"delete from texts where rowid in ({numbers})", [value])  # noqa: S608
    database.execute(f"delete from records where {column} = ?", [value])  # noqa: S608
    database.executemany("delete from minutes where use_case = ? and minute = ?", minutes)
    database.executemany(_COUNT_MINUTE, minutes)
