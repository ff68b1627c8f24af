"""Drift and quality: latest and past reports, and live comparisons."""

from datetime import datetime

from pydantic import TypeAdapter

from mlplatform_client.endpoints import PAGE_SIZE, Listing, Resource, TransportT, endpoint, pages
from mlplatform_client.flows import Flow, get, segment
from mlplatform_client.models.common import PRODUCTION, Environment, ServingRole
from mlplatform_client.models.comparisons import (
    Comparison,
    Disagreement,
    DisagreementList,
    EvidenceHistory,
)
from mlplatform_client.models.drift import DriftInfo, DriftReport, DriftReportPage
from mlplatform_client.models.quality import QualityInfo, QualityReport, QualityReportPage

_DRIFT = TypeAdapter(dict[str, dict[Environment, DriftInfo]])
_QUALITY = TypeAdapter(dict[str, dict[Environment, QualityInfo]])
_HISTORY: TypeAdapter[EvidenceHistory | None] = TypeAdapter(EvidenceHistory | None)
_COMPARISON: TypeAdapter[Comparison | None] = TypeAdapter(Comparison | None)


class MetricsResource(Resource[TransportT]):
    """The latest reports, by use case and environment; status `no-report` before the first one."""

    @endpoint
    def drift(self, use_case: str | None = None) -> Flow[dict[str, dict[Environment, DriftInfo]]]:
        """Return the latest drift reports."""
        return get("/metrics/drift", _DRIFT, use_case=use_case)

    @endpoint
    def quality(
        self, use_case: str | None = None
    ) -> Flow[dict[str, dict[Environment, QualityInfo]]]:
        """Return the latest quality reports."""
        return get("/metrics/quality", _QUALITY, use_case=use_case)


class ReportsResource(Resource[TransportT]):
    """Past reports, newest window first.

    Windows that end from `start` to `end` are listed; by default those of the last week. `role`
    keeps only reports about releases with this role; those of windows without answers belong to
    `stable`.
    """

    @pages
    def drift(
        self,
        use_case: str | None = None,
        *,
        environment: Environment = PRODUCTION,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        role: ServingRole | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Listing[DriftReportPage, DriftReport]:
        """List drift reports."""
        wanted = _wanted("drift", use_case, environment, start, end, role, page_size)
        return Listing(
            lambda cursor: get("/reports", DriftReportPage, **wanted, cursor=cursor),
            lambda page: page.reports,
        )

    @pages
    def quality(
        self,
        use_case: str | None = None,
        *,
        environment: Environment = PRODUCTION,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        role: ServingRole | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Listing[QualityReportPage, QualityReport]:
        """List quality reports."""
        wanted = _wanted("quality", use_case, environment, start, end, role, page_size)
        return Listing(
            lambda cursor: get("/reports", QualityReportPage, **wanted, cursor=cursor),
            lambda page: page.reports,
        )


class ComparisonsResource(Resource[TransportT]):
    """Live evidence about canaries and shadows."""

    @endpoint
    def get(self, use_case: str, environment: Environment = PRODUCTION) -> Flow[Comparison | None]:
        """Return the evidence about the canary or shadow, `None` if there has been none."""
        return get(f"/comparisons/{segment(use_case)}/{segment(environment)}", _COMPARISON)

    @endpoint
    def history(
        self, use_case: str, environment: Environment = PRODUCTION
    ) -> Flow[EvidenceHistory | None]:
        """Return this evidence over time, `None` if there has been none."""
        path = f"/comparisons/{segment(use_case)}/{segment(environment)}/history"
        return get(path, _HISTORY)

    @pages
    def disagreements(
        self, use_case: str, environment: Environment = PRODUCTION, *, page_size: int = PAGE_SIZE
    ) -> Listing[DisagreementList, Disagreement]:
        """List the records that stable and candidate answered differently, newest first."""
        path = f"/comparisons/{segment(use_case)}/{segment(environment)}/disagreements"
        return Listing(
            lambda cursor: get(path, DisagreementList, limit=page_size, cursor=cursor),
            lambda page: page.records,
        )


def _wanted(
    kind: str,
    use_case: str | None,
    environment: str,
    start: datetime | str | None,
    end: datetime | str | None,
    role: str | None,
    limit: int,
) -> dict[str, object]:
    return {
        "kind": kind,
        "use_case": use_case,
        "environment": environment,
        "from": start,
        "to": end,
        "role": role,
        "limit": limit,
    }
