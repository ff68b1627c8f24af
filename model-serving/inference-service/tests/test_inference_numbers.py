"""A regression over V2: in one process, and with the transformer as its own."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rents_release
from rents_release import RENTS, flats, records

from model_server.testing import ServerHome
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.release import Lineage
from platform_core.storage import release_path
from scoring import Scorer, store_release

FOLDER = Path(rents_release.__file__).parent
INSTALLED = {"PYTHONPATH": os.pathsep.join([str(FOLDER), str(FOLDER / "installed_rents")])}


@pytest.fixture(scope="module")
def release():
    return rents_release.rents_release()


@pytest.fixture(scope="module")
def home(tmp_path_factory, release):
    folder = tmp_path_factory.mktemp("home")
    home = ServerHome(folder, LocalBlobStore(folder / "blob"))
    lineage = Lineage(
        release_id=release.id, created_at=datetime(2026, 1, 1, tzinfo=UTC), dataset_version="d",
        data_source="", pipeline_run="", candidate="line", parameters={}, metrics={},
    )  # fmt: skip
    store_release(home.store, release_path("rents", release.id), release, lineage)
    home.point("rents", release.id)
    return home


def check(server, release):
    batch = records(flats(5))
    expected = Scorer(release, RENTS).score(batch)
    answer = server.infer("rents", batch).json()
    outputs = {output["name"]: output for output in answer["outputs"]}
    assert set(outputs) == {"prediction", "interval"}
    prediction, interval = outputs["prediction"], outputs["interval"]
    assert (prediction["datatype"], prediction["shape"]) == ("FP32", [5])
    assert (interval["datatype"], interval["shape"]) == ("FP32", [5, 2])
    np.testing.assert_allclose(prediction["data"], expected.decided, rtol=1e-6)
    np.testing.assert_allclose(interval["data"], expected.intervals.ravel(), rtol=1e-6)


def test_a_number_and_its_interval_are_tensors(home, release):
    with home.serve("inference_service", "INFERENCE", **INSTALLED) as server:
        check(server, release)


def test_the_transformer_computes_the_interval(home, release):
    separate = {"TRANSFORMER": "separate", **INSTALLED}
    with home.serve("inference_service", "INFERENCE", **separate) as predictor:
        settings = {"PREDICTOR_URL": predictor.url, **INSTALLED}
        with home.serve("feature_transformer", "TRANSFORMER", **settings) as server:
            check(server, release)
