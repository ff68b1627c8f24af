"""A source as a list of tasks that can be read one by one, anywhere."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.sources.columns import ColumnMapping
from data_pipeline.sources.events import (
    ROWS,
    FileFailed,
    FileFinished,
    Note,
    ReadEvent,
    RejectCollector,
)
from data_pipeline.sources.events import SourceRows as RowsEvent
from data_pipeline.sources.formats.delimited import read_csv
from data_pipeline.sources.formats.json_objects import read_json
from data_pipeline.sources.formats.opening import MEGABYTE, FileKind, SourceFile, reason
from data_pipeline.sources.formats.parquet import read_parquet, row_groups
from data_pipeline.sources.mail.mailbox import read_mails, read_mbox
from data_pipeline.sources.raw import SOURCE_COLUMN
from data_pipeline.sources.request import GENERATED
from platform_core.errors import InvalidData, PlatformError
from use_cases import UseCase

TASK_BYTES = 32 * MEGABYTE
MAILS_PER_TASK = 500
BLOCK_ROWS = 50_000
# A guess, good enough to choose where to generate.
GENERATED_ROW_BYTES = 1_000


class ReadTask(Protocol):
    """A part of a source."""

    @property
    def bytes(self) -> int:
        """About how many bytes it has."""
        ...

    def read(self, mapping: ColumnMapping) -> Iterator[ReadEvent]:
        """Yield what reading it gives."""
        ...


@dataclass(frozen=True)
class FileTask:
    """One file, a slice of mail files, or the row groups `groups` of a Parquet file.

    `bytes` is this task's share of the source.
    """

    kind: FileKind
    files: tuple[SourceFile, ...]
    bytes: int
    groups: range | None = None

    def read(self, mapping: ColumnMapping) -> Iterator[ReadEvent]:
        """Yield rows, then what was read; a file that fails, for whatever reason, is an event."""
        rejects = RejectCollector(self.files[0].name)
        try:
            yield from self._events(mapping, rejects)
        except Exception as error:  # an input must not end the run by a traceback
            if isinstance(error, PlatformError) and not isinstance(error, InvalidData):
                raise
            yield from (FileFailed(file.name, reason(error)) for file in self.files)
            return
        yield from rejects.events()
        if rejects.first:
            yield Note(f"{self.files[0].name}: the first line left out is {rejects.first}")

    def _events(self, mapping: ColumnMapping, rejects: RejectCollector) -> Iterator[ReadEvent]:
        file = self.files[0]
        if self.kind is not FileKind.MAIL and file.size == 0:
            raise InvalidData(f"{file.name} is empty; give a file with labelled records")
        match self.kind:
            case FileKind.PARQUET:
                return read_parquet(file, mapping, self.groups, self.bytes)
            case FileKind.CSV:
                return read_csv(file, mapping, rejects)
            case FileKind.JSON:
                return read_json(file, mapping, rejects)
            case FileKind.MBOX:
                return read_mbox(file, mapping, rejects)
            case FileKind.MAIL:
                return read_mails(self.files, mapping)


@dataclass(frozen=True)
class GeneratorTask:
    """Block number `block` of `rows` generated records."""

    case: UseCase
    rows: int
    seed: int
    block: int

    @property
    def bytes(self) -> int:
        """About how many bytes it will have."""
        return self._count * GENERATED_ROW_BYTES

    @property
    def _count(self) -> int:
        return min(BLOCK_ROWS, self.rows - self.block * BLOCK_ROWS)

    def read(self, mapping: ColumnMapping) -> Iterator[ReadEvent]:
        """Yield the block's rows. The first block has the request's own seed."""
        digest = hashlib.sha256(
            f"generated block {self.block} of seed {self.seed}".encode()
        ).digest()
        seed = int.from_bytes(digest[:4]) >> 1 if self.block else self.seed
        table = self.case.training().generate(self._count, seed).combine_chunks()
        table = table.append_column(SOURCE_COLUMN, pa.repeat(GENERATED, table.num_rows))
        ordered = table.select(mapping.ordered(table.column_names))
        for batch in ordered.to_batches(max_chunksize=10_000):
            yield RowsEvent(GENERATED, batch)
        yield FileFinished(GENERATED, ROWS, table.num_rows, table.nbytes, files=0)


@dataclass(frozen=True)
class PooledTask:
    """A task of one of several sources; `name` is put in front of the names of its files."""

    name: str
    task: ReadTask

    @property
    def bytes(self) -> int:
        """The number of bytes to read."""
        return self.task.bytes

    def read(self, mapping: ColumnMapping) -> Iterator[ReadEvent]:
        """Yield the events of the task."""
        for event in self.task.read(mapping):
            if isinstance(event, Note):
                yield Note(f"{self.name}: {event.text}")
                continue
            named = replace(event, file=pooled_name(self.name, event.file))
            if isinstance(named, RowsEvent):
                files = named.batch[SOURCE_COLUMN]
                alone = pc.equal(files, self.name)
                inside = pc.binary_join_element_wise(self.name, files, "/")
                number = named.batch.schema.get_field_index(SOURCE_COLUMN)
                column = pc.if_else(alone, files, inside)
                named = replace(named, batch=named.batch.set_column(number, SOURCE_COLUMN, column))
            yield named


def pooled_name(source: str, file: str) -> str:
    """Return the name of a file of one of several sources: what is before the first slash names
    the source.
    """
    return file if file == source else f"{source}/{file}"


def generator_tasks(case: UseCase, rows: int, seed: int) -> list[ReadTask]:
    """Return the blocks of `rows` generated records."""
    return [GeneratorTask(case, rows, seed, block) for block in range(-(-rows // BLOCK_ROWS))]


def file_tasks(files: Sequence[tuple[FileKind, SourceFile]]) -> list[ReadTask]:
    """Return tasks for files in their order; large Parquet is split, single mails are joined."""
    tasks: list[ReadTask] = []
    mails: list[SourceFile] = []
    size = 0
    for kind, file in files:
        if kind is FileKind.MAIL:
            mails.append(file)
            size += file.size
            if len(mails) < MAILS_PER_TASK and size < TASK_BYTES:
                continue
        tasks += _mail_tasks(mails)
        mails, size = [], 0
        if kind is FileKind.PARQUET:
            tasks += _parquet_tasks(file)
        elif kind is not FileKind.MAIL:
            tasks.append(FileTask(kind, (file,), file.size))
    return tasks + _mail_tasks(mails)


def _mail_tasks(mails: Sequence[SourceFile]) -> list[ReadTask]:
    size = sum(file.size for file in mails)
    return [FileTask(FileKind.MAIL, tuple(mails), size)] if mails else []


def _parquet_tasks(file: SourceFile) -> list[ReadTask]:
    whole = FileTask(FileKind.PARQUET, (file,), file.size)
    if file.size <= 2 * TASK_BYTES:
        return [whole]
    try:
        count = row_groups(file)
    except (InvalidData, OSError):
        return [whole]  # reading it will say what is wrong
    step = max(1, count * TASK_BYTES // file.size)
    ranges = [range(start, min(start + step, count)) for start in range(0, count, step)]
    shares = [file.size * len(groups) // count for groups in ranges]
    return [
        FileTask(FileKind.PARQUET, (file,), size, groups)
        for groups, size in zip(ranges, shares, strict=True)
    ]
