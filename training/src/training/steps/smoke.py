"""Smoke: the gateway's answers beside offline scores."""

from training.bootstrap import Platform
from training.progress import say
from training.run_folder import RunFolder
from training.smoke import compare_online


def run(platform: Platform, run: RunFolder, dataset_version: str, release_id: str) -> float:
    """Send rows of the test part through the gateway and compare with offline scores.

    Returns the largest difference of a probability.

    Raises:
        Refused: an answer differs by more than the use case's parity, or names another release.
    """
    worst = compare_online(platform, run.use_case, dataset_version, release_id)
    say(f"smoke: largest difference between gateway and offline {worst:.2e}")
    return worst
