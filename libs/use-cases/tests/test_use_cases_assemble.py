"""Own features and entity features become one input."""

import pyarrow as pa

from use_cases import assemble, model_schema, use_case

SPAM, IRIS = use_case("spam"), use_case("iris")


def test_entity_features_follow_the_own_ones():
    names = model_schema(SPAM).names
    assert names == [*SPAM.feature_schema.names, *SPAM.entity_features.names]
    assert model_schema(IRIS).names == IRIS.feature_schema.names


def test_what_nobody_knows_becomes_the_unknown_value():
    records = SPAM.golden_records().slice(0, 2)
    known = pa.record_batch(
        [pa.array([2.5, None]), pa.array([None, 0.1])], names=list(SPAM.entity_features.names)
    )
    features = assemble(SPAM, records, known)
    assert features.schema == model_schema(SPAM)
    assert features.column("sender_domain_messages").to_pylist() == [2.5, 0.0]
    rates = features.column("sender_domain_spam_rate")
    assert rates.equals(pa.array([0.5, 0.1], pa.float32()))


def test_no_entities_at_all_is_the_same_as_all_unknown():
    records = SPAM.golden_records()
    nothing = pa.nulls(records.num_rows, pa.float64())
    unknown = pa.record_batch([nothing, nothing], names=list(SPAM.entity_features.names))
    assert assemble(SPAM, records).equals(assemble(SPAM, records, unknown))


def test_a_use_case_without_entities_needs_none():
    records = IRIS.golden_records()
    assert assemble(IRIS, records).equals(records)
