"""The smoke test against the small server, and against wrong answers."""

from copy import deepcopy

import numpy as np
import pyarrow as pa
import pytest

from platform_core.contracts.environments import Environment
from platform_core.contracts.release import FeatureViewRef
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import Refused, UpstreamUnavailable
from platform_core.open_inference import (
    FEATURES,
    PREDICTION,
    PROBABILITIES,
    tensors_from_batch,
)
from platform_core.open_inference.client import InferenceResult
from platform_core.storage import release_path
from releases.changes import ServiceSmokeTest
from releases.changes.smoke import wrong_answer
from releases.deployers import DeployableRelease
from releases.deployers.embedded import EmbeddedDeployer
from releases.deployers.v2 import V2Services
from scoring import Scorer, load_release
from use_cases import use_case

STAGING = Environment.STAGING
IRIS = use_case("iris")
GOLDEN = IRIS.golden_records()


@pytest.fixture
def services(v2_peers):
    return V2Services(v2_peers.settings, "start it")


@pytest.fixture
def release(blob_store, make_release, v2_peers):
    """A release that staging's server has loaded as stable and as canary."""
    release = make_release(blob_store, "iris")
    deployer = EmbeddedDeployer(v2_peers.repository, v2_peers.settings, 10)
    uri = blob_store.uri(release_path("iris", release.id))
    for role in (ServingRole.STABLE, ServingRole.CANARY):
        deployer.ensure(STAGING, DeployableRelease("iris", release.id, uri), role)
    return release


@pytest.mark.parametrize("role", list(ServingRole))
def test_a_release_that_answers_as_here_passes(role, release, blob_store, services):
    ServiceSmokeTest(blob_store, services, 0).check(IRIS, STAGING, release.id, role)


def test_a_release_that_is_not_served_is_unavailable(release, blob_store, services):
    smoke = ServiceSmokeTest(blob_store, services, 0)
    with pytest.raises(UpstreamUnavailable, match="smoke test"):
        smoke.check(IRIS, Environment.PRODUCTION, release.id, ServingRole.STABLE)


def test_a_server_with_another_graph_is_refused(
    release, blob_store, make_release, services, v2_peers
):
    other = load_release(blob_store, "iris", make_release(blob_store, "iris", 1).id)
    scorer = Scorer(other, IRIS)
    scorer.release_id = release.id
    v2_peers.peers[STAGING].scorers[f"iris-{release.id[:8]}"] = scorer
    smoke = ServiceSmokeTest(blob_store, services, 0)
    with pytest.raises(Refused, match="golden records of iris: the probabilities differ"):
        smoke.check(IRIS, STAGING, release.id, ServingRole.STABLE)


@pytest.fixture
def scorer(blob_store, release):
    return Scorer(load_release(blob_store, "iris", release.id), IRIS)


@pytest.fixture
def answer(services, release):
    """The right answer, to be made wrong."""
    model = services.model(STAGING, "iris", release.id, ServingRole.STABLE)
    found = services.infer(model, tensors_from_batch(GOLDEN))
    return InferenceResult(deepcopy(dict(found.outputs)), dict(found.parameters))


def add(name, amount):
    def change(answer):
        answer.outputs[name]["data"][0] += amount

    return change


def decide_otherwise(answer):
    data = answer.outputs[PREDICTION]["data"]
    data[0] = next(name for name in IRIS.classes if name != data[0])


WRONG = {
    "nothing": (lambda _: None, ""),
    "rounding": (add(PROBABILITIES, 1e-7), ""),
    "another release": (
        lambda a: a.parameters.update(release_id="ab" * 16),
        "release abababababababababababababababab answered, expected",
    ),
    "probabilities": (add(PROBABILITIES, 1e-3), "the probabilities differ"),
    "not a number": (add(PROBABILITIES, float("nan")), "the probabilities differ"),
    "decisions": (decide_otherwise, "the decisions differ"),
    "features": (add(FEATURES, 0.5), "the feature 'sepal_length' differs"),
    "fewer rows": (
        lambda a: a.outputs[PROBABILITIES].update(data=[1.0, 0.0, 0.0], shape=[1, 3]),
        "the probabilities differ",
    ),
    "a wrong shape": (
        lambda a: a.outputs[PROBABILITIES].update(shape=[7, 3]),
        "the answer is incomplete",
    ),
    "no probabilities": (lambda a: a.outputs.pop(PROBABILITIES), "the answer is incomplete"),
}


@pytest.mark.parametrize(("change", "problem"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_named(change, problem, answer, scorer):
    change(answer)
    found = wrong_answer(answer, scorer, IRIS, GOLDEN)
    assert (found[: len(problem)], bool(found)) == (problem, bool(problem))


def test_a_feature_that_was_looked_up_may_differ_from_the_golden_one(answer, scorer):
    name = scorer.manifest.features.numbers[0]
    view = FeatureViewRef(name="v", entity="e", features=(name,), unknown=(0.0,))
    scorer.manifest = scorer.manifest.model_copy(update={"feature_views": (view,)})
    add(FEATURES, 3.0)(answer)
    shape = (GOLDEN.num_rows, -1)
    rows = np.asarray(answer.outputs[FEATURES]["data"], np.float32).reshape(shape)
    expected = scorer.score(GOLDEN).probabilities.copy()
    assert wrong_answer(answer, scorer, IRIS, GOLDEN) == "the probabilities differ"
    changed = GOLDEN.set_column(0, GOLDEN.schema.field(0), pa.array(rows[:, 0]))
    scores = scorer.score(changed)
    assert not np.allclose(expected, scores.probabilities)
    answer.outputs[PROBABILITIES]["data"] = scores.probabilities.ravel().tolist()
    answer.outputs[PREDICTION]["data"] = list(scores.decided)
    assert wrong_answer(answer, scorer, IRIS, GOLDEN) == ""
