"""The parameters of a pipeline run: the same on a laptop and on a cluster."""

from typing import Any

from pydantic import Field

from data_pipeline import DEFAULT_ROWS, parse_columns
from platform_core.contracts.base import Contract
from platform_core.errors import InvalidData
from training.pipeline.definition import DEFAULT_SEED, DEFAULT_TRIALS


class RunParameters(Contract):
    """What a person may choose: `data` is a path, pattern, folder or URL, empty for generated
    records; `columns` maps names (`"body=text"`); `rows` is how many records are generated;
    `trials` how many settings of candidates are tried in all, `budget_minutes` after which no
    further ones are begun (0: no limit); `base` is a dataset version that the data is added to,
    "latest" the newest one.
    """

    data: str = ""
    columns: str = ""
    rows: int = Field(default=DEFAULT_ROWS, ge=100, le=10_000_000)
    trials: int = Field(default=DEFAULT_TRIALS, ge=1, le=1_000)
    budget_minutes: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    seed: int = Field(default=DEFAULT_SEED, ge=0, lt=2**31)
    git_sha: str = ""
    base: str = Field(default="", pattern=r"^(latest|[0-9a-f]{16})?$")

    def arguments(self, use_case: str, run_id: str) -> dict[str, Any]:
        """Return the arguments of the pipeline function.

        Raises:
            InvalidData: `columns` is malformed, or given without `data`.
        """
        if parse_columns(self.columns) and not self.data:
            raise InvalidData("COLUMNS maps the columns of a file: name it by DATA as well")
        return {"use_case": use_case, "run_id": run_id, **self.model_dump()}
