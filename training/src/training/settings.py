"""What training reads from the environment beside the shared settings."""

from pathlib import Path

from pydantic import Field

from platform_core.settings import Settings


class TrainingSettings(Settings):
    """Where runs leave their files, and the image a cluster runs the steps in.

    `training_image` carries a tag or digest; a `serving_image` with a digest is what releases are
    pinned to. `scheduler_interval_seconds` is how often retrain
    requests are looked for, `smoke_rows` how many test records are sent to a new release.
    """

    platform_home: Path
    training_image: str
    serving_image: str = ""
    scheduler_interval_seconds: float = Field(default=30, gt=0)
    smoke_rows: int = Field(default=50, ge=1, le=100)
