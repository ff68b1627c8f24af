"""From a finished model to a judged release, with MLflow and real files."""

from pathlib import Path

import joblib
import mlflow
import numpy as np
import pyarrow.parquet as pq
import pytest
from lightgbm import LGBMClassifier
from mlflow.models import infer_signature
from mlflow.types import Schema, TensorSpec
from model_imports import import_settings, judged
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from skops import io as skops
from xgboost import XGBClassifier

from drift_detector.detection.references import load_references
from platform_core.clock import SystemClock
from platform_core.errors import GateRefused, InvalidData, Refused
from platform_core.ledger import Ledger
from releases.gates import Verification
from scoring import Scorer, load_release
from training.bootstrap import TrainingServices
from training.importing.files import read_model_file
from training.importing.import_model import import_context
from training.importing.mlflow_models import read_mlflow_model
from training.parameters import ImportOptions
from training.steps import stage
from use_cases import assemble, model_schema, use_case

IRIS = use_case("iris")
LABEL = IRIS.training().label.column


def rows(count: int, seed: int):
    return IRIS.training().generate(count, seed).combine_chunks()


def frame(table):
    records = table.select(IRIS.record_schema.names).to_batches()[0]
    return model_schema(IRIS).frame(assemble(IRIS, records))


TRAINING = rows(300, 1)
LABELS = TRAINING[LABEL].to_pylist()


@pytest.fixture
def services(tmp_path: Path, mlflow_server: str, monkeypatch) -> TrainingServices:
    for name, value in import_settings(tmp_path, mlflow_server).items():
        monkeypatch.setenv(name, value)
    return TrainingServices()


@pytest.fixture(scope="module")
def holdout(tmp_path_factory) -> str:
    file = tmp_path_factory.mktemp("data") / "holdout.parquet"
    pq.write_table(rows(200, 9), file)
    return str(file)


def fitted(model=None, named=True):
    steps = [StandardScaler(), LogisticRegression() if model is None else model]
    data = frame(TRAINING)
    return make_pipeline(*steps).fit(data if named else data.to_numpy(), LABELS)


def bring(services, source, **options):
    """Judge a model; return its id, lineage and card."""
    return judged(services, "iris", source, **options)


def same_answers(services, release_id: str, model) -> None:
    test = rows(50, 5)
    scorer = Scorer(load_release(services.store, "iris", release_id), IRIS)
    records = test.select(IRIS.record_schema.names).to_batches()[0]
    order = [list(map(str, model.classes_)).index(name) for name in IRIS.classes]
    data = frame(test) if hasattr(model, "feature_names_in_") else frame(test).to_numpy()
    wanted = model.predict_proba(data)[:, order]
    assert scorer.score(records).probabilities == pytest.approx(wanted, abs=1e-5)


def test_a_skops_file_is_judged_on_rows_that_it_has_not_seen(services, tmp_path, holdout) -> None:
    model = fitted()
    skops.dump(model, tmp_path / "model.skops")
    released, lineage, card = bring(services, tmp_path / "model.skops", holdout=holdout)
    same_answers(services, released.release_id, model)
    assert released.metrics["accuracy"] > 0.85
    assert (lineage.measured, lineage.rows) == (True, 200)
    assert {cell.output for cell in lineage.calibration} == {"setosa", "versicolor", "virginica"}
    assert lineage.imported.kind == "scikit-learn (skops)"
    assert {check.name for check in lineage.gates} >= {"rows", "parity", "signature", "champion"}
    assert card.data.test_rows == card.data.rows
    assert lineage.libraries.keys() == {"numpy", "scikit-learn"} | lineage.libraries.keys()
    assert any(limit.startswith("Unknown: the rows it was trained on") for limit in card.limits)
    page = services.store.read(released.card_path).decode()
    assert "the user declares unseen" in page
    assert "neither for training nor" not in page
    version = stage.register(import_context(services, "iris", ImportOptions()), released)
    assert version


