"""The features of an e-mail: its text, normalised, and what its structure looks like.

One pure function for training, online, batch and monitoring. Structural features are shares
and logarithms with an upper bound, so that no mail, however odd, is far away from the others.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from use_cases.spam.structure import STRUCTURAL, structural_features
from use_cases.spam.text import MAX_CHARACTERS, model_text, raw_text

FEATURE_SCHEMA = pa.schema(
    [pa.field("text", pa.string()), *(pa.field(name, pa.float32()) for name in STRUCTURAL)]
)
# Rows that are held as Python strings at once.
CHUNK_ROWS = 1_000

__all__ = ["FEATURE_SCHEMA", "STRUCTURAL", "spam_features"]


def spam_features(records: pa.RecordBatch) -> pa.RecordBatch:
    """Return the features (`FEATURE_SCHEMA`) of `records`, row by row.

    Args:
        records: has the string columns `subject` and `body`; null counts as empty.

    Returns:
        As many rows as `records`, in order, without null and without NaN.
    """
    if records.num_rows <= CHUNK_ROWS:
        return _chunk(records)
    starts = range(0, records.num_rows, CHUNK_ROWS)
    parts = [_chunk(records.slice(start, CHUNK_ROWS)) for start in starts]
    return pa.concat_batches(parts)


def _chunk(records: pa.RecordBatch) -> pa.RecordBatch:
    raws = list(_raw_texts(records.column("subject"), records.column("body")))
    text = pa.array([model_text(raw) for raw in raws], pa.string())
    structure = pa.array(structural_features(raws).ravel())
    columns = [structure.slice(i * len(raws), len(raws)) for i in range(len(STRUCTURAL))]
    return pa.record_batch([text, *columns], schema=FEATURE_SCHEMA)


def _raw_texts(subjects: pa.Array, bodies: pa.Array) -> Iterator[str]:
    # Cut before conversion: of a 10 MB body only the start becomes a Python string.
    capped = pc.utf8_slice_codeunits(bodies, 0, MAX_CHARACTERS)
    for subject, body in zip(subjects.to_pylist(), capped.to_pylist(), strict=True):
        yield raw_text(subject or "", body or "")
