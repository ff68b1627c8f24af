"""What kind of data a file holds, by its name."""

from enum import StrEnum
from pathlib import PurePosixPath


class Kind(StrEnum):
    """A kind of file that can be read."""

    PARQUET = "Parquet"
    CSV = "CSV"
    JSON = "JSON lines"
    MAIL = "mail"
    MBOX = "mbox"


KINDS = {
    ".parquet": Kind.PARQUET,
    ".csv": Kind.CSV,
    ".tsv": Kind.CSV,
    ".jsonl": Kind.JSON,
    ".ndjson": Kind.JSON,
    ".json": Kind.JSON,
    ".eml": Kind.MAIL,
    ".mbox": Kind.MBOX,
}
PACKED = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2"}
SUPPORTED = (
    ".parquet, .csv, .tsv, .jsonl, .ndjson, .json (a record per line), .eml, .mbox; "
    "all but Parquet also packed as .gz, .zst or .bz2"
)


def kind_of(name: str) -> Kind | None:
    """Return the kind that a file's name promises, `None` for any other name."""
    kind = KINDS.get(PurePosixPath(unpacked(name)).suffix.lower())
    return None if kind is Kind.PARQUET and compression_of(name) else kind


def compression_of(name: str) -> str | None:
    """Return Arrow's name of how a file is packed, `None` where it is not."""
    return PACKED.get(PurePosixPath(name).suffix.lower())


def unpacked(name: str) -> str:
    """Return a file's name without the suffix that says how it is packed."""
    return str(PurePosixPath(name).with_suffix("")) if compression_of(name) else name
