"""The settings of the record index."""

from pathlib import Path

from pydantic import Field

from platform_core.settings import StorageSettings


class RecordIndexSettings(StorageSettings):
    """The file of the index, on a local disk, and how often it is updated (seconds).

    With `record_search_text` the text fields of logged inputs can be searched, after redaction.
    """

    record_index_file: Path
    record_index_seconds: float = Field(default=1.0, gt=0)
    record_search_text: bool = False
