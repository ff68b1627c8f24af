"""The parameters of a pipeline run: defined once, and derived everywhere else.

The options of the command line, the input of the KFP pipeline and the lineage of a release come
from the fields of `RunParameters`: a new parameter is one more field.
"""

import re
import shlex
from typing import Any, Self

from pydantic import Field, model_validator

from data_pipeline.parameters import SourceParameters
from data_pipeline.sources import source_names
from platform_core.contracts.base import Contract
from platform_core.errors import InvalidData

LEAST_TRIALS = 4
_WEIGHT = re.compile(r"\d{1,6}(\.\d{1,6})?")


class RunParameters(SourceParameters):
    """What the caller of a run may choose; the description of a field is the help of its option.

    Raises:
        InvalidData: `weights` is malformed or names no source of `data`.
    """

    weights: str = Field(
        default="",
        description='Weight of each row of a source (default 1), e.g. "a.csv=2 b.mbox=0.5".',
    )

    trials: int = Field(
        default=0,
        ge=0,
        le=1_000,
        description=f"Number of candidate settings to try; 0: each candidate's defaults, and at "
        f"least {LEAST_TRIALS}.",
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
    evidence: str = Field(
        default="", description="What the run was requested for, e.g. a report and its verdict."
    )
    git_sha: str = Field(default="", description="Commit of the code. Default: the checkout's.")

    @model_validator(mode="after")
    def _weights_name_sources(self) -> Self:
        known = source_names(self.data)
        unknown = [name for name in self.source_weights if name not in known]
        if unknown and not self.base:
            raise InvalidData(
                f"WEIGHTS names {', '.join(unknown)}; the sources of DATA are "
                f"{', '.join(known) or 'not several'}"
            )
        return self

    @property
    def source_weights(self) -> dict[str, float]:
        """The weights by the names of the sources."""
        weights = {}
        for part in shlex.split(self.weights):
            name, _, number = part.rpartition("=")
            if not name or not _WEIGHT.fullmatch(number) or not float(number):
                raise InvalidData(
                    f"cannot parse {part!r} in WEIGHTS; write <source>=<number above 0>, for "
                    'example WEIGHTS="mail.parquet=2"'
                )
            weights[name] = float(number)
        return weights


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
    logits: bool = Field(default=False, description="The output is logits, not probabilities.")
    threshold: float | None = Field(
        default=None, ge=0, le=1, description="Predict the positive class from this probability up."
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
