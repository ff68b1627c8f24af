"""The process that keeps the record index up to date."""

import subprocess
import sys

from platform_core.testing.machine import child_environment

DEADLINE_SECONDS = 60


def test_a_parent_that_ended_during_the_start_is_noticed(tmp_path) -> None:
    """Its parent is another process than the one that started it, which is gone."""
    settings = {
        "BLOB_STORE_URL": (tmp_path / "blob").as_uri(),
        "RECORD_INDEX_FILE": str(tmp_path / "index.sqlite"),
    }
    ended = subprocess.run(["/bin/sh", "-c", "echo $$"], capture_output=True, text=True, check=True)
    command = [sys.executable, "-m", "records", ended.stdout.strip()]
    done = subprocess.run(
        command, env=child_environment(settings), timeout=DEADLINE_SECONDS, check=False
    )
    assert done.returncode == 0
