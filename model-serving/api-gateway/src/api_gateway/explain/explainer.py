"""Leave-one-out: one call predicts the record, and the record without each of its parts."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from pydantic import BaseModel

from api_gateway.explain.documents import ExplainedPart, PredictionExplanation
from api_gateway.explain.parts import RecordPart, Row, record_parts
from api_gateway.routing.target import RoutedRelease
from api_gateway.routing.upstream import ServedScores, ServiceClients
from use_cases import UseCase


async def explain(
    services: ServiceClients,
    release: RoutedRelease,
    case: UseCase,
    record: BaseModel,
    request_id: str,
) -> PredictionExplanation:
    """Explain the prediction of a release for one record; raises like `services.infer`."""
    columns = case.declaration.values([record])
    row = {name: values[0] for name, values in columns.items()}
    parts = record_parts(case, row)
    rows = [row, *({**row, part.field: one} for part in parts for one in part.replacements)]
    tensors = {name: [one[name] for one in rows] for name in row}
    scores = await services.infer(release, tensors, request_id)
    prediction: Any = scores.predictions[0]
    score_of: str | None = prediction if case.classes else None
    values = _values(case, scores, score_of)
    return PredictionExplanation(
        release_id=scores.release_id,
        role=release.role,
        environment=release.target.environment,
        prediction=prediction,
        score_of=score_of,
        score=values[0],
        parts=_explained(parts, row, values),
        rows=len(rows),
        degraded=scores.degraded,
    )


def _values(case: UseCase, scores: ServedScores, score_of: str | None) -> list[float]:
    if score_of is None:
        return [float(one) for one in scores.predictions]
    place = case.classes.index(score_of)
    return [float(one[place]) for one in scores.probabilities]


def _explained(parts: Sequence[RecordPart], row: Row, values: list[float]) -> list[ExplainedPart]:
    score, rest = values[0], iter(values[1:])
    found: list[ExplainedPart] = []
    for part in parts:
        without = [next(rest) for _ in part.replacements]
        start, end = part.span or (None, None)
        value: Any = row[part.field] if part.span is None else row[part.field][start:end]
        replaced = [one for one in part.replacements if one is not None] if not part.span else []
        change = score - fmean(without) if without else None
        found.append(
            ExplainedPart(
                field=part.field,
                value=value,
                start=start,
                end=end,
                replaced_by=replaced,
                change=change,
            )
        )
    return found
