"""Release: everything that decides behaviour, under one hash."""

from training.bootstrap import Platform
from training.exported import build
from training.run_folder import RELEASE, RunFolder


def run(platform: Platform, run: RunFolder, feature_view_version: str) -> str:
    """Build the release and return its id; it is kept in the run's folder until it is judged."""
    del platform
    built = build(run, feature_view_version)
    run.write_json(RELEASE, {"release_id": built.id})
    return built.id
