"""One flower as a caller sends it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from use_cases.record_schema import ColumnNames

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
VERSION, LATEST = "model_version", "latest"
Centimetres = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


def _document_version(schema: dict[str, Any]) -> None:
    schema["properties"][VERSION] = {"const": LATEST, "default": LATEST}


class IrisRecord(BaseModel):
    """Sepal length, sepal width, petal length, petal width, in centimetres.

    A request may ask for `"model_version": "latest"`, which is what it gets without.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_document_version)

    features: Annotated[list[Centimetres], Field(min_length=4, max_length=4), ColumnNames(COLUMNS)]

    @model_validator(mode="before")
    @classmethod
    def _without_version(cls, given: Any) -> Any:
        if not isinstance(given, dict) or VERSION not in given:
            return given
        if given[VERSION] != LATEST:
            raise PydanticCustomError(VERSION, "model_version is not 'latest', the only one")
        return {name: value for name, value in given.items() if name != VERSION}
