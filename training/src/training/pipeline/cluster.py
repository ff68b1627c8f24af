"""The pipeline runner of a cluster: a Kubeflow Pipelines server (API v2beta1).

A compiled pipeline is uploaded as a version named by its hash, and a run is found by its name:
uploading or starting either again finds the one that is there.
"""

import contextlib
import io
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import urllib3
from kfp import Client
from kfp_server_api import ApiException
from kfp_server_api.models import V2beta1PipelineVersion, V2beta1RecurringRun, V2beta1Run

from platform_core.errors import PlatformError, Refused, UpstreamUnavailable
from platform_core.hashing import sha256_file
from platform_core.ports.blob_store import BlobStore
from training.parameters import RunRequest
from training.pipeline.compile import compile_pipeline
from training.pipeline.definition import NAME
from training.pipeline.runner import EndedRun, ended, failure
from training.progress import show
from training.runs import RunRecords

ENDED = {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED", "ERROR"}
SHOWN = ENDED | {"RUNNING"}
SERVICE_ACCOUNT = "pipeline-runner"
VERSION_LENGTH = 16
PATIENCE_SECONDS = 300.0
MAX_REASON = 1000


class ClusterRunner:
    """Runs the pipeline on the server at `endpoint`; its steps run in `image` and record what
    they did in `store`, under the server's id of the run.

    A server that restarts while a run goes on is polled again for `patience` seconds.
    """

    def __init__(
        self,
        endpoint: str,
        image: str,
        store: BlobStore,
        poll_seconds: float,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._endpoint = endpoint
        self._image = image
        self._store = store
        self._poll = poll_seconds
        self._patience = patience
        with _translated(endpoint), _quiet():
            self._client = Client(host=endpoint)

    def run(self, name: str, request: RunRequest) -> EndedRun:
        """Compile, upload, start, and follow until the end; a run of this name is followed."""
        begin = time.monotonic()
        with _translated(self._endpoint):
            started = self._find_run(name) or self._start(name, request)
        page = f"{self._endpoint}/#/runs/details/{started.run_id}"
        show(page)
        state = self._follow(started.run_id)
        records = RunRecords(self._store, request.use_case, started.run_id)
        if state.state != "SUCCEEDED":
            reason = (state.error.message if state.error else "") or "it gives no reason"
            raise failure(
                records,
                f"the run {name} ended as {state.state}: {reason:.{MAX_REASON}}; see {page}",
            )
        return ended(records, _seconds(state) or time.monotonic() - begin)

    def schedule(self, cron: str, request: RunRequest) -> str:
        """Schedule recurring runs of the pipeline; return the id of the recurring run.

        `cron` has six fields, seconds first. A use case has one recurring run: another replaces it.

        Raises:
            Refused: the server takes no such schedule.
        """
        name = f"{NAME}-{request.use_case}"
        with _translated(self._endpoint), _quiet():
            version = self._upload()
            earlier = list(self._recurring(name))
            made = self._client.create_recurring_run(
                self._experiment(request.use_case),
                name,
                cron_expression=cron,
                no_catchup=True,
                max_concurrency=1,
                params=request.arguments(),
                pipeline_id=version.pipeline_id,
                version_id=version.pipeline_version_id,
                service_account=SERVICE_ACCOUNT,
            )
            for other in earlier:
                self._client.delete_recurring_run(other.recurring_run_id)
        return str(made.recurring_run_id)

    def _start(self, name: str, request: RunRequest) -> V2beta1Run:
        with _quiet():
            version = self._upload()
            return self._client.run_pipeline(
                self._experiment(request.use_case),
                name,
                params=request.arguments(),
                pipeline_id=version.pipeline_id,
                version_id=version.pipeline_version_id,
                service_account=SERVICE_ACCOUNT,
            )

    def _upload(self) -> V2beta1PipelineVersion:
        with tempfile.TemporaryDirectory() as folder:
            package = compile_pipeline(self._image, Path(folder) / "pipeline.yaml")
            name = sha256_file(package)[:VERSION_LENGTH]
            pipeline = self._client.get_pipeline_id(NAME)
            if pipeline is None:
                pipeline = self._client.upload_pipeline(str(package), NAME).pipeline_id
            found = self._client.list_pipeline_versions(pipeline, filter=_named(name))
            for version in found.pipeline_versions or ():
                return version
            return self._client.upload_pipeline_version(str(package), name, pipeline_id=pipeline)

    def _experiment(self, use_case: str) -> str:
        return str(self._client.create_experiment(use_case).experiment_id)

    def _find_run(self, name: str) -> V2beta1Run | None:
        found = self._client.list_runs(filter=_named(name))
        return next(iter(found.runs or ()), None)

    def _recurring(self, name: str) -> Iterator[V2beta1RecurringRun]:
        yield from self._client.list_recurring_runs(filter=_named(name)).recurring_runs or ()

    def _follow(self, run_id: str) -> V2beta1Run:
        shown: dict[str, str] = {}
        while True:
            run = self._ask(lambda: self._client.get_run(run_id))
            details = run.run_details.task_details if run.run_details else None
            for task in details or ():
                if task.state in SHOWN and shown.get(task.display_name) != task.state:
                    shown[task.display_name] = task.state
                    show(f"{task.display_name} {task.state.lower()}")
            if run.state in ENDED:
                return run
            time.sleep(self._poll)

    def _ask(self, request: Callable[[], V2beta1Run]) -> V2beta1Run:
        """Ask until there is an answer: a run goes on while the server's API restarts."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                with _translated(self._endpoint):
                    return request()
            except UpstreamUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(self._poll)


@contextlib.contextmanager
def _translated(endpoint: str) -> Iterator[None]:
    try:
        yield
    except ApiException as error:
        message = f"the Kubeflow server {endpoint} answered {error.status}: {_reason(error)}"
        if error.status and error.status < 500:  # noqa: PLR2004
            raise Refused(message) from error
        raise UpstreamUnavailable(message) from error
    except urllib3.exceptions.HTTPError as error:
        raise UpstreamUnavailable(
            f"the Kubeflow server {endpoint} does not answer: {error}; check KFP_ENDPOINT"
        ) from error
    except ValueError as error:  # what the client itself finds wrong
        raise PlatformError(f"the Kubeflow server {endpoint}: {error}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the client prints: the link of the run is shown once, by us."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This client only works with", FutureWarning)
        yield


def _reason(error: ApiException) -> str:
    try:
        body = json.loads(error.body or "")
        return str(body.get("message") or body.get("error"))[:MAX_REASON]
    except (ValueError, AttributeError):
        return str(error.reason)


def _named(name: str) -> str:
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return json.dumps({"predicates": [predicate]})


def _seconds(run: V2beta1Run) -> float | None:
    """Return how long a run took by the server's clock."""
    if not (run.created_at and run.finished_at):
        return None
    return max(float((run.finished_at - run.created_at).total_seconds()), 0.001)
