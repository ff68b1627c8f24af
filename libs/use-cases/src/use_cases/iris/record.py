"""One flower as a caller sends it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from use_cases.record_schema import ColumnNames

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
Centimetres = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class IrisRecord(BaseModel):
    """Sepal length, sepal width, petal length, petal width, in centimetres."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: Annotated[list[Centimetres], Field(min_length=4, max_length=4), ColumnNames(COLUMNS)]