def test_without_rows_nothing_is_measured_and_production_refuses(services, tmp_path) -> None:
    skops.dump(fitted(), tmp_path / "model.skops")
    released, lineage, card = bring(services, tmp_path / "model.skops")
    assert (lineage.measured, lineage.metrics, released.metrics) == (False, {}, {})
    assert [check.name for check in lineage.gates] == ["signature"]
    assert (card.data, card.metrics) == (None, {})
    assert "Not measured" in services.store.read(released.card_path).decode()
    with pytest.raises(InvalidData, match="was not measured"):
        load_references(services.store, IRIS, released.release_id)
    verification = Verification(services.store, Ledger(services.store, SystemClock()))
    verification.for_staging(IRIS, released.release_id)
    with pytest.raises(GateRefused, match="--accept-unmeasured"):
        verification.for_production(IRIS, released.release_id)
    verification.for_production(IRIS, released.release_id, accept_unmeasured=True)


def test_a_bad_model_is_refused_by_its_gates(services, tmp_path, holdout) -> None:
    shuffled = list(np.random.default_rng(0).permutation(LABELS))
    model = LogisticRegression().fit(frame(TRAINING), shuffled)
    skops.dump(model, tmp_path / "model.skops")
    with pytest.raises(GateRefused, match="minimum"):
        bring(services, tmp_path / "model.skops", holdout=holdout)


def test_a_holdout_that_the_platform_trained_on_is_noted(services, tmp_path) -> None:
    from data_pipeline.preparation import DataPreparation
    from data_pipeline.sources import IngestRequest
    from data_pipeline.versions.manifest import find_base

    file = tmp_path / "rows.parquet"
    pq.write_table(rows(200, 9), file)
    preparation = DataPreparation(services.data, IRIS, lambda _: None)
    manifest = preparation.freeze(IngestRequest(str(file), {}, 0, 0), "models/iris/_runs/x")
    skops.dump(fitted(), tmp_path / "model.skops")
    _, lineage, card = bring(services, tmp_path / "model.skops", holdout=str(file))
    # What is held out is nothing to add later rows to.
    assert find_base(services.store, "iris", "latest").dataset_version == manifest.dataset_version
    (said,) = [note for note in lineage.imported.notes if "declared unseen" in note]
    assert manifest.dataset_version in said
    assert said in card.limits


def test_the_card_names_every_source_of_the_test_rows(services, tmp_path, holdout) -> None:
    more = tmp_path / "more.parquet"
    pq.write_table(rows(100, 10), more)
    skops.dump(fitted(), tmp_path / "model.skops")
    _, _, card = bring(services, tmp_path / "model.skops", holdout=f"{holdout} {more}")
    assert {one.name for one in card.slices if one.kind == "source"} == set(card.data.sources)
    (said,) = [limit for limit in card.limits if "another origin" in limit]
    assert "come from 2 sources (holdout.parquet, more.parquet)" in said


def test_a_pickle_is_read_only_when_it_is_trusted(services, tmp_path) -> None:
    model = fitted(RandomForestClassifier(5, random_state=0), named=False)
    for compress in (0, 3):
        joblib.dump(model, tmp_path / "model.bin", compress=compress)
        with pytest.raises(Refused, match=r"is a pickle.*--trust-pickle"):
            bring(services, tmp_path / "model.bin")
    released, lineage, _ = bring(services, tmp_path / "model.bin", trust_pickle=True)
    assert lineage.imported.kind == "scikit-learn (pickle)"
    assert any("does not name its columns" in note for note in lineage.imported.notes)
    assert released.release_id


