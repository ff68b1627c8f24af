"""Smoke: the gateway's answers compared with offline scores."""

from training.progress import show
from training.results import SmokeResult, StageResult
from training.steps.context import StepContext
from training.steps.online_check import compare_online


def run(context: StepContext, staged: StageResult) -> SmokeResult:
    """Send rows of the test part through the gateway and compare with offline scores.

    Raises:
        UpstreamUnavailable: the gateway did not answer.
        Refused: an answer is an error, differs, or names another release.
    """
    largest = compare_online(
        context.services, context.case.name, staged.dataset_version, staged.release_id
    )
    show(f"smoke: largest difference between gateway and offline {largest:.2e}")
    return SmokeResult(release_id=staged.release_id, largest_difference=largest)
