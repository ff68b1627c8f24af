"""What reading a source yields, piece by piece."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

LINES, MESSAGES, ROWS = "lines", "messages", "rows"
"""What an input consists of."""


@dataclass(frozen=True)
class SourceRows:
    """Rows of `file` with the use case's column names."""

    file: str
    batch: pa.RecordBatch


@dataclass(frozen=True)
class Note:
    """A warning about the input; reading continues."""

    text: str


@dataclass(frozen=True)
class Rejected:
    """`units` lines or messages of an input, from number `first` (from 1), that are not records."""

    first: int
    units: int
    reason: str


@dataclass(frozen=True)
class QuarantinedPieces:
    """Pieces of `file` that were read but are not records."""

    file: str
    pieces: Sequence[Rejected]


@dataclass(frozen=True)
class FileFailed:
    """`file` cannot be read; rows of it that were already given do not count."""

    file: str
    reason: str


@dataclass(frozen=True)
class FileFinished:
    """`file` (or a part of it) was read: `total` of its `unit`, `size` bytes, `files` files."""

    file: str
    unit: str
    total: int
    size: int
    files: int = 1


ReadEvent = SourceRows | Note | QuarantinedPieces | FileFailed | FileFinished


class RejectCollector:
    """Collects rejected pieces of one file until they are given as events."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._pieces: list[Rejected] = []
        self.first = ""
        """What was wrong with the first of them, and where."""

    def add(self, first: int, units: int, reason: str) -> None:
        """Set `units` lines or messages aside."""
        self.first = self.first or f"{first}: {reason}"
        self._pieces.append(Rejected(first, units, reason))

    def events(self) -> Sequence[QuarantinedPieces]:
        """Return what was collected since the last call."""
        pieces, self._pieces = tuple(self._pieces), []
        return [QuarantinedPieces(self._file, pieces)] if pieces else []
