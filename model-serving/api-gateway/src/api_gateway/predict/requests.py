"""A prediction request that passed every check."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from api_gateway.http.context import RequestContext
from api_gateway.routing.target import RoutedRelease, ServingTarget
from platform_core.contracts.inference_record import Purpose
from platform_core.contracts.serving_state import ServingRole
from use_cases import UseCase


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """One or more records of a use case; `size` is the number of bytes of the body.

    `routing_key` is that of all records, if the caller sent one. `role` asks the release of this
    role and no other. `digits` are the random digits of the predictions' ids, where they had to be
    known before the predictions. `failed` is the canary that could not answer. A `partial` request
    has some of the records of another one.
    """

    context: RequestContext
    case: UseCase
    target: ServingTarget
    purpose: Purpose
    records: Sequence[BaseModel]
    size: int
    routing_key: str | None = None
    role: ServingRole | None = None
    digits: Sequence[str] | None = None
    failed: RoutedRelease | None = None
    partial: bool = False

    @property
    def rows(self) -> int:
        """The number of records."""
        return len(self.records)
