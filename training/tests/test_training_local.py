"""What a run that is taken up again says when it fails."""

import pytest

from platform_core.errors import PlatformError
from training.pipeline.local import LocalRunner
from training.pipeline.parameters import RunParameters
from training.run_folder import FAILURE, RunFolder


def test_an_earlier_failure_is_not_told_as_the_present_one(blob_store, tmp_path, monkeypatch):
    run = RunFolder(blob_store, "iris", "retrain-one")
    run.write_json(FAILURE, {"step": "gate", "code": "x", "message": "of the first try"})
    monkeypatch.delenv("TRAINING_IMAGE", raising=False)  # the run ends before its first step
    with pytest.raises(PlatformError) as failed:
        LocalRunner(tmp_path).run(run, RunParameters())
    assert "of the first try" not in str(failed.value)
    assert "failed unexpectedly" in str(failed.value)
