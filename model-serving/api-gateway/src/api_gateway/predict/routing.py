"""Routing of a request's records to the stable release and the canary, each by its own key."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel

from api_gateway.errors import NoReleaseInRole
from api_gateway.predict.requests import PredictionRequest
from api_gateway.routing.target import RoutedRelease
from api_gateway.routing.traffic_split import answers
from platform_core.contracts.prediction_ids import new_random_digits
from platform_core.contracts.serving_state import ServingRole, ServingState


@dataclass(frozen=True, slots=True)
class RoutedRequest:
    """A request, or the part of one, that one release answers.

    `rows` are the places of its records in the whole request.
    """

    release: RoutedRelease
    request: PredictionRequest
    rows: Sequence[int]


def route(request: PredictionRequest, state: ServingState) -> list[RoutedRequest]:
    """Return the request with its release; two parts if both stable and canary get records.

    Raises:
        NoReleaseInRole: the request asks for a role that no release has.
    """
    canary = state.canary
    if request.role is not None:
        return [_whole(request, state, request.role)]
    if canary is None:
        return [_whole(request, state, ServingRole.STABLE)]
    keys, request = _keys(request)
    rows: dict[ServingRole, list[int]] = {}
    for row, key in enumerate(keys):
        role = ServingRole.CANARY if answers(canary, key) else ServingRole.STABLE
        rows.setdefault(role, []).append(row)
    if len(rows) == 1:
        return [_whole(request, state, role) for role in rows]
    return [_part(request, state, role, chosen) for role, chosen in rows.items()]


def routing_key(request: PredictionRequest, record: BaseModel, digits: str) -> str:
    """Return the key of a record: the caller's, else the record's id, else its prediction's."""
    if request.routing_key is not None:
        return request.routing_key
    name = request.case.id_column
    record_id = getattr(record, name, None) if name else None
    return str(record_id) if record_id else digits


def _keys(request: PredictionRequest) -> tuple[list[str], PredictionRequest]:
    """Return the keys of the records, and the request with `digits` if they were needed."""
    digits = request.digits or [""] * request.rows
    pairs = zip(request.records, digits, strict=True)
    keys = [routing_key(request, record, given) for record, given in pairs]
    if all(keys):
        return keys, request
    digits = [new_random_digits() for _ in keys]
    known = [key or own for key, own in zip(keys, digits, strict=True)]
    return known, replace(request, digits=digits)


def _whole(request: PredictionRequest, state: ServingState, role: ServingRole) -> RoutedRequest:
    release = _release(request, state, role)
    return RoutedRequest(release, request, range(request.rows))


def _part(
    request: PredictionRequest, state: ServingState, role: ServingRole, rows: Sequence[int]
) -> RoutedRequest:
    digits = request.digits
    part = replace(
        request,
        records=[request.records[row] for row in rows],
        size=request.size * len(rows) // request.rows,
        digits=digits and [digits[row] for row in rows],
        partial=True,
    )
    return RoutedRequest(_release(request, state, role), part, rows)


def _release(request: PredictionRequest, state: ServingState, role: ServingRole) -> RoutedRelease:
    release_id = state.releases.get(role)
    if release_id is None:
        roles = ", ".join(state.releases) or "none"
        raise NoReleaseInRole(
            f"{request.target} has no {role} release; roles that have one: {roles}"
        )
    return RoutedRelease(request.target, release_id, role)
