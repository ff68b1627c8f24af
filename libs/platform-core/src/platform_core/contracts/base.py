"""What all contracts share."""

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A frozen value; unknown keys are refused so that a misspelt one is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
