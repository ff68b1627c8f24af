"""What reading a unit of a source gives, piece by piece."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Rows:
    """Rows of `file`, their columns already named as the use case does."""

    file: str
    batch: pa.RecordBatch


@dataclass(frozen=True)
class Remark:
    """Something odd that a person should know; reading went on."""

    text: str


@dataclass(frozen=True)
class Failed:
    """`file` cannot be read: none of its rows count, those already given neither."""

    file: str
    reason: str


@dataclass(frozen=True)
class Ended:
    """So many files (with so many bytes) were read to their end; `malformed` lines were not."""

    file: str
    files: int
    bytes: int
    malformed: int = 0


Item = Rows | Remark | Failed | Ended
