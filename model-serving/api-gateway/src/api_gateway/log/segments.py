"""Segment files: inference records on disk, each line with a checksum.

A line is the CRC-32 of the JSON (8 hexadecimal digits), a space, the JSON, a line feed. A record
that a dying process wrote in part has no line feed or a wrong checksum, so it is seen and dropped.
The file's name says where its records belong: `<use_case>.<environment>.<hour>.<id>.log`.
"""

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import InferenceRecord
from platform_core.errors import InvalidData
from platform_core.storage import log_object_path

SUFFIX = ".log"
HOUR_FORMAT = "%Y%m%dT%H"
_CHECKSUM_DIGITS = 8


@dataclass(frozen=True)
class SegmentName:
    """Where the records of a segment belong."""

    use_case: str
    environment: Environment
    hour: datetime
    id: str

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.use_case}.{self.environment}.{self.hour:{HOUR_FORMAT}}.{self.id}{SUFFIX}"

    @property
    def object_path(self) -> str:
        """Where it is kept in the blob store; the same segment always has the same place."""
        return log_object_path(self.use_case, self.environment, self.hour, self.id)

    @classmethod
    def parse(cls, file: str) -> "SegmentName":
        """Return what a file's name says; `InvalidData` when it is no segment's."""
        try:
            use_case, environment, hour, segment_id = file.removesuffix(SUFFIX).split(".")
            time = datetime.strptime(hour, HOUR_FORMAT).replace(tzinfo=UTC)
            return cls(use_case, Environment(environment), time, segment_id)
        except ValueError as error:
            raise InvalidData(f"{file} is not the name of a segment") from error


class OpenSegment:
    """A segment that is being written."""

    def __init__(self, folder: Path, name: SegmentName, opened_at: datetime) -> None:
        """Create its file; `OSError` when that is not possible."""
        self.name = name
        self.opened_at = opened_at
        self.records = 0
        self.size = 0
        self._handle = os.open(
            folder / name.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600
        )

    def append(self, lines: Sequence[bytes]) -> None:
        """Hand `lines` to the kernel: they survive the death of this process.

        Raises:
            OSError: not all of it was written; what was has been taken back.
        """
        data = memoryview(b"".join(lines))
        try:
            written = 0
            while written < len(data):
                written += os.write(self._handle, data[written:])
        except OSError:
            os.ftruncate(self._handle, self.size)
            raise
        self.size += len(data)
        self.records += len(lines)

    def close(self) -> None:
        """Stop writing."""
        os.close(self._handle)


@dataclass(frozen=True)
class SegmentContent:
    """What a segment holds; `damaged` lines were dropped."""

    records: list[InferenceRecord]
    damaged: int


def frame(document: bytes) -> bytes:
    """Return the line of one record's JSON (which holds no line feed)."""
    return b"%08x %s\n" % (zlib.crc32(document), document)


def read_segment(file: Path) -> SegmentContent:
    """Return the whole records of a segment file.

    Raises:
        InvalidData: a line is whole but is no inference record of this version.
    """
    # Nothing follows the last line feed, unless the last record was cut off.
    *lines, rest = file.read_bytes().split(b"\n")
    documents = [line[_CHECKSUM_DIGITS + 1 :] for line in lines]
    whole = [d for d, line in zip(documents, lines, strict=True) if frame(d) == line + b"\n"]
    try:
        records = [InferenceRecord.model_validate_json(document) for document in whole]
    except ValidationError as error:
        raise InvalidData(
            f"{file} holds what is no inference record: {error.error_count()} errors"
        ) from error
    return SegmentContent(records, len(lines) - len(records) + bool(rest))
