"""The parameters of a pipeline run: defined once, and derived everywhere else.

The options of the command line, the input of the KFP pipeline and the lineage of a release come
from the fields of `RunParameters`: a new parameter is one more field.
"""

from typing import Any

from pydantic import Field, model_validator

from data_pipeline import DEFAULT_ROWS
from data_pipeline.sources import parse_columns, shown
from platform_core.contracts.base import Contract
from platform_core.errors import InvalidData

DEFAULT_TRIALS = 4
DEFAULT_SEED = 7


class RunParameters(Contract):
    """What the caller of a run may choose; the description of a field is the help of its option.

    Raises:
        InvalidData: `columns` is malformed, or given without `data`.
    """

    data: str = Field(
        default="", description="a path, pattern, folder or URL; without it records are generated"
    )
    columns: str = Field(default="", description='your names, e.g. "body=text email_id=sms_id"')
    base: str = Field(
        default="",
        pattern=r"^(latest|[0-9a-f]{16})?$",
        description="add to this dataset version; latest: the newest",
    )
    rows: int = Field(
        default=DEFAULT_ROWS, ge=100, le=10_000_000, description="records to generate"
    )
    trials: int = Field(
        default=DEFAULT_TRIALS, ge=1, le=1_000, description="settings of candidates to try in all"
    )
    budget_minutes: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="start no further trials after this time; 0: no limit",
    )
    seed: int = Field(
        default=DEFAULT_SEED, ge=0, lt=2**31, description="seed of every random choice"
    )
    git_sha: str = Field(default="", description="commit of the code; default: the checkout's")

    @model_validator(mode="after")
    def _columns_need_data(self) -> "RunParameters":
        if parse_columns(self.columns) and not self.data:
            raise InvalidData("COLUMNS maps the columns of a file: name it by DATA as well")
        return self

    def public(self) -> dict[str, Any]:
        """Return the parameters as lineage keeps them: without credentials in the address."""
        return {**self.model_dump(), "data": shown(self.data) if self.data else ""}


class RunRequest(Contract):
    """One run of the pipeline: its arguments are the inputs of the KFP pipeline."""

    use_case: str
    parameters: RunParameters = RunParameters()

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the pipeline function."""
        return self.model_dump(mode="json")
