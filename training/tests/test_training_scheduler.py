from datetime import UTC, datetime

import pytest
from prometheus_client import REGISTRY

from platform_core.contracts.drift_report import RetrainRequest
from platform_core.contracts.release import ImportedModel
from platform_core.errors import DataUnchanged, PlatformError, Refused, UpstreamUnavailable
from platform_core.reports.retrain_requests import RetrainRequests
from platform_core.storage import RETRAIN_REQUESTS, retrain_request_path
from scoring import load_lineage
from training.metrics import DONE, FAILED, POSTPONED, UNCHANGED, begin_counting
from training.parameters import RunParameters, RunRequest
from training.retraining import RetrainSources
from training.scheduler import Scheduler

STATUSES = (DONE, FAILED, POSTPONED, UNCHANGED)


class Runs:
    """Remembers what was started; fails with `error` for the use case `failing`."""

    def __init__(self, failing: str = "", error: PlatformError | None = None) -> None:
        self.started: list[tuple[str, RunRequest]] = []
        self.failing = failing
        self.error = error or Refused("the step release failed: minimum")

    def __call__(self, name: str, request: RunRequest) -> None:
        self.started.append((name, request))
        if request.use_case == self.failing:
            raise self.error


@pytest.fixture
def ask(blob_store, make_release):
    def ask(request_id: str, name: str = "iris") -> RetrainRequest:
        release = make_release(blob_store, name)
        request = RetrainRequest(
            request_id=request_id,
            use_case=name,
            environment="production",
            release_id=release.id,
            reason="petal_length drifted",
            report_id="report",
            verdict="drift",
            metric="largest PSI 0.312",
            created_at=datetime(2026, 2, 1, tzinfo=UTC),
        )
        blob_store.write(retrain_request_path(request_id), request.model_dump_json().encode())
        return request

    return ask


def test_a_request_becomes_one_run_with_the_parameters_of_its_release(blob_store, ask) -> None:
    request = ask("one")
    trained_on = load_lineage(blob_store, "iris", request.release_id).dataset_version
    evidence = "report report: drift; largest PSI 0.312; petal_length drifted"
    expected = RunParameters(unless_version=trained_on, evidence=evidence)
    runs = Runs()
    assert Scheduler(blob_store, runs, RetrainSources(blob_store)).run_pending() == 1
    assert Scheduler(blob_store, runs, RetrainSources(blob_store)).run_pending() == 0
    assert runs.started == [("retrain-one", RunRequest(use_case="iris", parameters=expected))]
    assert blob_store.exists(f"{RETRAIN_REQUESTS}/one.done")


def test_a_request_that_was_taken_up_elsewhere_is_left_alone(blob_store, ask) -> None:
    ask("one")
    blob_store.create(f"{RETRAIN_REQUESTS}/one.taken", b"")
    runs = Runs()
    assert Scheduler(blob_store, runs, RetrainSources(blob_store)).run_pending() == 0
    assert runs.started == []


def test_a_suggested_request_waits_for_its_approval(blob_store, ask) -> None:
    request = ask("one").model_copy(update={"approvals": 1})
    blob_store.write(retrain_request_path("one"), request.model_dump_json().encode())
    runs = Runs()
    assert Scheduler(blob_store, runs, RetrainSources(blob_store)).run_pending() == 0
    assert not blob_store.exists(f"{RETRAIN_REQUESTS}/one.taken")
    RetrainRequests(blob_store).approve("one")
    assert Scheduler(blob_store, runs, RetrainSources(blob_store)).run_pending() == 1
    assert [name for name, _ in runs.started] == ["retrain-one"]


def test_what_a_stopped_scheduler_had_begun_is_taken_up_again(blob_store, ask) -> None:
    ask("begun")
    ask("done", "spam")
    for name in ("begun.taken", "done.taken", "done.done"):
        blob_store.create(f"{RETRAIN_REQUESTS}/{name}", b"")
    runs = Runs()
    scheduler = Scheduler(blob_store, runs, RetrainSources(blob_store))
    scheduler.resume()
    assert scheduler.run_pending() == 1
    assert [name for name, _ in runs.started] == ["retrain-begun"]


