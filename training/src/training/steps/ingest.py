"""Ingest: from a source to raw records."""

from data_pipeline.ray_session import ray_session
from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest, ingest, parse_columns
from training.bootstrap import Platform
from training.progress import say
from training.run_folder import RunFolder
from use_cases import use_case

# Of many odd files the first ones tell the story; all are in the summary.
SHOWN = 10


def run(platform: Platform, run: RunFolder, data: str, columns: str, rows: int, seed: int) -> int:
    """Read the source into the run's folder and return the number of rows.

    Raises:
        InvalidData: the source cannot be used.
        UpstreamUnavailable: a server that holds it, or Ray, does not answer.
    """
    request = IngestRequest(data, parse_columns(columns), rows, seed)
    case = use_case(run.use_case)
    summary = ingest(case, platform.store, run.path, request, say, IngestSettings(), ray_session)
    for file in summary.unreadable[:SHOWN]:
        say(f"left out {file.file}: {file.reason}")
    for warning in summary.warnings[:SHOWN]:
        say(warning)
    return summary.rows
