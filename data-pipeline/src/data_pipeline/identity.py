"""Names that follow from content: of a record, of its side of the split, of a dataset version."""

import hashlib

import pyarrow as pa
import pyarrow.compute as pc

from platform_core.hashing import canonical_json, sha256_json
from use_cases import UseCase

ID_CHARACTERS = 16
TEST_PERCENT = 20
TRAIN, TEST = "train", "test"
# Changing this would move records between the parts and let champions be judged on rows they
# were trained on.
_SPLIT_SALT = b"mlplatform split 1:"


def content_ids(use_case: UseCase, records: pa.Table) -> pa.Array:
    """Return the id of each record's content: case, outer white space and its id do not count."""
    names = [name for name in use_case.record_schema.names if name != use_case.id_column]
    normalised = [_normalised(records[name]) for name in names]
    rows = zip(*(column.to_pylist() for column in normalised), strict=True)
    return pa.array([sha256_json(list(row))[:ID_CHARACTERS] for row in rows], pa.string())


def parts(row_ids: pa.ChunkedArray) -> pa.Array:
    """Return `train` or `test` per row id. The side depends on nothing but the content, so it
    stays the same in every later dataset version.
    """
    sides = (_percent(row_id) < TEST_PERCENT for row_id in row_ids.to_pylist())
    return pa.array([TEST if side else TRAIN for side in sides], pa.string())


def table_digest(table: pa.Table) -> str:
    """Return the hash of a table's columns, types and rows, independent of the order of rows."""
    rows = sorted(hashlib.sha256(canonical_json(_plain(row))).digest() for row in table.to_pylist())
    head = canonical_json([[field.name, str(field.type)] for field in table.schema])
    return hashlib.sha256(head + b"".join(rows)).hexdigest()[:ID_CHARACTERS]


def _percent(row_id: str) -> int:
    return int.from_bytes(hashlib.sha256(_SPLIT_SALT + row_id.encode()).digest()[:8]) % 100


def _normalised(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type != pa.string():
        return column
    return pc.utf8_lower(pc.utf8_trim_whitespace(column))


def _plain(row: dict) -> dict:
    return {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()}
