"""The features of an e-mail: its normalised text, its structure, its topics.

One pure function for training, online, batch and monitoring. Structural features are shares
and logarithms with an upper bound, so that no mail is an extreme outlier.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from use_cases.feature_schema import FeatureSchema
from use_cases.spam.structure import FREQUENT, STRUCTURAL, structural_features
from use_cases.spam.text import (
    model_words,
    raw_text,
    shown_text,
    without_nul,
)
from use_cases.spam.topics import TOPICAL, topical_features
from use_cases.visible_text import MAX_CHARACTERS as MAX_MARKUP

FEATURE_SCHEMA = FeatureSchema(texts=("text",), numbers=(*STRUCTURAL, *FREQUENT, *TOPICAL))
_STRUCTURE = len((*STRUCTURAL, *FREQUENT))
# Rows held as Python strings at a time.
CHUNK_ROWS = 1_000

__all__ = ["FEATURE_SCHEMA", "STRUCTURAL", "TOPICAL", "normalised_texts", "spam_features"]


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


def normalised_texts(records: pa.RecordBatch) -> pa.Array:
    """Return the normalised text of each record (string), as in the column `text`."""
    return _joined(model_words(shown_text(*mail)) for mail in _mails(records))


def _chunk(records: pa.RecordBatch) -> pa.RecordBatch:
    mails = list(_mails(records))
    words = [model_words(shown_text(*mail)) for mail in mails]
    numbers = np.empty((len(mails), len(FEATURE_SCHEMA.numbers)), np.float32)
    raws = [raw_text(*mail) for mail in mails]
    structural_features(raws, numbers[:, :_STRUCTURE])
    topical_features(words, numbers[:, _STRUCTURE:])
    return FEATURE_SCHEMA.batch([_joined(words)], numbers)


def _joined(texts: Iterable[list[bytes]]) -> pa.Array:
    return pa.array([b" ".join(words) for words in texts], pa.string())


def _mails(records: pa.RecordBatch) -> Iterator[tuple[str, str]]:
    """Yield subject and the start of the body of each record, without NUL."""
    subjects, bodies = records.column("subject"), records.column("body")
    if bodies.get_total_buffer_size() > MAX_MARKUP:
        # Cut before conversion: of a 10 MB body only the start becomes a Python string.
        if pc.any(pc.match_substring(bodies, "\x00")).as_py():
            bodies = pc.replace_substring(bodies, "\x00", "")
        bodies = pc.utf8_slice_codeunits(bodies, 0, MAX_MARKUP)
    for subject, body in zip(subjects.to_pylist(), bodies.to_pylist(), strict=True):
        yield without_nul(subject or ""), without_nul(body or "")
