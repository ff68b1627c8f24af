"""The pipeline runner of a cluster: a Kubeflow Pipelines server (API v2beta1).

What is compiled is a version named by its hash, a run is named by its id: uploading or starting
either again finds the one that is there.
"""

import contextlib
import io
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import urllib3
from kfp import Client
from kfp_server_api import ApiException
from kfp_server_api.models import V2beta1PipelineVersion, V2beta1RecurringRun, V2beta1Run

from platform_core.errors import PlatformError, Refused, UpstreamUnavailable
from platform_core.hashing import sha256_file
from training.pipeline.compile import compile_pipeline
from training.pipeline.definition import NAME
from training.pipeline.parameters import RunParameters
from training.pipeline.runner import Timings, failure, timings
from training.progress import say
from training.run_folder import FAILURE, RunFolder

ENDED = {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED", "ERROR"}
SHOWN = ENDED | {"RUNNING"}
SERVICE_ACCOUNT = "pipeline-runner"
VERSION_LENGTH = 16
PATIENCE_SECONDS = 300.0
MAX_REASON = 1000


class ClusterRunner:
    """Runs the pipeline on the server at `endpoint`; its steps run in `image`.

    A server that restarts while a run goes on is asked again for `patience` seconds.
    """

    def __init__(
        self, endpoint: str, image: str, poll_seconds: float, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._endpoint = endpoint
        self._image = image
        self._poll = poll_seconds
        self._patience = patience
        with _translated(endpoint), _quiet():
            self._client = Client(host=endpoint)

    def run(self, run: RunFolder, parameters: RunParameters) -> Timings:
        """Compile, upload, start, and follow until the end."""
        arguments = parameters.arguments(run.use_case, run.run_id)
        begin = time.monotonic()
        with _translated(self._endpoint):
            started = self._find_run(run.run_id) or self._start(run, arguments)
        say(f"{self._endpoint}/#/runs/details/{started.run_id}")
        ended = self._follow(started.run_id)
        if ended.state != "SUCCEEDED":
            reason = (ended.error.message if ended.error else "") or "it gives no reason"
            raise failure(
                run,
                f"the run {run.run_id} ended as {ended.state}: {reason:.{MAX_REASON}}; "
                f"look at {self._endpoint}/#/runs/details/{ended.run_id}",
            )
        return timings(run, _seconds(ended) or time.monotonic() - begin)

    def schedule(self, use_case: str, cron: str, parameters: RunParameters) -> str:
        """Have the pipeline run again and again; return the id of the recurring run.

        `cron` has six fields, seconds first. A use case has one recurring run: another replaces it.

        Raises:
            Refused: the server takes no such schedule.
        """
        name = f"{NAME}-{use_case}"
        # The server puts the id of each run in.
        arguments = parameters.arguments(use_case, "scheduled-[[RunUUID]]")
        with _translated(self._endpoint), _quiet():
            version = self._upload()
            earlier = list(self._recurring(name))
            made = self._client.create_recurring_run(
                self._experiment(use_case),
                name,
                cron_expression=cron,
                no_catchup=True,
                max_concurrency=1,
                params=arguments,
                pipeline_id=version.pipeline_id,
                version_id=version.pipeline_version_id,
                service_account=SERVICE_ACCOUNT,
            )
            for other in earlier:
                self._client.delete_recurring_run(other.recurring_run_id)
        return made.recurring_run_id

    def _start(self, run: RunFolder, arguments: dict[str, Any]) -> V2beta1Run:
        run.delete(FAILURE)
        with _quiet():
            version = self._upload()
            return self._client.run_pipeline(
                self._experiment(run.use_case),
                run.run_id,
                params=arguments,
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
        return self._client.create_experiment(use_case).experiment_id

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
                    say(f"{task.display_name} {task.state.lower()}")
            if run.state in ENDED:
                return run
            time.sleep(self._poll)

    def _ask(self, request: Callable[[], V2beta1Run]) -> V2beta1Run:
        """Ask until there is an answer: a run goes on without whoever follows it."""
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
    """Keep what the client prints to itself: the link of the run is said once."""
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
    return max((run.finished_at - run.created_at).total_seconds(), 0.001)
