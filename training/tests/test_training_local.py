"""The messages of a run on this machine that is taken up again, or that never was."""

import pytest

from platform_core.errors import NotFound, PlatformError
from training.parameters import RunRequest
from training.pipeline.local import LocalRunner
from training.runs import RunRecords, StepFailure

IRIS = RunRequest(use_case="iris")


def test_the_failure_of_an_earlier_attempt_is_not_reported(blob_store, tmp_path, monkeypatch):
    run = RunRecords(blob_store, "iris", "retrain-one")
    run.fail(StepFailure(step="release", code="x", message="of the first try"))
    monkeypatch.delenv("TRAINING_IMAGE", raising=False)  # the run ends before its first step
    with pytest.raises(PlatformError) as failed:
        LocalRunner(tmp_path, blob_store).run("retrain-one", IRIS)
    assert "of the first try" not in str(failed.value)
    assert "failed unexpectedly" in str(failed.value)


def test_a_run_that_was_never_started_cannot_be_resumed(blob_store, tmp_path):
    (tmp_path / "runs" / "other").mkdir(parents=True)
    (tmp_path / "runs" / "other" / "arguments.json").write_text("{}")
    with pytest.raises(NotFound, match="no run 'one' on this machine; the newest are other"):
        LocalRunner(tmp_path, blob_store).resume("one")
