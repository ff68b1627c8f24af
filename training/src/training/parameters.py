"""The parameters of a pipeline run: defined once, and derived everywhere else.

The options of the command line, the input of the KFP pipeline and the lineage of a release come
from the fields of `RunParameters`: a new parameter is one more field.
"""

from typing import Any

from pydantic import Field

from data_pipeline.parameters import SourceParameters
from platform_core.contracts.base import Contract

DEFAULT_TRIALS = 4


class RunParameters(SourceParameters):
    """What the caller of a run may choose; the description of a field is the help of its option."""

    trials: int = Field(
        default=DEFAULT_TRIALS, ge=1, le=1_000, description="Settings of candidates to try in all."
    )
    budget_minutes: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Start no further trials after this time; 0: no limit.",
    )
    unless_version: str = Field(
        default="",
        pattern=r"^([0-9a-f]{16})?$",
        description="Stop after reading the source if it gives this dataset version again.",
    )
    git_sha: str = Field(default="", description="Commit of the code. Default: the checkout's.")


class ImportOptions(Contract):
    """What the caller of an import may say about a model; descriptions are the help of options."""

    holdout: str = Field(
        default="", description="Labelled rows that the model has not seen: a path or a URL."
    )
    columns: str = Field(default="", description='Your names, e.g. "body=text email_id=sms_id".')
    classes: str = Field(
        default="", description='Its labels in the order of its output, e.g. "ham spam".'
    )
    output: str = Field(default="", description="Name of the output to use.")
    logits: bool = Field(default=False, description="The output are logits, not probabilities.")
    threshold: float | None = Field(
        default=None, ge=0, le=1, description="Answer the positive class from this probability on."
    )
    trust_pickle: bool = Field(
        default=False, description="Read a pickle, which runs code that its author chose."
    )


class RunRequest(Contract):
    """One run of the pipeline: its arguments are the inputs of the KFP pipeline."""

    use_case: str
    parameters: RunParameters = RunParameters()

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the pipeline function."""
        return self.model_dump(mode="json")
