"""Training from a notebook."""

import shlex
from pathlib import Path
from typing import Any

import pandas as pd

from training.bootstrap import TrainingServices
from training.launch import new_run_name, run_pipeline, run_request
from training.parameters import RunParameters


def train(frame: pd.DataFrame, use_case: str, file: Path | str, **parameters: Any) -> str:
    """Run the pipeline on a table, as `mlplatform run-pipeline --data FILE` does.

    The table is written to `file` (Parquet) and stays there: a retraining reads it again.
    `parameters` are fields of `RunParameters`, e.g. `trials=4`.

    Returns:
        The id of the release, which staging serves.

    Raises:
        PlatformError: the table cannot be used, or no candidate passed the gates.
    """
    path = Path(file).absolute()
    frame.to_parquet(path, index=False)
    request = run_request(use_case, RunParameters(data=shlex.quote(str(path)), **parameters))
    services = TrainingServices()
    return run_pipeline(services, new_run_name(services), request)
