"""Logged predictions: search and passports."""

from collections.abc import Mapping
from datetime import datetime

from mlplatform_client.endpoints import PAGE_SIZE, Listing, Resource, TransportT, endpoint, pages
from mlplatform_client.flows import Flow, get, segment
from mlplatform_client.models.common import Environment
from mlplatform_client.models.predictions import (
    PredictionPage,
    PredictionPassport,
    PredictionSummary,
)


class PredictionsResource(Resource[TransportT]):
    """The predictions that the gateway has logged."""

    @pages
    def search(
        self,
        *,
        use_case: str | None = None,
        environment: Environment | None = None,
        q: str | None = None,
        prediction: str | float | None = None,
        label: str | float | None = None,
        wrong: bool = False,
        release_id: str | None = None,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Listing[PredictionPage, PredictionSummary]:
        """Find predictions, newest first.

        `q` are words that must all be in the record. `label` filters by the current label.
        `wrong=True` keeps predictions whose label is a different class; a regression has none.
        `release_id` may be the first 8 or more digits of an id. `start` is inclusive, `end`
        exclusive; both need a time zone.
        """
        wanted: Mapping[str, object] = {
            "use_case": use_case,
            "environment": environment,
            "q": q,
            "prediction": prediction,
            "label": label,
            "wrong": True if wrong else None,
            "release_id": release_id,
            "from": start,
            "to": end,
            "limit": page_size,
        }
        return Listing(
            lambda cursor: get("/predictions", PredictionPage, **wanted, cursor=cursor),
            lambda page: page.predictions,
        )

    @endpoint
    def get(self, prediction_id: str, *, replay: bool = False) -> Flow[PredictionPassport]:
        """Return everything that is known about a prediction.

        With `replay` its release computes it again, which takes seconds.
        """
        path = f"/predictions/{segment(prediction_id)}"
        return get(path, PredictionPassport, replay=True if replay else None)
