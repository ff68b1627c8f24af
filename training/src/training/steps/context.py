"""What a step is called with and what it works with."""

from dataclasses import dataclass

from platform_core.contracts.base import Contract
from platform_core.ports.blob_store import BlobStore
from training.bootstrap import TrainingServices
from training.parameters import RunParameters
from training.runs import RunRecords
from use_cases import UseCase, use_case


class StepCall(Contract):
    """The call of a step; `inputs` are the folders of the steps that it reads, by input."""

    step: str
    use_case: str
    parameters: RunParameters
    inputs: dict[str, str]


@dataclass(frozen=True)
class StepContext:
    """A running step."""

    services: TrainingServices
    run: RunRecords
    call: StepCall

    @property
    def case(self) -> UseCase:
        """The use case of the run."""
        return use_case(self.call.use_case)

    @property
    def parameters(self) -> RunParameters:
        """The parameters of the run."""
        return self.call.parameters

    @property
    def store(self) -> BlobStore:
        """The blob store."""
        return self.services.store

    @property
    def folder(self) -> str:
        """Where the files of the step go."""
        return self.run.folder(self.call.step)

    def write(self, name: str, data: bytes) -> str:
        """Write a file of the step and return its path."""
        path = f"{self.folder}/{name}"
        self.store.write(path, data)
        return path
