"""Settings of the batch job, read once in `bootstrap`."""

from pydantic import Field

from platform_core.settings import Settings


class BatchSettings(Settings):
    """How the input is split into chunks, and how many invalid rows are tolerated.

    `batch_chunk_bytes` bounds chunks of large records; `batch_max_invalid_share` is a share of
    all rows of the input.
    """

    batch_chunk_rows: int = Field(default=10_000, ge=1)
    batch_chunk_bytes: int = Field(default=64 << 20, ge=1)
    batch_small_rows: int = Field(default=20_000, ge=0)
    batch_tasks_in_flight: int = Field(default=4, ge=1)
    batch_max_invalid_share: float = Field(default=0.5, ge=0, le=1)
    batch_online_store_timeout_seconds: float = Field(default=5, gt=0)
