"""A prediction request that passed every check."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from api_gateway.http.context import RequestContext
from api_gateway.routing.target import ServingTarget
from platform_core.contracts.inference_record import Purpose
from use_cases import UseCase


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """One or more records of a use case; `size` is the number of bytes of the body."""

    context: RequestContext
    case: UseCase
    target: ServingTarget
    purpose: Purpose
    records: Sequence[BaseModel]
    size: int

    @property
    def rows(self) -> int:
        """The number of records."""
        return len(self.records)
