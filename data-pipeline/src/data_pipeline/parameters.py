"""The parameters of a source: defined once for data reports and pipeline runs."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from data_pipeline.sources import (
    DEFAULT_ROWS,
    FEEDBACK,
    IngestRequest,
    join_sources,
    parse_columns,
    shown,
    split_sources,
)
from platform_core.contracts.base import Contract
from platform_core.errors import InvalidData

DEFAULT_SEED = 7


class SourceParameters(Contract):
    """A source of records; the description of a field is the help of its option.

    Raises:
        InvalidData: `columns` is malformed, or given without `data`.
    """

    data: str = Field(
        default="",
        description="A path, pattern, folder or URL, or several in quotes, which are pooled; "
        "feedback: labelled predictions; without it records are generated.",
    )
    columns: str = Field(default="", description='Your names, e.g. "body=text email_id=sms_id".')
    base: str = Field(
        default="",
        pattern=r"^(latest|[0-9a-f]{16})?$",
        description="Add to this dataset version; latest: the newest.",
    )
    rows: int = Field(
        default=DEFAULT_ROWS, ge=100, le=10_000_000, description="Records to generate."
    )
    seed: int = Field(
        default=DEFAULT_SEED, ge=0, lt=2**31, description="Seed of every random choice."
    )

    @model_validator(mode="after")
    def _columns_need_data(self) -> Self:
        if parse_columns(self.columns) and not self.data:
            raise InvalidData("COLUMNS needs DATA: it maps the columns of a source")
        if self.columns and self.data == FEEDBACK:
            raise InvalidData("labelled predictions have the use case's columns: leave COLUMNS out")
        return self

    @property
    def request(self) -> IngestRequest:
        """The source as the ingest takes it."""
        return IngestRequest(self.data, parse_columns(self.columns), self.rows, self.seed)

    def public(self) -> dict[str, Any]:
        """Return the parameters as lineage keeps them: without credentials in the address, and
        the rows to generate only where rows were generated.
        """
        if not self.data:
            return self.model_dump()
        return {**self.model_dump(exclude={"rows"}), "data": shown(self.data)}

    def absolute(self) -> Self:
        """Return the parameters with relative paths made absolute; a URL stays as it is."""
        if self.data in {"", FEEDBACK}:
            return self
        sources = [
            one if "://" in one else str(Path.cwd() / one) for one in split_sources(self.data)
        ]
        return self.model_copy(update={"data": join_sources(sources)})