def test_a_pickle_does_not_run_before_it_is_trusted(services, tmp_path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    joblib.dump(Trap(), tmp_path / "model.joblib")
    with pytest.raises(Refused):
        bring(services, tmp_path / "model.joblib")
    assert not (tmp_path / "ran").exists()


def test_a_skops_file_with_other_types_is_refused(services, tmp_path) -> None:
    model = make_pipeline(FunctionTransformer(frame), LogisticRegression())
    skops.dump(model, tmp_path / "model.skops")
    with pytest.raises(Refused, match=r"does not trust: .*frame"):
        bring(services, tmp_path / "model.skops")


def test_columns_by_name_are_exported_like_candidates(services, tmp_path, holdout) -> None:
    names = list(model_schema(IRIS).numbers)
    columns = ColumnTransformer([("scale", StandardScaler(), names[:2])], remainder="drop")
    model = make_pipeline(columns, LogisticRegression()).fit(frame(TRAINING), LABELS)
    joblib.dump(model, tmp_path / "model.joblib")
    released, _, _ = bring(services, tmp_path / "model.joblib", trust_pickle=True)
    same_answers(services, released.release_id, model)


@pytest.mark.parametrize("columns", [[0, 1], slice(0, 2), [True, True, False, False], [-4]])
def test_columns_by_position_are_those_of_the_data_that_it_was_fitted_on(
    services, tmp_path, columns
) -> None:
    transformer = ColumnTransformer([("scale", StandardScaler(), columns)])
    reversed_columns = frame(TRAINING).iloc[:, ::-1]
    model = make_pipeline(transformer, LogisticRegression()).fit(reversed_columns, LABELS)
    skops.dump(model, tmp_path / "model.skops")
    released, lineage, _ = bring(services, tmp_path / "model.skops")
    same_answers(services, released.release_id, model)
    assert lineage.imported.notes == ()


def test_columns_by_position_without_names_are_assumed_to_be_the_features(
    services, tmp_path
) -> None:
    transformer = ColumnTransformer([("scale", StandardScaler(), [1])], remainder="passthrough")
    search = GridSearchCV(make_pipeline(transformer, LogisticRegression()), {}, cv=2)
    model = search.fit(frame(TRAINING).to_numpy(), LABELS)
    joblib.dump(model, tmp_path / "model.joblib")
    released, lineage, _ = bring(services, tmp_path / "model.joblib", trust_pickle=True)
    same_answers(services, released.release_id, model)
    assert "does not name its columns" in lineage.imported.notes[0]
    model = make_pipeline(transformer, LogisticRegression()).fit(
        frame(TRAINING).to_numpy()[:, :3], LABELS
    )
    joblib.dump(model, tmp_path / "model.joblib")
    with pytest.raises(InvalidData, match="on 3 columns without names, and the use case has 4"):
        bring(services, tmp_path / "model.joblib", trust_pickle=True)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (make_pipeline(StandardScaler(), LogisticRegression()), "is a Pipeline that is not fitted"),
        (LogisticRegression, "holds the class LogisticRegression, not a fitted model"),
        (make_pipeline(StandardScaler(), LinearSVC()), "wrap its classifier in Calibrated"),
        (
            make_pipeline(ColumnTransformer([("all", "passthrough", slice(4))]), LinearSVC()),
            "needs predict_proba",
        ),
        (make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()), "FunctionTransformer"),
    ],
)
def test_an_estimator_that_cannot_be_converted_says_why(services, tmp_path, model, reason) -> None:
    if "fitted" not in reason:
        model.fit(frame(TRAINING), LABELS)
    joblib.dump(model, tmp_path / "model.joblib")
    with pytest.raises(InvalidData, match=reason):
        bring(services, tmp_path / "model.joblib", trust_pickle=True)


def test_a_classifier_without_probabilities_answers_with_its_class(services, tmp_path) -> None:
    model = LinearSVC().fit(frame(TRAINING), LABELS)
    skops.dump(model, tmp_path / "model.skops")
    released, _, _ = bring(services, tmp_path / "model.skops")
    scorer = Scorer(load_release(services.store, "iris", released.release_id), IRIS)
    test = rows(50, 5)
    found = scorer.score(test.select(IRIS.record_schema.names).to_batches()[0]).probabilities
    chosen = [IRIS.classes[number] for number in found.argmax(axis=1)]
    assert chosen == list(model.predict(frame(test)))


def test_columns_that_are_not_features_are_named(services, tmp_path) -> None:
    data = frame(TRAINING).set_axis(["a", "b", *model_schema(IRIS).numbers[2:]], axis=1)
    skops.dump(LogisticRegression(max_iter=1000).fit(data, LABELS), tmp_path / "model.skops")
    with pytest.raises(
        InvalidData, match="takes the columns a, b, which are not among the numbers"
    ):
        bring(services, tmp_path / "model.skops")


def test_labels_that_are_not_classes_are_named(services, tmp_path) -> None:
    labels = [f"{name}!" for name in LABELS]
    skops.dump(
        LogisticRegression(max_iter=1000).fit(frame(TRAINING), labels), tmp_path / "model.skops"
    )
    with pytest.raises(InvalidData, match="unknown: setosa!"):
        bring(services, tmp_path / "model.skops")


@pytest.mark.parametrize("name", ["absent.onnx", "text.onnx"])
def test_files_without_a_model_are_refused(services, tmp_path, name) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(InvalidData, match=name):
        bring(services, tmp_path / name)


