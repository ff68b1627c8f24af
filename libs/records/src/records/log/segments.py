"""Segment files: inference records or labels on the local disk, one per line with a checksum.

A line is the CRC-32 of the JSON (8 hexadecimal digits), a space, the JSON, a line feed. A record
that a dying process wrote only in part has no line feed or a wrong checksum and is dropped.
The file name gives the partition of its records: `<use_case>.<stream>.<hour>.<id>.log`. The stream
is an environment for inference records, and `labels` for labels, whose hour is the first of the day
of their predictions.
"""

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pydantic import ValidationError

from platform_core import storage
from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import InferenceRecord
from platform_core.contracts.label import PredictionLabel
from platform_core.errors import InvalidData

SUFFIX = ".log"
HOUR_FORMAT = "%Y%m%dT%H"
LABELS: Literal["labels"] = "labels"
_CHECKSUM_DIGITS = 8

Stream = Environment | Literal["labels"]
Record = TypeVar("Record")
ContractType = TypeVar("ContractType", bound=Contract)


@dataclass(frozen=True)
class SegmentName:
    """The partition of a segment's records, and its id."""

    use_case: str
    stream: Stream
    hour: datetime
    id: str

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.use_case}.{self.stream}.{self.hour:{HOUR_FORMAT}}.{self.id}{SUFFIX}"

    @property
    def object_path(self) -> str:
        """The path in the blob store; uploading a segment twice overwrites the same object."""
        if isinstance(self.stream, Environment):
            return storage.log_object_path(self.use_case, self.stream, self.hour, self.id)
        return storage.label_object_path(self.use_case, self.hour, self.id)

    @classmethod
    def parse(cls, file: str) -> "SegmentName":
        """Return the parts of a file name; `InvalidData` when the file is not a segment."""
        try:
            use_case, stream, hour, segment_id = file.removesuffix(SUFFIX).split(".")
            time = datetime.strptime(hour, HOUR_FORMAT).replace(tzinfo=UTC)
            return cls(
                use_case, LABELS if stream == LABELS else Environment(stream), time, segment_id
            )
        except ValueError as error:
            raise InvalidData(f"{file} is not the name of a segment") from error


class OpenSegment:
    """A segment that is being written; `size` is in bytes."""

    def __init__(self, folder: Path, name: SegmentName, opened_at: datetime) -> None:
        """Create the file; `OSError` when that is not possible."""
        self.name = name
        self.opened_at = opened_at
        self.records = 0
        self.size = 0
        self.file = folder / name.file
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._handle = os.open(self.file, flags, 0o600)

    def append(self, lines: Sequence[bytes]) -> None:
        """Write all of `lines` or none; they survive the death of this process.

        Raises:
            OSError: the write failed; a partial write was truncated.
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
        """Close the file."""
        os.close(self._handle)


@dataclass(frozen=True)
class SegmentContent(Generic[Record]):
    """The intact records of a segment; `damaged` counts the lines that were dropped."""

    records: list[Record]
    damaged: int


def frame(document: bytes) -> bytes:
    """Return the line for a record's JSON, which must not contain a line feed."""
    return b"%08x %s\n" % (zlib.crc32(document), document)


def read_segment(file: Path) -> SegmentContent[InferenceRecord]:
    """Return the intact inference records of a segment file.

    Raises:
        InvalidData: an intact line is not an inference record of this version.
    """
    return _read(file, InferenceRecord, "an inference record")


def read_label_segment(file: Path) -> SegmentContent[PredictionLabel]:
    """Return the intact labels of a segment file.

    Raises:
        InvalidData: an intact line is not a label of this version.
    """
    return _read(file, PredictionLabel, "a label")


def read_documents(file: Path) -> SegmentContent[bytes]:
    """Return the intact records of a segment file as the JSON that was written."""
    # Nothing follows the last line feed, unless the last record was cut off.
    *lines, rest = file.read_bytes().split(b"\n")
    documents = [line[_CHECKSUM_DIGITS + 1 :] for line in lines]
    intact = [d for d, line in zip(documents, lines, strict=True) if frame(d) == line + b"\n"]
    return SegmentContent(intact, len(lines) - len(intact) + bool(rest))


def _read(file: Path, contract: type[ContractType], kind: str) -> SegmentContent[ContractType]:
    content = read_documents(file)
    try:
        records = [contract.model_validate_json(document) for document in content.records]
    except ValidationError as error:
        raise InvalidData(
            f"{file} has a line that is not {kind}: {error.error_count()} errors"
        ) from error
    return SegmentContent(records, content.damaged)
