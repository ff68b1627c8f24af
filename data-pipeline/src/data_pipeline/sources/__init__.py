"""Where records come from: files of several kinds, mail, URLs, blobs, Hugging Face, a generator."""

from data_pipeline.sources.request import (
    DEFAULT_ROWS,
    GENERATED,
    IngestRequest,
    parse_columns,
    shown,
)

__all__ = ["DEFAULT_ROWS", "GENERATED", "IngestRequest", "parse_columns", "shown"]
