"""Where records come from: files of several kinds, mail, URLs, blobs, Hugging Face, labelled
predictions, a generator.
"""

from data_pipeline.sources.request import (
    DEFAULT_ROWS,
    FEEDBACK,
    GENERATED,
    IngestRequest,
    join_sources,
    parse_columns,
    shown,
    source_names,
    split_sources,
)

__all__ = [
    "DEFAULT_ROWS",
    "FEEDBACK",
    "GENERATED",
    "IngestRequest",
    "join_sources",
    "parse_columns",
    "shown",
    "source_names",
    "split_sources",
]
