"""Pipeline runs, dataset versions and use cases."""

from pydantic import TypeAdapter

from mlplatform_client.endpoints import PAGE_SIZE, Listing, Resource, TransportT, endpoint, pages
from mlplatform_client.flows import Flow, Request, get, segment
from mlplatform_client.models.history import (
    DatasetPage,
    DatasetVersion,
    PipelineRun,
    RetrainingOutcome,
    RetrainingPage,
    RunPage,
    UseCaseDocument,
)
from mlplatform_client.streams import streaming

UseCaseDocuments = list[UseCaseDocument]
_USE_CASES = TypeAdapter(UseCaseDocuments)


class RunsResource(Resource[TransportT]):
    """Runs of the training pipeline."""

    @pages
    def list(
        self,
        use_case: str | None = None,
        *,
        run_id: str | None = None,
        newest: bool = False,
        page_size: int = PAGE_SIZE,
    ) -> Listing[RunPage, PipelineRun]:
        """List pipeline runs with their steps, newest first. `run_id` selects one, `newest` the
        last one of each use case.
        """
        wanted: dict[str, object] = {
            "use_case": use_case,
            "run_id": run_id,
            "newest": True if newest else None,
            "limit": page_size,
        }
        return Listing(
            lambda cursor: get("/runs", RunPage, **wanted, cursor=cursor), lambda page: page.runs
        )


class RetrainingResource(Resource[TransportT]):
    """Retraining requests."""

    @pages
    def list(
        self,
        use_case: str | None = None,
        *,
        request_id: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Listing[RetrainingPage, RetrainingOutcome]:
        """List retraining requests with their reasons, newest first. `request_id` selects one."""
        wanted: dict[str, object] = {
            "use_case": use_case,
            "request_id": request_id,
            "limit": page_size,
        }
        return Listing(
            lambda cursor: get("/retraining", RetrainingPage, **wanted, cursor=cursor),
            lambda page: page.retraining,
        )


class DatasetsResource(Resource[TransportT]):
    """Dataset versions."""

    @pages
    def list(
        self,
        use_case: str | None = None,
        *,
        version: str | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Listing[DatasetPage, DatasetVersion]:
        """List dataset versions, newest first. `version` selects one and adds its data report."""
        wanted: dict[str, object] = {"use_case": use_case, "version": version, "limit": page_size}
        return Listing(
            lambda cursor: get("/datasets", DatasetPage, **wanted, cursor=cursor),
            lambda page: page.datasets,
        )

    @streaming
    def report_page(self, use_case: str, dataset_version: str) -> Request:
        """Open the data report, an HTML page: a context whose value is iterated over by chunks."""
        path = f"/datasets/{segment(use_case)}/{segment(dataset_version)}/report"
        return Request("GET", path)


class UseCasesResource(Resource[TransportT]):
    """The installed use cases."""

    @endpoint
    def list(self) -> Flow[UseCaseDocuments]:
        """Return the installed use cases with the schemas of their records."""
        return get("/use-cases", _USE_CASES)
