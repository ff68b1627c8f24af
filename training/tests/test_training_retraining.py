"""What a retraining reads: labelled predictions where there are enough, else the last source."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from live_traffic import LiveTraffic

from data_pipeline.versions.manifest import DatasetManifest
from platform_core.contracts.drift_report import RetrainRequest
from platform_core.contracts.environments import Environment
from platform_core.errors import ConfigurationError, DataUnchanged, UpstreamUnavailable
from platform_core.storage import MANIFEST_FILE, dataset_path, release_path, retrain_request_path
from scoring import load_lineage
from training.parameters import RunRequest
from training.retraining import RetrainSources
from training.scheduler import Scheduler
from training.settings import RetrainSource, TrainingSettings
from use_cases import use_case

IRIS = use_case("iris")
TRAINED_ON = "0" * 16
START = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def add_version(blob_store):
    """Return a function that writes the manifest of a dataset version."""

    def write(name: str, *parents: str, day: int = 1) -> None:
        manifest = DatasetManifest(
            dataset_version=name, use_case="iris", created_at=START.replace(day=day),
            rows=100, rows_read=100, rows_quarantined=0, duplicates=0, test_rows=20,
            classes={}, columns={}, parents=parents,
        )  # fmt: skip
        path = dataset_path("iris", name, MANIFEST_FILE)
        blob_store.write(path, manifest.model_dump_json().encode())

    return write


@pytest.fixture
def release(blob_store, make_release, add_version) -> str:
    """Return a release that was trained on a file."""
    add_version(TRAINED_ON)
    made = make_release(blob_store, "iris")
    set_parameters(blob_store, made.id, data="/flowers.csv", columns="species=kind", trials=8)
    return made.id


def set_parameters(store, release_id: str, **parameters) -> None:
    lineage = load_lineage(store, "iris", release_id)
    changed = lineage.model_copy(update={"pipeline_parameters": parameters})
    path = release_path("iris", release_id, "lineage.json")
    store.write(path, changed.model_dump_json().encode())


@pytest.fixture
def label(blob_store, tmp_path: Path):
    """Return a function that answers and labels so many records."""
    traffic = LiveTraffic(blob_store, tmp_path / "spool", IRIS)

    def label(count: int, environment: Environment = Environment.PRODUCTION) -> None:
        flower = {"sepal_length": 1.0, "sepal_width": 1.0, "petal_length": 1.0, "petal_width": 1.0}
        ids = traffic.answer([flower] * count, environment)
        traffic.label((one, "setosa") for one in ids)

    yield label
    traffic.close()


def request(release_id: str) -> RetrainRequest:
    return RetrainRequest(
        request_id="one",
        use_case="iris",
        environment="production",
        release_id=release_id,
        reason="petal_length",
        report_id="r1",
        created_at=START,
        verdict="drift",
    )


def test_enough_labels_are_added_to_the_version_of_the_release(blob_store, release, label):
    label(5)
    got = RetrainSources(blob_store, min_labels=5).parameters(request(release))
    assert (got.data, got.base, got.columns) == ("feedback", TRAINED_ON, "")
    assert (got.trials, got.unless_version) == (8, TRAINED_ON)
    assert got.evidence == "report r1: drift; petal_length"


def test_with_fewer_labels_the_last_source_is_read_again(blob_store, release, label):
    label(4)
    label(9, Environment.STAGING)
    got = RetrainSources(blob_store, min_labels=5).parameters(request(release))
    assert (got.data, got.base, got.columns) == ("/flowers.csv", "", "species=kind")


def test_a_release_trained_on_feedback_waits_for_enough_labels(blob_store, release, label):
    set_parameters(blob_store, release, data="feedback", base=TRAINED_ON)
    label(4)
    with pytest.raises(DataUnchanged, match=r"only 4 labelled records.* fewer than the 5"):
        RetrainSources(blob_store, min_labels=5).parameters(request(release))


@pytest.mark.parametrize(
    ("source", "data"), [(RetrainSource.FEEDBACK, "feedback"), (RetrainSource.LAST, "/flowers.csv")]
)
def test_a_use_case_can_fix_its_source(blob_store, release, label, source, data):
    label(3)
    sources = RetrainSources(blob_store, {"iris": source}, min_labels=1 if data[0] == "/" else 100)
    assert sources.parameters(request(release)).data == data


def test_labels_are_added_to_the_newest_version_that_contains_the_releases(
    blob_store, release, label, add_version
):
    add_version("a" * 16, TRAINED_ON, day=2)
    add_version("b" * 16, "a" * 16, day=3)
    add_version("c" * 16, day=4)  # a data report of another file
    label(5)
    got = RetrainSources(blob_store, min_labels=5).parameters(request(release))
    assert got.base == "b" * 16


def test_without_the_version_of_the_release_its_source_is_read_again(blob_store, release, label):
    blob_store.delete(dataset_path("iris", TRAINED_ON, MANIFEST_FILE))
    label(5)
    got = RetrainSources(blob_store, min_labels=5).parameters(request(release))
    assert got.data == "/flowers.csv"


def test_what_a_run_reads_is_decided_once(blob_store, release, label, add_version):
    """The run may have made a dataset version of the labels before it broke off."""
    label(5)
    asked = request(release)
    blob_store.write(retrain_request_path("one"), asked.model_dump_json().encode())
    started: list[RunRequest] = []

    def start(name: str, run: RunRequest) -> None:
        started.append(run)
        if len(started) == 1:
            add_version("a" * 16, TRAINED_ON, day=2)
            raise UpstreamUnavailable("Ray does not answer")

    scheduler = Scheduler(blob_store, start, RetrainSources(blob_store, min_labels=5))
    assert (scheduler.run_pending(), scheduler.run_pending()) == (1, 1)
    assert started[0] == started[1]
    assert started[0].parameters.base == TRAINED_ON


def test_the_setting_names_use_cases(tmp_path: Path):
    values = {"platform_home": tmp_path, "training_image": "training:1"}
    settings = TrainingSettings(**values, retrain_sources="spam=last churn=feedback")
    assert settings.retrain_sources == {"spam": "last", "churn": "feedback"}
    with pytest.raises(ConfigurationError, match="RETRAIN_SOURCES"):
        TrainingSettings(**values, retrain_sources="spam")
