"""What the data pipeline reads from the environment beside the shared settings."""

from pathlib import Path

from pydantic import Field

from platform_core.settings import Settings


class DataSettings(Settings):
    """Where entity histories are kept for Feast, and how many bad rows are too many.

    `feast_offline_path` is a folder; `data_max_invalid_share` is a share of all rows.
    """

    feast_offline_path: Path
    data_max_invalid_share: float = Field(default=0.5, ge=0, le=1)
