"""The response that explains a prediction."""

from typing import Annotated

from pydantic import BaseModel, Field

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole

Value = str | float | None


class ExplainedPart(BaseModel):
    """A part of the record, and the change of the score when it is left out.

    For a word or sentence `value` is its text, from `start` to `end` (characters of the field). A
    field that cannot be left out is replaced by other values, and `change` is their mean.
    """

    field: str
    value: Value
    start: int | None
    end: int | None
    replaced_by: Annotated[
        list[Value], Field(description="values in its place; empty: it was left out")
    ]
    change: Annotated[
        float | None,
        Field(
            description="the score minus the score without this part: above 0 the part raised it; "
            "null: there is nothing to put in its place"
        ),
    ]


class PredictionExplanation(BaseModel):
    """An explanation of a prediction, measured on the release that serves it.

    `score` is the probability of the class `score_of`, the predicted one; for regression it is the
    predicted number, and `score_of` is null. Changes of several parts do not sum to the score.
    """

    release_id: str
    role: ServingRole
    environment: Environment
    prediction: str | float
    score_of: str | None
    score: float
    parts: list[ExplainedPart]
    rows: Annotated[int, Field(description="records that were predicted for it; none is logged")]
    degraded: Annotated[bool, Field(description="true when the feature store was unavailable")]
