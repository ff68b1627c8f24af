"""What training reads from the environment beside the shared settings."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from platform_core.settings import Settings


class TrainingSettings(Settings):
    """Where runs leave their files, and the image a cluster runs the steps in.

    `training_image` carries a tag or digest; a `serving_image` with a digest is what releases are
    pinned to. `scheduler_interval_seconds` is how often retrain
    requests are looked for, `smoke_rows` how many test records are sent to a new release.
    With `kfp_endpoint` the pipeline runs on that Kubeflow server, which is asked every
    `kfp_poll_seconds` how it goes. `ray_steps` says where the steps that compute on Ray run: here
    (`driver`, on a node of the cluster) or as jobs of the cluster (`job`).
    """

    platform_home: Path
    training_image: str
    serving_image: str = ""
    scheduler_interval_seconds: float = Field(default=30, gt=0)
    kfp_endpoint: str | None = None
    kfp_poll_seconds: float = Field(default=10, gt=0)
    ray_steps: Literal["driver", "job"] = "driver"
    smoke_rows: int = Field(default=50, ge=1, le=100)
