"""What every use case does: a test suite a team runs on its own (needs the `testing` extra).

class TestChurn(UseCaseContract):
    @pytest.fixture
    def case(self) -> UseCase:
        return ChurnUseCase()
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from platform_core.open_inference import PREDICTION, PROBABILITIES
from use_cases.assemble import assemble, model_schema
from use_cases.feature_schema import NUMBERS, FeatureSchema, number_block
from use_cases.interface import UseCase
from use_cases.rules.consistency import check_consistency
from use_cases.search_space import default_parameters
from use_cases.signature import FEATURE_SCHEMA_KEY, feature_schema_hash
from use_cases.training import Candidate
from use_cases.validation import validate_columns

RECORD_TYPES = {pa.string(), pa.float32(), pa.int64()}


def generated_records(case: UseCase, rows: int, seed: int = 0) -> pa.RecordBatch:
    """Return generated records (`record_schema`) without their labels."""
    table = case.training().generate(rows, seed).select(case.record_schema.names)
    return pa.record_batch([c.combine_chunks() for c in table.columns], schema=case.record_schema)


def fit_default(case: UseCase, candidate: Candidate, rows: int, seed: int = 0) -> Any:
    """Return `candidate`, with its default parameters, fitted on generated records."""
    defaults = default_parameters(candidate.space)
    training = case.training()
    labels = training.generate(rows, seed)[training.label.column].to_pylist()
    if case.classes:
        labels = [training.label.values[str(label).lower()] for label in labels]
    batch = assemble(case, generated_records(case, rows, seed))
    features = model_schema(case).frame(batch)
    return candidate.build(defaults, seed).fit(features, labels)


def variant(
    case: UseCase, training: Mapping[str, object] | None = None, **serving: object
) -> UseCase:
    """Return a use case like `case` with some attributes or methods of either half replaced."""
    attributes = dict(serving)
    if training is not None:
        half = type("TrainingVariant", (type(case.training()),), dict(training))
        attributes["training"] = lambda _: half()
    made: UseCase = type("UseCaseVariant", (type(case),), attributes)()
    return made


class UseCaseContract:
    """Override `case`; `rows` is how many generated records the tests work on."""

    rows = 300

    @pytest.fixture
    def case(self) -> UseCase:
        """Return the use case under test."""
        pytest.fail("override the fixture `case`")

    def test_its_name_can_stand_in_a_path(self, case: UseCase) -> None:
        """Lower case letters, digits and `_`."""
        assert re.fullmatch(r"[a-z][a-z0-9_]*", case.name)

    def test_its_schemas_have_types_that_every_part_can_carry(self, case: UseCase) -> None:
        """Records are string, float32 or int64."""
        assert {field.type for field in case.record_schema} <= RECORD_TYPES
        assert case.id_column is None or case.record_schema.names[0] == case.id_column
        assert set(case.limits) <= set(case.record_schema.names)

    def test_its_classes_labels_and_decision_fit_together(self, case: UseCase) -> None:
        """Task, classes, spellings, metric, gates and threshold do not contradict each other."""
        check_consistency(case)
        assert all(label == label.lower() for label in case.training().label.values)
        assert {case.decision.positive, case.decision.negative} - {None} <= set(case.classes)

    def test_what_it_monitors_are_inputs_of_the_model(self, case: UseCase) -> None:
        """A column that no model takes has no distribution to watch."""
        inputs = {name for column in case.monitored for name in column.inputs}
        assert inputs <= set(model_schema(case).names)

    def test_its_examples_are_records_and_survive_the_way_to_columns(self, case: UseCase) -> None:
        """A record becomes one row, and the row becomes a request for the same record."""
        records = [case.record.model_validate(example) for example in case.examples.values()]
        batch = case.columns(records)
        assert batch.schema == case.record_schema
        assert batch.num_rows == len(records) > 0
        again = [case.record.model_validate(case.request(row)) for row in batch.to_pylist()]
        assert case.columns(again).equals(batch)

    def test_generated_records_fit_the_schema_and_its_limits(self, case: UseCase) -> None:
        """So that the whole life of a model can be played without data."""
        training = case.training()
        table = training.generate(self.rows, seed=1)
        extra = {training.label.column, training.time_column} - {None}
        assert set(table.schema.names) == {*case.record_schema.names, *extra}
        assert table.num_rows == self.rows
        assert pc.all(validate_columns(case, table).fits).as_py()
        given = table[training.label.column]
        if case.task == "regression":
            assert np.isfinite(given.cast(pa.float64()).to_numpy()).all()
            return
        labels = {str(label).lower() for label in given.to_pylist()}
        assert {training.label.values[label] for label in labels} == set(case.classes)

    def test_the_generator_repeats_itself_and_drifts(self, case: UseCase) -> None:
        """The seed decides; drift changes the features."""
        generate = case.training().generate
        first = generate(self.rows, seed=1)
        assert first.equals(generate(self.rows, seed=1))
        assert not first.equals(generate(self.rows, seed=2))
        assert not first.equals(generate(self.rows, seed=1, drift=1.0))
        assert generate(0, seed=1).schema == first.schema

    def test_features_are_complete(self, case: UseCase) -> None:
        """No null, no NaN, and the schema that was promised; also for no rows at all."""
        for records in (generated_records(case, self.rows), case.golden_records()):
            features = case.features(records)
            assert features.schema == case.feature_schema.arrow
            assert features.num_rows == records.num_rows
            features.validate(full=True)
            assert all(column.null_count == 0 for column in features.columns)
            if case.feature_schema.numbers:
                assert np.isfinite(number_block(features)).all()
        assert case.features(case.golden_records().slice(0, 0)).num_rows == 0

    def test_features_of_a_row_depend_on_that_row_alone(self, case: UseCase) -> None:
        """Alone, in a slice or in a crowd: the same."""
        for records in (generated_records(case, self.rows), case.golden_records()):
            together = case.features(records)
            for row in range(0, records.num_rows, max(1, records.num_rows // 20)):
                assert case.features(records.slice(row, 1)).equals(together.slice(row, 1))
            half = records.num_rows // 2
            assert case.features(records.slice(half)).equals(together.slice(half))

    def test_redaction_keeps_features_and_entities(self, case: UseCase) -> None:
        """Or a logged answer could not be recomputed."""
        for records in (generated_records(case, self.rows), case.golden_records()):
            logged = case.redact(records)
            assert logged.schema == records.schema
            assert case.features(logged).equals(case.features(records))
            assert case.entity_keys(logged).equals(case.entity_keys(records))

    def test_the_history_of_its_entities_fits_the_feature_view(self, case: UseCase) -> None:
        """Key, time and features, without gaps."""
        entity = case.entity_features
        if entity is None:
            return
        training = case.training()
        table = training.generate(self.rows, seed=1)
        names = {training.time_column: "event_timestamp", training.label.column: "label"}
        history = training.entity_history(
            table.rename_columns([names.get(name, name) for name in table.schema.names])
        )
        assert history.schema.names == [entity.entity, "event_timestamp", *entity.names]
        assert history.num_rows > 0
        assert all(column.null_count == 0 for column in history.columns)
        keys = case.entity_keys(generated_records(case, self.rows, seed=1))
        assert set(history[entity.entity].to_pylist()) <= set(keys.to_pylist())

    def test_every_candidate_gives_the_same_answers_as_a_graph(self, case: UseCase) -> None:
        """Within the parity gate, in the order of the classes, on records it has not seen."""
        frame = model_schema(case).frame
        unseen = frame(assemble(case, generated_records(case, self.rows, seed=1)))
        golden = frame(assemble(case, case.golden_records()))
        for candidate, fitted, graph in _candidates(case, self.rows):
            for features in (unseen, golden):
                difference = _difference(case, fitted, graph, features)
                assert difference <= case.training().gates.parity, f"{candidate.name}: {difference}"

    def test_every_candidate_gives_the_same_bytes_for_the_same_seed(self, case: UseCase) -> None:
        """The release id is a hash of them."""
        for candidate, _, graph in _candidates(case, self.rows):
            again = candidate.to_onnx(fit_default(case, candidate, self.rows))
            assert again.SerializeToString() == graph, candidate.name


@cache
def _candidates(case: UseCase, rows: int) -> list[tuple[Candidate, Any, bytes]]:
    """Return the candidates, each fitted with its default parameters, and their ONNX graphs."""
    fitted = [(one, fit_default(case, one, rows)) for one in case.training().candidates()]
    return [(one, model, one.to_onnx(model).SerializeToString()) for one, model in fitted]


def _difference(case: UseCase, fitted: Any, graph: bytes, features: pd.DataFrame) -> float:
    """Return the largest difference of a probability, or of a number relative to it above 1."""
    if case.task == "regression":
        expected = fitted.predict(features)
        actual = run_regressor(graph, features, model_schema(case))
        scale = np.maximum(1, np.abs(expected))
    else:
        order = [list(fitted.classes_).index(name) for name in case.classes]
        expected, scale = fitted.predict_proba(features)[:, order], 1.0
        actual = run_graph(graph, features, model_schema(case))
    assert actual.dtype == np.float32
    return float((np.abs(actual - expected) / scale).max())


def run_graph(graph: bytes, features: pd.DataFrame, schema: FeatureSchema) -> np.ndarray:
    """Return the probabilities [N, C] of an ONNX graph for N rows with a column per feature."""
    return _run(graph, features, schema, PROBABILITIES)


def run_regressor(graph: bytes, features: pd.DataFrame, schema: FeatureSchema) -> np.ndarray:
    """Return the predictions [N] of an ONNX graph for N rows with a column per feature."""
    return _run(graph, features, schema, PREDICTION)[:, 0]


def _run(graph: bytes, features: pd.DataFrame, schema: FeatureSchema, output: str) -> np.ndarray:
    import onnxruntime as ort

    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    stamp: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    assert stamp[FEATURE_SCHEMA_KEY] == feature_schema_hash(schema)
    assert [given.name for given in session.get_outputs()] == [output]
    feed = {name: features[[name]].to_numpy(object) for name in schema.texts}
    if schema.numbers:
        feed[NUMBERS] = features[list(schema.numbers)].to_numpy(np.float32)
    return np.asarray(session.run(None, feed)[0])
