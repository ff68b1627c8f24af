"""The scheduler: each retrain request becomes one pipeline run, exactly once."""

from collections.abc import Callable

from platform_core.contracts.drift_report import RetrainRequest
from platform_core.errors import (
    BlobExists,
    BlobNotFound,
    DataUnchanged,
    PlatformError,
    Unavailable,
)
from platform_core.ports.blob_store import BlobStore
from platform_core.reports.retrain_requests import (
    DONE,
    FAILED,
    TAKEN,
    UNCHANGED,
    RetrainRequests,
)
from platform_core.storage import retrain_request_path
from training import metrics
from training.parameters import RunRequest
from training.progress import show
from training.retraining import RetrainSources

RUN = ".run"
"""The run of a request, which is continued with the same parameters."""


class Scheduler:
    """Looks for requests and starts runs with the parameters that `sources` chooses."""

    def __init__(
        self,
        store: BlobStore,
        start: Callable[[str, RunRequest], object],
        sources: RetrainSources,
    ) -> None:
        """`start(name, request)` runs the pipeline to its end."""
        self._store = store
        self._requests = RetrainRequests(store, show)
        self._start = start
        self._sources = sources

    def run_pending(self) -> int:
        """Run every request that is not taken yet and needs no approval; return how many.

        A run that fails is marked with its reason and does not stop the others. When a server is
        unavailable, the request stays open, and its run is continued the next time.
        """
        known = self._requests.all()
        pending = [one for one in known if self._requests.may_run(one) and self._take(one)]
        for request in pending:
            show(f"retraining {request.use_case}: {request.reason}")
            with metrics.processing(request.use_case):
                status = self._process(request)
            metrics.REQUESTS.labels(request.use_case, status).inc()
        return len(pending)

    def _process(self, request: RetrainRequest) -> str:
        """Run a request to its end; return how it ended."""
        try:
            self._start(request.run_id, self._run(request))
        except DataUnchanged as error:
            self._mark(request, UNCHANGED, str(error))
            return metrics.UNCHANGED
        except Unavailable as error:
            show(f"retraining {request.use_case} is tried again later: {error}")
            self._store.delete(self._marker(request, TAKEN))
            return metrics.POSTPONED
        except PlatformError as error:
            self._mark(request, FAILED, str(error))
            return metrics.FAILED
        self._mark(request, DONE, "")
        return metrics.DONE

    def resume(self) -> None:
        """Release the requests that a stopped scheduler had taken and not finished, so that they
        are run again. Called once at the start: one scheduler runs at a time.
        """
        for request in self._requests.all():
            ended = (self._marker(request, suffix) for suffix in (DONE, FAILED, UNCHANGED))
            if not any(self._store.exists(marker) for marker in ended):
                self._store.delete(self._marker(request, TAKEN))

    def _take(self, request: RetrainRequest) -> bool:
        try:
            self._store.create(self._marker(request, TAKEN), b"")
        except BlobExists:
            return False
        return True

    def _run(self, request: RetrainRequest) -> RunRequest:
        """Return the run of a request. It is chosen once: labels that arrive while it runs, or the
        dataset version it makes, do not change what it reads.
        """
        path = self._marker(request, RUN)
        try:
            return RunRequest.model_validate_json(self._store.read(path))
        except BlobNotFound:
            parameters = self._sources.parameters(request)
        run = RunRequest(use_case=request.use_case, parameters=parameters)
        self._store.write(path, run.model_dump_json(indent=1).encode())
        return run

    def _mark(self, request: RetrainRequest, suffix: str, text: str) -> None:
        if text:
            show(f"retraining {request.use_case} {suffix.removeprefix('.')}: {text}")
        self._store.write(self._marker(request, suffix), text.encode())

    @staticmethod
    def _marker(request: RetrainRequest, suffix: str) -> str:
        return retrain_request_path(request.request_id, suffix)
