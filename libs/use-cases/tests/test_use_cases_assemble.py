"""Own features and entity features become one input."""

import pyarrow as pa

from use_cases import assemble, model_schema, use_case
from use_cases.assemble import without_entities

SPAM, IRIS = use_case("spam"), use_case("iris")


def test_entity_features_follow_the_own_ones():
    schema = model_schema(SPAM)
    assert schema.texts == SPAM.feature_schema.texts == ("text",)
    assert schema.numbers == (*SPAM.feature_schema.numbers, *SPAM.entity_features.names)
    assert model_schema(IRIS) == IRIS.feature_schema


def test_a_missing_value_becomes_the_unknown_value():
    records = SPAM.golden_records().slice(0, 2)
    known = pa.record_batch(
        [pa.array([2.5, None]), pa.array([None, 0.1])], names=list(SPAM.entity_features.names)
    )
    features = assemble(SPAM, records, known)
    schema = model_schema(SPAM)
    assert features.schema == schema.arrow
    assert schema.column(features, "sender_domain_messages").to_pylist() == [2.5, 0.0]
    rates = schema.column(features, "sender_domain_spam_rate")
    assert rates.equals(pa.array([0.5, 0.1], pa.float32()))


def test_no_entities_at_all_is_the_same_as_all_unknown():
    records = SPAM.golden_records()
    nothing = pa.nulls(records.num_rows, pa.float64())
    unknown = pa.record_batch([nothing, nothing], names=list(SPAM.entity_features.names))
    assert assemble(SPAM, records).equals(assemble(SPAM, records, unknown))


def test_a_use_case_without_entities_needs_none():
    records = IRIS.golden_records()
    assert assemble(IRIS, records).equals(IRIS.features(records))
    assert model_schema(IRIS).columns(assemble(IRIS, records)).to_batches() == [records]


def test_own_features_are_found_again_within_the_complete_input():
    records = SPAM.golden_records()
    assert without_entities(SPAM, assemble(SPAM, records)).equals(SPAM.features(records))
