"""Names that follow from content: of a record, of a table, of a dataset version."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import LABEL
from platform_core.hashing import canonical_json
from use_cases import UseCase

ID_CHARACTERS = 16
CHUNK_ROWS = 1 << 16


def content_ids(use_case: UseCase, records: pa.Table) -> pa.Array:
    """Return the id of each record's content: case and outer white space do not count.

    What else belongs to it follows from the use case's `duplicates`: `near` the record without its
    id; `exact` its label as well, so that a content with two labels is two rows; `none` also its
    id.
    """
    policy = use_case.training().duplicates
    left_out = set() if policy == "none" else {use_case.id_column}
    label = [] if policy == "near" else [LABEL]
    parts = []
    for name in (*use_case.record_schema.names, *label):
        if name not in left_out:
            text = _normalised(records[name]).cast(pa.string())
            # The length keeps a text apart from the same characters in two columns.
            parts += [pc.binary_length(text).cast(pa.string()).fill_null("-"), text.fill_null("")]
    contents = pc.binary_join_element_wise(*parts, "\n").cast(pa.binary()).to_pylist()
    digests = (hashlib.sha256(content).hexdigest() for content in contents)
    return pa.array([digest[:ID_CHARACTERS] for digest in digests], pa.string())


class ContentDigest:
    """The hash of a table that arrives in pieces: the same rows in the same order give the same
    hash, however they are cut.
    """

    def __init__(self, schema: pa.Schema) -> None:
        head = canonical_json([[field.name, str(field.type)] for field in schema])
        self._head = hashlib.sha256(head)
        self._columns = {name: (hashlib.sha256(), hashlib.sha256()) for name in schema.names}

    def update(self, table: pa.Table) -> None:
        """Take in the next rows."""
        for name, (structure, values) in self._columns.items():
            for chunk in table[name].chunks:
                shape, content = _canonical(chunk)
                structure.update(shape)
                values.update(content)

    def hexdigest(self) -> str:
        """Return the hash of everything taken in."""
        whole = self._head.copy()
        for structure, values in self._columns.values():
            whole.update(structure.digest() + values.digest())
        return whole.hexdigest()[:ID_CHARACTERS]


def table_digest(table: pa.Table) -> str:
    """Return the hash of a table's columns, types and rows, independent of the order of rows."""
    digest = ContentDigest(table.schema)
    ordered = table.sort_by([(name, "ascending") for name in table.column_names])
    for batch in ordered.to_batches(max_chunksize=CHUNK_ROWS):
        digest.update(pa.Table.from_batches([batch]))
    return digest.hexdigest()


def _canonical(chunk: pa.Array) -> tuple[bytes, bytes]:
    """Return the length of each value, -1 for null, and the bytes of all that are not null."""
    if pa.types.is_string(chunk.type):
        lengths = pc.fill_null(pc.binary_length(chunk), -1)
        return np.asarray(lengths).tobytes(), b"".join(
            chunk.drop_null().cast(pa.binary()).to_pylist()
        )
    plain = chunk.cast(pa.int64()) if pa.types.is_temporal(chunk.type) else chunk
    known = np.where(chunk.is_valid(), np.int32(plain.type.byte_width), np.int32(-1))
    return known.tobytes(), np.asarray(plain.drop_null()).tobytes()


def _normalised(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type != pa.string():
        return column
    return pc.utf8_lower(pc.utf8_trim_whitespace(column))
