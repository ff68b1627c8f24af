"""What KFP shows of a step: typed artifacts that stand for places in blob storage."""

from pathlib import Path

import pytest
from kfp import dsl

from training.pipeline.artifacts import BLOB_URI, RESULT_URI, publish
from training.results import DatasetResult, EvaluationResult, FeaturesResult, RocCurve

FOLDER = "models/spam/_runs/run-1/evaluate"
VERSION = "0" * 16
DATA = f"training-data/spam/{VERSION}"
DATASET = DatasetResult(dataset_version=VERSION, dataset_path=DATA, rows=400, test_rows=80)
EVALUATION = EvaluationResult(
    graph_path=f"{FOLDER}/model.onnx",
    graph_bytes=1000,
    largest_difference=1e-7,
    metrics={"f1": 0.9, "odds": float("inf")},
    slices=(),
    classes=("ham", "spam"),
    confusion=((50, 1), (2, 27)),
    roc=RocCurve(
        false_positive_rate=(0.0, 1.0), true_positive_rate=(0.0, 1.0), thresholds=(1.0, 0.1)
    ),
    answers_path=f"{FOLDER}/answers.parquet",
)


def test_an_artifact_names_its_data_and_the_folder_of_its_step(blob_store, tmp_path: Path) -> None:
    artifact = dsl.Dataset(name="dataset", uri=str(tmp_path / "dataset"))
    publish(artifact, blob_store, FOLDER, DATASET)
    assert artifact.uri == artifact.metadata[BLOB_URI] == blob_store.uri(DATA)
    assert artifact.metadata[RESULT_URI] == blob_store.uri(FOLDER)
    assert (artifact.metadata["dataset_version"], artifact.metadata["rows"]) == (VERSION, 400)


@pytest.mark.parametrize("uri", ["minio://mlpipeline/v2/artifacts/x", "s3://bucket/x"])
def test_on_a_server_the_uri_stays_in_its_store(
    blob_store, tmp_path: Path, monkeypatch, uri: str
) -> None:
    """Its launcher refuses input artifacts with another URI, and its page shows HTML from there."""
    path = tmp_path / "page.html"
    monkeypatch.setattr(dsl.HTML, "path", str(path))
    report = "training-data/spam/1/report.html"
    blob_store.write(report, b"<p>data</p>")
    result = FeaturesResult(dataset_version="1", features_path="f", report_path=report)
    page = dsl.HTML(name="report", uri=uri)
    publish(page, blob_store, FOLDER, result)
    assert page.uri == uri
    assert page.metadata[BLOB_URI] == blob_store.uri(report)
    assert path.read_bytes() == b"<p>data</p>"


def test_metrics_and_curves_are_logged_for_the_page(blob_store, tmp_path: Path) -> None:
    metrics = dsl.Metrics(name="metrics", uri=str(tmp_path / "metrics"))
    publish(metrics, blob_store, FOLDER, EVALUATION)
    assert metrics.metadata["f1"] == 0.9
    assert "odds" not in metrics.metadata  # JSON has no infinity
    curves = dsl.ClassificationMetrics(name="curves", uri=str(tmp_path / "curves"))
    publish(curves, blob_store, FOLDER, EVALUATION)
    rows = [row["row"] for row in curves.metadata["confusionMatrix"]["rows"]]
    assert rows == [[50, 1], [2, 27]]
    assert [p["confidenceThreshold"] for p in curves.metadata["confidenceMetrics"]] == [1.0, 0.1]
    assert metrics.metadata[BLOB_URI] == curves.metadata[BLOB_URI] == blob_store.uri(FOLDER)
