import numpy as np
import pyarrow as pa
import pytest

from platform_core.contracts.release import DecisionRule
from platform_core.errors import ReleaseRefused
from scoring import Scorer, build_release, verify
from use_cases import UseCase, number_block, use_case
from use_cases.iris import IrisUseCase
from use_cases.spam import SpamUseCase


def manifest(name: str = "spam", **changes):
    return build_release(use_case(name), b"graph", b"", "v1").manifest.model_copy(update=changes)


@pytest.mark.parametrize("name", ["iris", "spam"])
@pytest.mark.parametrize("version", ["v1", None])
def test_what_this_code_built_fits(name, version):
    verify(build_release(use_case(name), b"graph", b"", version).manifest, use_case(name))


SPAM = manifest()
VIEW = SPAM.feature_views[0]


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("use case", {"use_case": "iris"}),
        ("record schema", {"inputs": SPAM.inputs[1:]}),
        ("record schema", {"inputs": SPAM.inputs[::-1]}),
        ("outputs", {"outputs": SPAM.outputs[:1]}),
        ("feature schema", {"features": SPAM.features.model_copy(update={"texts": ()})}),
        ("feature schema", {"features": SPAM.features.model_copy(update={"numbers": ("a",)})}),
        ("classes", {"classes": ("ham", "spam", "phish")}),
        ("classes", {"classes": ("spam", "ham")}),
        ("feature views", {"feature_views": (VIEW, VIEW)}),
        ("feature views", {"feature_views": (VIEW.model_copy(update={"entity": "ip"}),)}),
        ("feature views", {"feature_views": (VIEW.model_copy(update={"unknown": (0.0, 0.9)}),)}),
        ("feature views", {"feature_views": (VIEW.model_copy(update={"unknown": (0.0,)}),)}),
        ("feature views", {"feature_views": (VIEW.model_copy(update={"features": ("x",)}),)}),
        ("decision rule", {"decision": DecisionRule(kind="threshold")}),
        ("files", {"files": {}}),
    ],
)
def test_a_part_that_does_not_fit_is_named(what, changes):
    with pytest.raises(ReleaseRefused, match=rf"{what}.* differ"):
        verify(SPAM.model_copy(update=changes), use_case("spam"))


@pytest.mark.parametrize(
    "rule",
    [
        {"positive": "spam", "negative": "ham"},
        {"positive": "spam", "negative": "ham", "threshold": 1.5},
        {"positive": "spam", "negative": "spam", "threshold": 0.5},
        {"positive": "eggs", "negative": "ham", "threshold": 0.5},
        {"positive": "spam", "threshold": 0.5},
    ],
)
def test_a_threshold_needs_two_classes_and_a_share(rule):
    decision = DecisionRule(kind="threshold", **rule)

    with pytest.raises(ReleaseRefused, match="decision rule differ"):
        verify(manifest(decision=decision), use_case("spam"))


def test_views_of_a_use_case_without_entities_are_refused():
    with pytest.raises(ReleaseRefused, match="feature views"):
        verify(manifest("iris", feature_views=SPAM.feature_views), use_case("iris"))


class Louder(SpamUseCase):
    """The same schema, but the feature code has changed."""

    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        features = super().features(records)
        numbers = number_block(features).copy()
        numbers[:, self.feature_schema.numbers.index("capital_share")] *= 2
        return self.feature_schema.batch([features.column("text")], numbers)


def test_changed_feature_code_is_refused_and_the_feature_is_named():
    with pytest.raises(ReleaseRefused, match=r"'capital_share' of golden record \d.*train a new"):
        verify(SPAM, Louder())


class Tilted(IrisUseCase):
    """Features that differ by `share`."""

    def __init__(self, share: float) -> None:
        self.share = share

    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        moved = number_block(super().features(records)) * np.float32(1 + self.share)
        return self.feature_schema.batch([], moved)


def test_float32_noise_of_another_processor_is_not_a_change():
    verify(manifest("iris"), Tilted(3e-7))
    with pytest.raises(ReleaseRefused, match="feature code has changed"):
        verify(manifest("iris"), Tilted(3e-5))


class OtherGolden(IrisUseCase):
    def golden_records(self) -> pa.RecordBatch:
        return super().golden_records().slice(1)


def test_other_golden_records_are_refused():
    with pytest.raises(ReleaseRefused, match="different golden records"):
        verify(manifest("iris"), OtherGolden())


@pytest.mark.parametrize(
    "features",
    [
        (),
        ({},),
        tuple({"sepal_length": row["sepal_length"]} for row in manifest("iris").golden.features),
    ],
)
def test_golden_features_that_are_not_complete_are_refused(features):
    built = manifest("iris")
    short = built.golden.model_copy(update={"features": features})

    with pytest.raises(ReleaseRefused):
        verify(built.model_copy(update={"golden": short}), use_case("iris"))


class Renamed(IrisUseCase):
    classes = ("a", "b", "c")


class Wider(IrisUseCase):
    feature_schema = IrisUseCase.feature_schema.with_numbers(["area"])

    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        numbers = np.array([column.to_numpy() for column in records.columns], np.float32).T
        return self.feature_schema.batch([], np.hstack([numbers, numbers[:, :1]]))


@pytest.mark.parametrize(("case", "what"), [(Renamed(), "classes"), (Wider(), "feature schema")])
def test_the_scorer_refuses_what_does_not_fit(case: UseCase, what, trained):
    release = build_release(use_case("iris"), trained("iris"), b"", None)

    with pytest.raises(ReleaseRefused, match=what):
        Scorer(release, case)
