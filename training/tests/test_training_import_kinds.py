"""Imports of regressions, of models of texts, and of models that an MLflow server keeps."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import joblib
import mlflow
import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
import rents
from lightgbm import LGBMRegressor
from mlflow.models import infer_signature
from model_imports import import_settings, judged
from rents_release import RENTS, flats, records
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops import io as skops
from xgboost import XGBRegressor

from platform_core.contracts.release import IntervalRule
from platform_core.errors import InvalidData, UpstreamUnavailable
from scoring import Scorer, load_release
from training.bootstrap import TrainingServices
from training.importing.estimators import adapt_estimator
from training.importing.found import Declared, FoundModel
from use_cases import assemble, discover, model_schema, use_case

SENTIMENT = use_case("sentiment")


@pytest.fixture
def services(tmp_path: Path, mlflow_server: str, monkeypatch) -> Iterator[TrainingServices]:
    monkeypatch.syspath_prepend(str(Path(rents.__file__).parent / "installed_rents"))
    assert discover()
    for name, value in import_settings(tmp_path, mlflow_server).items():
        monkeypatch.setenv(name, value)
    yield TrainingServices()
    monkeypatch.undo()
    assert discover()


def frame(case, table):
    given = table.select(case.record_schema.names).combine_chunks().to_batches()[0]
    return model_schema(case).frame(assemble(case, given))


TRAINING = flats(400, seed=1)
RENT = TRAINING["rent"].to_numpy()


def regressor(model):
    return model.fit(frame(RENTS, TRAINING), RENT)


@pytest.fixture(scope="module")
def unseen(tmp_path_factory) -> str:
    file = tmp_path_factory.mktemp("data") / "flats.parquet"
    pq.write_table(flats(400, seed=9), file)
    return str(file)


def predictions(services, released, rows):
    scorer = Scorer(load_release(services.store, "rents", released.release_id), RENTS)
    scores = scorer.score(records(rows))
    return np.asarray(scores.decided, np.float64), scores


def test_a_regressor_is_calibrated_on_half_of_the_held_out_rows(services, tmp_path, unseen) -> None:
    model = regressor(make_pipeline(StandardScaler(), Ridge()))
    skops.dump(model, tmp_path / "model.skops")
    released, lineage, card = judged(services, "rents", tmp_path / "model.skops", holdout=unseen)
    new = flats(300, seed=5)
    numbers, scores = predictions(services, released, new)
    assert numbers == pytest.approx(model.predict(frame(RENTS, new)), rel=1e-5)
    low, high = np.asarray(scores.intervals).T
    inside = np.mean((low <= new["rent"].to_numpy()) & (new["rent"].to_numpy() <= high))
    assert inside == pytest.approx(0.9, abs=0.06)
    assert 150 < card.data.test_rows < 250
    assert lineage.imported.notes == ()
    assert isinstance(card.decision, IntervalRule)
    assert "held-out rows that the metrics do not use" in card.decision_why
    assert released.metrics["r2"] > 0.8


def test_a_regressor_of_named_columns_is_exported_like_a_candidate(
    services, tmp_path, unseen
) -> None:
    columns = ColumnTransformer([("numbers", "passthrough", ["log_area", "central", "floor"])])
    model = regressor(make_pipeline(columns, RandomForestRegressor(10, random_state=0)))
    file = tmp_path / "model.joblib"
    joblib.dump(model, file)
    released, _, _ = judged(services, "rents", file, holdout=unseen, trust_pickle=True)
    new = flats(50, seed=5)
    numbers, _ = predictions(services, released, new)
    assert numbers == pytest.approx(model.predict(frame(RENTS, new)), rel=1e-5)


@pytest.mark.parametrize(
    ("module", "model", "trusted"),
    [
        (mlflow.xgboost, partial(XGBRegressor, n_estimators=40, max_depth=3), False),
        (mlflow.lightgbm, partial(LGBMRegressor, n_estimators=60, verbose=-1), True),
    ],
    ids=["xgboost", "lightgbm"],
)
def test_boosted_regressors_of_mlflow(services, tmp_path, unseen, module, model, trusted) -> None:
    fitted = regressor(model())
    data = frame(RENTS, TRAINING)
    signature = infer_signature(data, fitted.predict(data))
    folder = tmp_path / "model"
    module.save_model(fitted, str(folder), signature=signature, pip_requirements=[])
    released, lineage, _ = judged(services, "rents", folder, holdout=unseen, trust_pickle=trusted)
    new = flats(50, seed=5)
    numbers, _ = predictions(services, released, new)
    assert numbers == pytest.approx(fitted.predict(frame(RENTS, new)), rel=1e-5)
    assert module.__name__.rpartition(".")[2] in lineage.libraries


@pytest.mark.parametrize(
    ("options", "reason"),
    [({}, "give them with --holdout"), ({"threshold": 0.5}, "it takes no threshold")],
)
def test_what_a_regression_needs_is_said(services, tmp_path, options, reason) -> None:
    skops.dump(regressor(Ridge()), tmp_path / "model.skops")
    with pytest.raises(InvalidData, match=reason):
        judged(services, "rents", tmp_path / "model.skops", **options)


def test_an_estimator_of_the_other_kind_is_refused() -> None:
    number = FoundModel("ridge", "", "", estimator=Ridge())
    with pytest.raises(InvalidData, match="sentiment predicts classes: it needs a classifier"):
        adapt_estimator(number, SENTIMENT, Declared())
    classes = FoundModel("logistic", "", "", estimator=LogisticRegression())
    with pytest.raises(InvalidData, match="rents predicts numbers: it needs a regressor"):
        adapt_estimator(classes, RENTS, Declared())


TEXTS = SENTIMENT.training().generate(300, 1)
SENTIMENTS = TEXTS["label"].to_pylist()


def text_model():
    model = make_pipeline(TfidfVectorizer(token_pattern="[a-z]+"), LogisticRegression(C=10))
    return model.fit(frame(SENTIMENT, TEXTS)["text"], SENTIMENTS)


def same_probabilities(services, released, model) -> None:
    new = SENTIMENT.training().generate(40, 7)
    scorer = Scorer(load_release(services.store, "sentiment", released.release_id), SENTIMENT)
    given = new.select(SENTIMENT.record_schema.names).combine_chunks().to_batches()[0]
    wanted = model.predict_proba(frame(SENTIMENT, new)["text"])
    order = [list(map(str, model.classes_)).index(name) for name in SENTIMENT.classes]
    assert scorer.score(given).probabilities == pytest.approx(wanted[:, order], abs=1e-5)


@pytest.fixture
def texts(tmp_path) -> str:
    pq.write_table(SENTIMENT.training().generate(300, 9), tmp_path / "texts.parquet")
    return str(tmp_path / "texts.parquet")


def test_a_model_of_texts(services, tmp_path, texts) -> None:
    model = text_model()
    skops.dump(model, tmp_path / "model.skops")
    released, lineage, _ = judged(services, "sentiment", tmp_path / "model.skops", holdout=texts)
    same_probabilities(services, released, model)
    assert lineage.metrics["accuracy"] > 0.8


def test_models_of_an_mlflow_server_by_run_and_by_name(services, mlflow_server) -> None:
    model = text_model()
    mlflow.set_tracking_uri(mlflow_server)
    data = frame(SENTIMENT, TEXTS)[["text"]]
    signature = infer_signature(data, model.predict(data["text"]))
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(
            model, name="model", signature=signature, pip_requirements=[],
            serialization_format="skops", registered_model_name="texts-from-elsewhere",
        )  # fmt: skip
    assert logged.model_uri
    named, lineage, _ = judged(services, "sentiment", "models:/texts-from-elsewhere/1")
    same_probabilities(services, named, model)
    assert lineage.imported.source == "models:/texts-from-elsewhere/1"
    by_run, _, _ = judged(services, "sentiment", f"runs:/{run.info.run_id}/model")
    assert by_run.release_id == named.release_id
    with pytest.raises(UpstreamUnavailable, match="cannot provide models:/absent/1"):
        judged(services, "sentiment", "models:/absent/1")


def test_the_onnx_flavour_of_mlflow(services, tmp_path) -> None:
    model = text_model()
    skops.dump(model, tmp_path / "model.skops")
    first, _, _ = judged(services, "sentiment", tmp_path / "model.skops")
    graph = load_release(services.store, "sentiment", first.release_id).model
    data = frame(SENTIMENT, TEXTS)
    signature = infer_signature(data, np.zeros((2, 2), np.float32))
    mlflow.onnx.save_model(
        onnx.load_model_from_string(graph), str(tmp_path / "onnx"),
        signature=signature, pip_requirements=[],
    )  # fmt: skip
    released, lineage, _ = judged(services, "sentiment", tmp_path / "onnx")
    assert lineage.imported.kind.startswith("MLflow onnx")
    same_probabilities(services, released, model)
