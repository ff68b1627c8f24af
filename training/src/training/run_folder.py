"""What the steps of one pipeline run hand to one another, in blob storage.

Nothing else reads the folder of a run, so an interrupted run leaves nothing that could be mistaken
for a release.
"""

import json
from dataclasses import dataclass
from typing import Any

from platform_core.ports.blob_store import BlobStore
from platform_core.storage import run_path

TRAINING = "training.json"
METRICS = "metrics.json"
ANSWERS = "answers.parquet"
SLICES = "slices.json"
PARITY = "parity.json"
RELEASE = "release.json"
MODEL_PICKLE = "model.pkl"
MODEL_ONNX = "model.onnx"
BASELINE = "baseline.parquet"
FAILURE = "failure.json"


@dataclass(frozen=True)
class RunFolder:
    """One run's folder; names are relative to it."""

    store: BlobStore
    use_case: str
    run_id: str

    @property
    def path(self) -> str:
        """The folder's path in blob storage."""
        return run_path(self.use_case, self.run_id)

    def write(self, name: str, data: bytes) -> None:
        """Write one file."""
        self.store.write(f"{self.path}/{name}", data)

    def read(self, name: str) -> bytes:
        """Read one file; `BlobNotFound` when the step before did not write it."""
        return self.store.read(f"{self.path}/{name}")

    def write_json(self, name: str, value: Any) -> None:
        """Write `value` as JSON."""
        self.write(name, json.dumps(value, indent=1, sort_keys=True).encode())

    def read_json(self, name: str) -> Any:
        """Read JSON."""
        return json.loads(self.read(name))

    def delete(self, name: str) -> None:
        """Delete one file; one that is not there is fine."""
        self.store.delete(f"{self.path}/{name}")

    def has(self, name: str) -> bool:
        """Say whether the file is there."""
        return self.store.exists(f"{self.path}/{name}")
