"""Deploy: staging serves the release."""

from training.bootstrap import Platform
from training.run_folder import RunFolder

ACTOR = "training-pipeline"


def run(platform: Platform, run: RunFolder, release_id: str) -> str:
    """Let staging serve the release; return what it serves.

    Raises:
        PlatformError: it could not be deployed; the release before keeps serving.
    """
    reason = f"pipeline run {run.run_id}"
    platform.releases.deploy_to_staging(run.use_case, release_id, ACTOR, reason)
    return release_id
