"""One flower as a caller sends it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from use_cases.record_schema import ColumnNames, NoColumn

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
Centimetres = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class IrisRecord(BaseModel):
    """Sepal length, sepal width, petal length, petal width, in centimetres."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    features: Annotated[list[Centimetres], Field(min_length=4, max_length=4), ColumnNames(COLUMNS)]
    model_version: Annotated[
        Literal["latest"],
        Field(description="the release that the environment serves"),
        NoColumn(),
    ] = "latest"
