"""The pipeline on a Kubeflow server: KFP's own client against its API (v2beta1)."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from cli.main import main
from platform_core.contracts.drift_report import RetrainRequest
from platform_core.errors import PlatformError, Refused, UpstreamUnavailable
from platform_core.storage import RETRAIN_REQUESTS, retrain_request_path
from training.parameters import RunParameters, RunRequest
from training.pipeline.cluster import ClusterRunner
from training.results import ReleaseResult, TrainResult
from training.retraining import RetrainSources
from training.runs import RunRecords, StepFailure, StepRecord, write_result
from training.scheduler import Scheduler
from training.steps import STEPS
from use_cases import use_case

IMAGE = "registry.example/mlplatform/training@sha256:" + "0" * 64
START = datetime(2026, 1, 5, tzinfo=UTC)
API = "/apis/v2beta1"


@dataclass
class Kubeflow:
    """A server that keeps what it is given. A run is done at its third look; `does` is called
    with the id and the parameters of each when it is created, and returns whether it succeeds.
    """

    does: object = lambda *_: True
    down: int = 0
    refuses: int = 0
    things: dict[str, list[dict]] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)

    def kept(self, kind: str) -> list[dict]:
        return self.things.setdefault(kind, [])

    def answer(self, method: str, path: str, query: dict, body: bytes, kind: str) -> tuple:
        if self.down:
            self.down -= 1
            return 503, {"error": "the database is restarting"}
        if self.refuses:
            return self.refuses, {"message": "who are you"}
        if path == f"{API}/healthz":
            return 200, {"multi_user": False}
        if match := re.fullmatch(rf"{API}/pipelines/upload(_version)?", path):
            return 200, self.upload(bool(match[1]), query, body, kind)
        match = re.fullmatch(rf"{API}/(pipelines/[^/]+/versions|\w+)(?:/([^/]+))?", path)
        name = "versions" if match[1].endswith("/versions") else match[1]
        return self.resource(method, name, match[2], query, body)

    def resource(self, method: str, kind: str, key: str | None, query: dict, body: bytes) -> tuple:
        if method == "POST":
            return 200, self.create(kind, json.loads(body))
        if method == "DELETE":
            self.things[kind] = [t for t in self.kept(kind) if key not in t.values()]
            return 200, {}
        if key:
            (thing,) = (t for t in self.kept(kind) if key in t.values())
            return 200, self.progress(thing) if kind == "runs" else thing
        names = [p["stringValue"] for p in json.loads(query["filter"])["predicates"]]
        found = [t for t in self.kept(kind) if t["display_name"] in names]
        listed = {"versions": "pipeline_versions", "recurringruns": "recurringRuns"}
        return 200, {listed.get(kind, kind): found} if found else {}

    def upload(self, version: bool, query: dict, body: bytes, kind: str) -> dict:
        part = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
        (file,) = part.get_payload()
        spec, platforms = yaml.safe_load_all(file.get_payload(decode=True))
        if not version:
            pipeline = {"pipeline_id": "pipeline-1", "display_name": query["name"]}
            self.kept("pipelines").append(pipeline)
        made = {
            "pipeline_id": query.get("pipelineid", "pipeline-1"),
            "pipeline_version_id": f"version-{len(self.kept('versions')) + 1}",
            "display_name": query["name"],
            "pipeline_spec": spec,
            "platforms": platforms["platforms"],
        }
        self.kept("versions").append(made)
        return made if version else self.kept("pipelines")[-1]

    def create(self, kind: str, given: dict) -> dict:
        singular = {"runs": "run", "experiments": "experiment", "recurringruns": "recurring_run"}
        key = f"{singular[kind]}_id"
        made = {**given, key: f"{singular[kind]}-{len(self.kept(kind)) + 1}"}
        if kind == "runs":
            done = self.does(made[key], given["runtime_config"]["parameters"])
            made |= {"state": "PENDING", "ends": "SUCCEEDED" if done else "FAILED"}
            made["created_at"] = START.isoformat()
        self.kept(kind).append(made)
        return made

    def progress(self, run: dict) -> dict:
        look = self.looks[run["run_id"]] = self.looks.get(run["run_id"], 0) + 1
        state = "RUNNING" if look < 3 else run["ends"]
        tasks = [{"display_name": s, "state": state} for s in STEPS[: 2 * look]]
        shown = {k: v for k, v in run.items() if k != "ends"}
        shown |= {"state": state, "run_details": {"task_details": tasks}}
        if look >= 3:
            shown["finished_at"] = (START + timedelta(seconds=90)).isoformat()
        return shown


@pytest.fixture
def kubeflow() -> Iterator[tuple[Kubeflow, str]]:
    server = Kubeflow()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            query = {k: v[-1] for k, v in parse_qs(url.query).items()}
            kind = self.headers.get("Content-Type", "")
            status, content = server.answer(self.command, url.path, query, body, kind)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = respond  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Keep the test output clean."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    yield server, f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def steps(blob_store, make_release):
    """Return a function that leaves what the steps of a run record."""

    def steps(run_id: str, parameters: dict) -> bool:
        run = RunRecords(blob_store, parameters["use_case"], run_id)
        release_id = make_release(blob_store, "iris").id
        results = {"train": trained(), "release": released(release_id)}
        for step in STEPS:
            folder = run.folder(step)
            if step in results:
                write_result(blob_store, folder, results[step])
            run.finish(StepRecord(step=step, key="k", folder=folder, seconds=2), shared=False)
        return True

    return steps


def trained() -> TrainResult:
    return TrainResult(
        run_id="mlflow-run",
        candidate="sgd",
        parameters={},
        cross_validated=0.9,
        fit_seconds=20,
        seed=7,
        decision=use_case("iris").decision,
        decision_why="the use case's own rule",
        complete=True,
        trials=(),
        model_path="models/iris/_runs/run-1/train/model.pkl",
        libraries={},
    )


def released(release_id: str) -> ReleaseResult:
    return ReleaseResult(
        release_id=release_id,
        release_path=f"models/iris/{release_id}",
        card_path=f"models/iris/{release_id}/model_card.html",
        candidate="sgd",
        run_id="mlflow-run",
        dataset_version="0" * 16,
        metrics={},
        figure_paths={},
    )


def iris(**parameters) -> RunRequest:
    return RunRequest(use_case="iris", parameters=RunParameters(**parameters))


@pytest.fixture
def runner(blob_store):
    def runner(url: str, patience: float = 10.0) -> ClusterRunner:
        return ClusterRunner(url, IMAGE, blob_store, 0.01, patience)

    return runner


def test_a_run_gets_the_parameters_of_a_local_one_and_is_followed(kubeflow, steps, runner, capsys):
    server, url = kubeflow
    server.does = steps
    given = iris(trials=2, rows=400)
    taken = runner(url).run("twenty-six", given).timings
    (created,), version = server.kept("runs"), server.kept("versions")[-1]
    assert created["runtime_config"]["parameters"] == given.arguments()
    assert created["pipeline_version_reference"]["pipeline_version_id"] == "version-2"
    assert created["service_account"] == "pipeline-runner"
    assert set(version["pipeline_spec"]["root"]["dag"]["tasks"]) == set(STEPS)
    assert (taken.total_seconds, taken.fit_seconds, taken.steps["train"]) == (90, 20, 2)
    said = capsys.readouterr().out
    assert f"{url}/#/runs/details/run-1" in said
    assert (
        said.index("prepare-data running")
        < said.index("features running")
        < said.index("succeeded")
    )


def test_the_same_pipeline_is_one_version_and_the_same_run_one_run(kubeflow, steps, runner):
    server, url = kubeflow
    server.does = steps
    for name in ("first", "second", "first"):
        runner(url).run(name, iris())
    assert [r["display_name"] for r in server.kept("runs")] == ["first", "second"]
    names = {v["display_name"] for v in server.kept("versions")} - {"train-and-stage"}
    assert len(names) == 1


def test_a_failed_run_gives_the_reason_of_its_step(kubeflow, runner, blob_store):
    server, url = kubeflow

    def fails(run_id, _):
        failure = StepFailure(step="release", code="x", message="minimum: 0.2 < 0.9")
        RunRecords(blob_store, "iris", run_id).fail(failure)
        return False

    server.does = fails
    with pytest.raises(Refused, match=r"the step release failed: minimum"):
        runner(url).run("first", iris())


def test_a_run_that_ends_without_a_reason_says_where_to_look(kubeflow, runner):
    server, url = kubeflow
    server.does = lambda *_: False
    with pytest.raises(PlatformError, match=r"ended as FAILED.*/#/runs/details/run-1"):
        runner(url).run("first", iris())


def test_a_retrain_request_is_one_run_though_the_scheduler_dies(
    kubeflow, steps, runner, blob_store, make_release
):
    server, url = kubeflow
    server.does = steps
    request = RetrainRequest(
        request_id="one",
        use_case="iris",
        environment="production",
        release_id=make_release(blob_store, "iris").id,
        reason="petal_length drifted",
        report_id="report",
        created_at=START,
    )
    blob_store.write(retrain_request_path("one"), request.model_dump_json().encode())

    def start(name: str, request: RunRequest) -> None:
        runner(url).run(name, request)

    def start_and_die(*run) -> None:
        start(*run)
        raise SystemExit

    with pytest.raises(SystemExit):
        Scheduler(blob_store, start_and_die, RetrainSources(blob_store)).run_pending()
    second = Scheduler(blob_store, start, RetrainSources(blob_store))
    second.resume()
    assert second.run_pending() == 1
    assert [r["display_name"] for r in server.kept("runs")] == ["retrain-one"]
    assert blob_store.exists(f"{RETRAIN_REQUESTS}/one.done")


def test_a_server_that_restarts_does_not_end_following(kubeflow, steps, runner):
    server, url = kubeflow

    def then_down(*run):
        server.down = 3
        return steps(*run)

    server.does = then_down
    assert runner(url).run("first", iris()).timings.steps


def test_a_server_that_stays_away_or_refuses_is_an_error_of_ours(kubeflow, runner):
    server, url = kubeflow
    asked = runner(url)
    server.refuses = 403
    with pytest.raises(Refused, match="answered 403: who are you"):
        asked.run("first", iris())
    server.refuses, server.down = 0, 1000
    with pytest.raises(UpstreamUnavailable, match="the database is restarting"):
        asked.run("first", iris())
    with pytest.raises(UpstreamUnavailable, match="check KFP_ENDPOINT"):
        runner("http://127.0.0.1:1")


def test_a_use_case_has_one_recurring_run(kubeflow, runner):
    server, url = kubeflow
    runner(url).schedule("0 0 3 * * 1", iris())
    runner(url).schedule("0 0 4 * * 1", iris(trials=2))
    (made,) = server.kept("recurringruns")
    assert made["trigger"]["cron_schedule"]["cron"] == "0 0 4 * * 1"
    assert made["runtime_config"]["parameters"] == iris(trials=2).arguments()
    assert (made["max_concurrency"], made["no_catchup"]) in ((1, True), ("1", True))


def test_the_command_prints_the_table_of_a_local_run(
    kubeflow, steps, blob_store, tmp_path, capsys, monkeypatch
):
    server, url = kubeflow
    server.does = steps
    settings = {
        "PLATFORM_HOME": str(tmp_path),
        "BLOB_STORE_URL": f"file://{tmp_path}/blob",
        "TRAINING_IMAGE": IMAGE,
        "KFP_ENDPOINT": url,
        "KFP_POLL_SECONDS": "0.01",
        "GATEWAY_URL": "http://gateway",
        "GATEWAY_API_KEY": "key",
        "CONSOLE_URL": "http://console/",
        "MLFLOW_TRACKING_URI": "http://mlflow",
        "RAY_ADDRESS": "ray:6379",
        "RAY_DASHBOARD_URL": "http://ray:8265",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert main(["run-pipeline", "--use-case", "iris", "--trials", "2"]) == 0
    said = capsys.readouterr().out
    assert "gates            minimum passed" in said
    assert "seconds          90, 78% of them not fitting" in said
    assert "console          http://console/use-cases/iris" in said
    version = server.kept("versions")[-1]
    executors = version["pipeline_spec"]["deploymentSpec"]["executors"].values()
    environment = {e["name"]: e["value"] for x in executors for e in x["container"]["env"]}
    assert environment["MLFLOW_TRACKING_URI"] == "http://mlflow"
    assert not {"GATEWAY_API_KEY", "KFP_ENDPOINT", "REDIS_URL", "RUN_ID"} & environment.keys()


def test_each_run_of_a_schedule_has_its_own_id_without_it_being_an_input(kubeflow, runner):
    server, url = kubeflow
    runner(url).schedule("0 0 3 * * 1", iris())
    version = server.kept("versions")[-1]["pipeline_spec"]
    assert "run_id" not in version["root"]["inputDefinitions"]["parameters"]
    kubernetes = server.kept("versions")[-1]["platforms"]["kubernetes"]
    for task in kubernetes["deploymentSpec"]["executors"].values():
        (label,) = task["fieldPathAsEnv"]
        assert label == {"name": "RUN_ID", "fieldPath": "metadata.labels['pipeline/runid']"}
