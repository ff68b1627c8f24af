"""Settings of the data pipeline, in addition to the shared ones."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from platform_core.contracts.environments import Environment
from platform_core.settings import Settings


def _split(value: object) -> object:
    """Return the names in a text that commas separate, each once."""
    if not isinstance(value, str):
        return value
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


Environments = Annotated[
    tuple[Environment, ...], NoDecode, BeforeValidator(_split), Field(min_length=1)
]


class DataSettings(Settings):
    """Where entity histories are kept for Feast, and what becomes of rows.

    `feast_offline_path` is a folder; `data_max_invalid_share` is the share of all rows that may be
    refused; from the estimated Jaccard similarity `data_near_duplicate_similarity` on two texts are
    near duplicates; more than `data_in_process_rows` are checked on Ray. A column whose AUC against
    the label is above `data_leak_auc` gets a warning in the report.
    """

    feast_offline_path: Path
    data_max_invalid_share: float = Field(default=0.5, ge=0, le=1)
    data_near_duplicate_similarity: float = Field(default=0.8, gt=0, le=1)
    data_in_process_rows: int = Field(default=200_000, ge=0)
    data_leak_auc: float = Field(default=0.95, ge=0.5, le=1)


class IngestSettings(Settings):
    """How sources are read.

    Up to `data_in_process_bytes` a source is read in the step's own process, more of it on Ray,
    unless Ray's workers do not see this machine's files (`data_workers_share_files`). More than
    `data_max_unreadable_share` of unreadable files refuse a folder. The rest is for
    URLs: seconds to wait for an answer and for each piece of it, the most bytes, how often it is
    tried, and the pause before the second try (the third waits twice as long). Labelled inference
    records are those of `feedback_environments`.
    """

    data_in_process_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    data_workers_share_files: bool = True
    data_max_unreadable_share: float = Field(default=0.5, ge=0, le=1)
    data_download_timeout_seconds: float = Field(default=30, gt=0)
    data_download_max_bytes: int = Field(default=10 * 1024**3, gt=0)
    data_download_attempts: int = Field(default=3, ge=1, le=10)
    data_download_pause_seconds: float = Field(default=1, ge=0)
    feedback_environments: Environments = (Environment.PRODUCTION,)