def test_a_failed_run_keeps_its_reason_and_does_not_stop_the_others(blob_store, ask) -> None:
    ask("a", "iris")
    ask("b", "spam")
    runs = Runs(failing="iris")
    assert Scheduler(blob_store, runs, RetrainSources(blob_store)).run_pending() == 2
    assert [request.use_case for _, request in runs.started] == ["iris", "spam"]
    assert b"minimum" in blob_store.read(f"{RETRAIN_REQUESTS}/a.failed")
    assert blob_store.exists(f"{RETRAIN_REQUESTS}/b.done")


def test_the_metrics_count_requests_by_how_their_runs_ended(blob_store, ask) -> None:
    ask("a", "iris")
    ask("b", "spam")
    before = {(c, s): _requests(c, s) for c in ("iris", "spam") for s in STATUSES}
    Scheduler(blob_store, Runs(failing="iris"), RetrainSources(blob_store)).run_pending()
    error = UpstreamUnavailable("no server")
    ask("c", "iris")
    Scheduler(blob_store, Runs("iris", error), RetrainSources(blob_store)).run_pending()
    counted = {key: _requests(*key) - value for key, value in before.items()}
    ended = {("iris", "failed"), ("iris", "postponed"), ("spam", "done")}
    assert {key for key, count in counted.items() if count == 1} == ended
    assert sum(counted.values()) == 3


def _requests(use_case: str, status: str) -> float:
    begin_counting([use_case])
    labels = {"use_case": use_case, "status": status}
    return REGISTRY.get_sample_value("training_retraining_requests_total", labels)


def test_a_damaged_request_does_not_stop_the_others(blob_store, ask, capsys) -> None:
    ask("z")
    blob_store.write(f"{RETRAIN_REQUESTS}/a.json", b"{}")
    assert Scheduler(blob_store, Runs(), RetrainSources(blob_store)).run_pending() == 1
    assert "a.json is not a retrain request" in capsys.readouterr().out


def test_a_request_for_a_release_that_is_gone_is_marked(blob_store, ask) -> None:
    request = ask("one")
    blob_store.delete(f"models/iris/{request.release_id}/lineage.json")
    Scheduler(blob_store, Runs(), RetrainSources(blob_store)).run_pending()
    assert b"no lineage" in blob_store.read(f"{RETRAIN_REQUESTS}/one.failed")


def test_an_imported_release_has_no_training_to_repeat(blob_store, ask) -> None:
    request = ask("one")
    path = f"models/iris/{request.release_id}/lineage.json"
    imported = ImportedModel(source="model.onnx", kind="ONNX", sha256="0" * 64)
    lineage = load_lineage(blob_store, "iris", request.release_id)
    lineage = lineage.model_copy(update={"imported": imported})
    blob_store.write(path, lineage.model_dump_json().encode())
    runs = Runs()
    Scheduler(blob_store, runs, RetrainSources(blob_store)).run_pending()
    assert runs.started == []
    assert b"was imported" in blob_store.read(f"{RETRAIN_REQUESTS}/one.failed")


def test_a_request_whose_data_did_not_change_is_not_marked_as_done(blob_store, ask) -> None:
    ask("one")
    runs = Runs(failing="iris", error=DataUnchanged("the source still gives dataset version 1"))
    scheduler = Scheduler(blob_store, runs, RetrainSources(blob_store))
    assert scheduler.run_pending() == 1
    assert b"still gives" in blob_store.read(f"{RETRAIN_REQUESTS}/one.unchanged")
    assert not blob_store.exists(f"{RETRAIN_REQUESTS}/one.done")
    scheduler.resume()
    assert scheduler.run_pending() == 0


def test_a_request_stays_open_while_a_server_is_unavailable(blob_store, ask) -> None:
    ask("one")
    down = UpstreamUnavailable("the Kubeflow server does not answer")
    assert (
        Scheduler(
            blob_store, Runs(failing="iris", error=down), RetrainSources(blob_store)
        ).run_pending()
        == 1
    )
    runs = Runs()
    assert Scheduler(blob_store, runs, RetrainSources(blob_store)).run_pending() == 1
    assert [name for name, _ in runs.started] == ["retrain-one"]
    assert blob_store.exists(f"{RETRAIN_REQUESTS}/one.done")
