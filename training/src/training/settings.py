"""What training reads from the environment, in addition to the shared settings."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from platform_core.settings import Settings

DEFAULT_MIN_LABELS = 100


class RetrainSource(StrEnum):
    """What a retraining of a use case reads: labelled predictions, the source that the release
    was trained on, or (`auto`) labelled predictions once there are enough.
    """

    AUTO = "auto"
    FEEDBACK = "feedback"
    LAST = "last"


def _pairs(value: object) -> object:
    """Return the pairs in a text such as `spam=last churn=feedback`."""
    if not isinstance(value, str):
        return value
    return dict(part.partition("=")[::2] for part in value.split())


class TrainingSettings(Settings):
    """Where runs leave their files, and how the pipeline and its steps run.

    `training_image` carries a tag or digest; releases are pinned to a `serving_image` with a
    digest. With `kfp_endpoint` the pipeline runs on that Kubeflow server, whose state is read
    every `kfp_poll_seconds`. `ray_steps` says where the steps that compute on Ray run: in their
    own process (`driver`, on a node of the cluster) or as jobs of the cluster (`job`).
    `run_id` is the run a step belongs to, set by what starts the step; with `reuse_step_results`
    a step that finished with the same inputs and parameters is not repeated. The scheduler
    serves its metrics at `scheduler_host` and `scheduler_port`. Retrain requests
    are read every `scheduler_interval_seconds`; `retrain_sources` says by use case where the data
    of a retraining comes from, and `auto` takes labelled predictions from `retrain_min_labels` new
    ones on. `smoke_rows` test records are sent to a new release.
    """

    platform_home: Path
    training_image: str
    serving_image: str = ""
    scheduler_host: str = "127.0.0.1"
    scheduler_port: int = Field(default=8071, gt=0)
    scheduler_interval_seconds: float = Field(default=30, gt=0)
    retrain_sources: Annotated[Mapping[str, RetrainSource], NoDecode, BeforeValidator(_pairs)] = (
        Field(default_factory=dict)
    )
    retrain_min_labels: int = Field(default=DEFAULT_MIN_LABELS, ge=1)
    kfp_endpoint: str | None = None
    kfp_poll_seconds: float = Field(default=10, gt=0)
    ray_steps: Literal["driver", "job"] = "driver"
    run_id: str = ""
    reuse_step_results: bool = False
    smoke_rows: int = Field(default=50, ge=1, le=100)


def step_environment(run_id: str, reuse_step_results: bool) -> dict[str, str]:
    """Return the environment of the steps of a run on this machine."""
    values = {"RUN_ID": run_id, "REUSE_STEP_RESULTS": str(reuse_step_results).lower()}
    return {**os.environ, **values}
