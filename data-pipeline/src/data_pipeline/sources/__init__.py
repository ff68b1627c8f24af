"""Where records come from: files of several kinds, mail, URLs, blobs, Hugging Face, a generator."""

from data_pipeline.sources.request import (
    DEFAULT_ROWS,
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
    "GENERATED",
    "IngestRequest",
    "join_sources",
    "parse_columns",
    "shown",
    "source_names",
    "split_sources",
]