@pytest.fixture
def folder(tmp_path: Path):
    """Return a function that saves a model as a folder of MLflow."""

    def save(module, model, name, signature=True, **options) -> Path:
        given = infer_signature(frame(TRAINING), model.predict(frame(TRAINING)))
        path = tmp_path / name
        module.save_model(
            model, str(path), signature=given if signature else None,
            pip_requirements=[], **options,
        )  # fmt: skip
        return path

    return save


def test_mlflow_folders_by_flavour(services, folder) -> None:
    model = fitted()
    path = folder(mlflow.sklearn, model, "skops", serialization_format="skops")
    released, lineage, _ = bring(services, path)
    assert lineage.imported.kind.startswith("MLflow sklearn")
    same_answers(services, released.release_id, model)
    path = folder(mlflow.sklearn, model, "pickle", serialization_format="cloudpickle")
    with pytest.raises(Refused, match="--trust-pickle"):
        bring(services, path)
    assert bring(services, path, trust_pickle=True)[0].release_id


def test_an_mlflow_model_without_signature_is_refused(services, folder) -> None:
    path = folder(mlflow.sklearn, fitted(), "bare", signature=False, serialization_format="skops")
    with pytest.raises(InvalidData, match="has no signature"):
        bring(services, path)


def test_a_signature_that_does_not_fit_is_named(services, folder) -> None:
    path = folder(mlflow.sklearn, fitted(), "other", serialization_format="skops")
    file = path / "MLmodel"
    file.write_text(file.read_text().replace("sepal_length", "age"))
    with pytest.raises(InvalidData, match=r"age .* is not a feature of the use case"):
        bring(services, path)


def test_boosted_trees_of_mlflow(services, folder, tmp_path) -> None:
    numbers = [IRIS.classes.index(label) for label in LABELS]
    extreme = XGBClassifier(n_estimators=5, max_depth=2).fit(frame(TRAINING), numbers)
    with pytest.raises(InvalidData, match="unknown: 0, 1, 2"):
        bring(services, folder(mlflow.xgboost, extreme, "xgboost"))
    released, _, _ = bring(services, tmp_path / "xgboost", classes=" ".join(IRIS.classes))
    test = rows(50, 5)
    records = test.select(IRIS.record_schema.names).to_batches()[0]
    scorer = Scorer(load_release(services.store, "iris", released.release_id), IRIS)
    wanted = extreme.predict_proba(frame(test))
    assert scorer.score(records).probabilities == pytest.approx(wanted, abs=1e-5)
    light = LGBMClassifier(n_estimators=5, num_leaves=4, verbose=-1).fit(frame(TRAINING), LABELS)
    path = folder(mlflow.lightgbm, light, "lightgbm")
    released, lineage, _ = bring(services, path, trust_pickle=True)
    assert "lightgbm" in lineage.libraries
    same_answers(services, released.release_id, light)


@pytest.mark.parametrize(
    ("flavour", "entries", "reason"),
    [
        ("onnx", {"data": "../outside"}, "'../outside' as its data, which is not a file"),
        ("onnx", {}, "'' as its data, which is not a file"),
        ("sklearn", {"pickled_model": "none"}, "'none' as its pickled_model"),
        ("xgboost", {"data": "MLmodel", "model_class": "XGBClassifier"}, "cannot be read by XGB"),
    ],
)
def test_files_that_an_mlflow_model_does_not_have(tmp_path, flavour, entries, reason) -> None:
    (tmp_path / "outside").write_bytes(b"of somebody else")
    (tmp_path / "made").mkdir()
    inputs = Schema([TensorSpec(np.dtype("float32"), (-1, 4))])
    model = mlflow.models.Model(signature=mlflow.models.ModelSignature(inputs))
    model.add_flavor(flavour, **entries).save(str(tmp_path / "made" / "MLmodel"))
    with pytest.raises(InvalidData, match=reason):
        read_mlflow_model(str(tmp_path / "made"), IRIS, "", tmp_path, True)


@pytest.mark.parametrize("data", [b"\x80\x04\xff\xff", b"x\x9cno zlib", b"\x80\x04h\x09.", b"\x80"])
def test_a_damaged_pickle_is_refused_by_name(tmp_path, data) -> None:
    (tmp_path / "m.pkl").write_bytes(data)
    with pytest.raises(InvalidData, match=r"m\.pkl cannot be read here"):
        read_model_file(tmp_path / "m.pkl", "m.pkl", trust_pickle=True)
