"""One flower as a caller sends it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MIN_CENTIMETRES = 0.0
MAX_CENTIMETRES = 100.0
Centimetres = Annotated[float, Field(ge=MIN_CENTIMETRES, le=MAX_CENTIMETRES, allow_inf_nan=False)]


class IrisRecord(BaseModel):
    """Sepal length, sepal width, petal length, petal width, in centimetres."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: Annotated[list[Centimetres], Field(min_length=4, max_length=4)]
