import logging
from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_core.clock import ManualClock
from platform_core.errors import NotFound, UpstreamUnavailable
from scoring import FeatureTransformer, build_release
from use_cases import assemble, model_schema, use_case

SPAM = use_case("spam")
MANIFEST = build_release(SPAM, b"graph", b"", "v1").manifest
START = datetime(2026, 1, 5, tzinfo=UTC)
VALUES = {"good.example": (3.0, 0.1), "bad.example": (1.5, 0.9)}


class Store:
    """An online store that counts what it is asked for, and fails when `error` is set."""

    def __init__(self) -> None:
        self.asked: Counter = Counter()
        self.calls = 0
        self.error: Exception | None = None

    def read(self, feature_view, entity, keys, features):
        assert (feature_view, entity) == ("sender_domain_stats_v1", "sender_domain")
        self.calls += 1
        self.asked.update(keys)
        if self.error:
            raise self.error
        rows = [VALUES.get(key, (None, None)) for key in keys]
        columns = [pa.array(column, pa.float64()) for column in zip(*rows, strict=True)]
        return pa.record_batch(columns, names=list(features))


def mails(*senders: str) -> pa.RecordBatch:
    rows = [
        {"email_id": str(n), "subject": "Hello", "body": "Text!", "sender": sender}
        for n, sender in enumerate(senders)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=SPAM.record_schema)


def domain_features(transformed) -> list[tuple]:
    names = SPAM.entity_features.names
    rows = model_schema(SPAM).rows(transformed.features)
    return [tuple(row[n] for n in names) for row in rows]


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def clock():
    return ManualClock(START)


def test_every_row_gets_its_own_sender(store):
    records = mails("a@bad.example", "b@new.example", "", "c@good.example")

    result = FeatureTransformer(SPAM, MANIFEST, store).transform(records)

    unknown = (0.0, 0.5)
    expected = [VALUES["bad.example"], unknown, unknown, VALUES["good.example"]]
    assert domain_features(result) == [pytest.approx(row) for row in expected]
    assert result.degraded is False


@given(st.lists(st.sampled_from(["", "x", "a@good.example", "b@bad.example", "c@z.example"])))
@settings(max_examples=40, deadline=None)
def test_online_features_are_the_offline_features(senders):
    records = mails(*senders)
    names = list(SPAM.entity_features.names)
    known = [VALUES.get(k, (None, None)) for k in SPAM.entity_keys(records).to_pylist()]
    columns = [pa.array([row[i] for row in known], pa.float64()) for i in range(2)]

    result = FeatureTransformer(SPAM, MANIFEST, Store()).transform(records)

    entities = pa.record_batch(columns, names=names)
    assert result.features.equals(assemble(SPAM, records, entities))
    assert result.degraded is False


def test_each_key_is_looked_up_once_and_null_keys_never(store):
    records = mails("a@bad.example", "", "b@bad.example", "no domain", "c@BAD.example")

    FeatureTransformer(SPAM, MANIFEST, store).transform(records)

    assert store.asked == {"bad.example": 1}
    assert store.calls == 1


def test_records_without_keys_do_not_call_the_store(store):
    result = FeatureTransformer(SPAM, MANIFEST, store).transform(mails("", "nobody"))

    assert store.calls == 0
    assert result.degraded is False
    assert domain_features(result) == [(0.0, 0.5)] * 2


@pytest.mark.parametrize("name", ["iris", "spam"])
def test_a_release_without_views_reads_nothing_and_is_not_degraded(name, store):
    case = use_case(name)
    manifest = build_release(case, b"graph", b"", None).manifest
    transformer = FeatureTransformer(case, manifest, None)

    result = transformer.transform(case.golden_records())

    assert transformer.transform_at_once(case.golden_records()) == result
    assert result.degraded is False
    assert result.features.equals(assemble(case, case.golden_records()))


@pytest.mark.parametrize("error", [UpstreamUnavailable("down"), NotFound("no such view")])
def test_without_the_store_values_are_unknown_and_the_answer_degraded(error, store):
    store.error = error
    records = mails("a@bad.example", "")

    result = FeatureTransformer(SPAM, MANIFEST, store).transform(records)

    assert result.degraded is True
    assert result.features.equals(assemble(SPAM, records))


def test_a_release_with_views_and_no_store_is_degraded():
    result = FeatureTransformer(SPAM, MANIFEST, None).transform(mails("a@bad.example"))

    assert result.degraded is True


def test_an_unexpected_error_of_the_store_is_raised(store):
    store.error = ZeroDivisionError()

    with pytest.raises(ZeroDivisionError):
        FeatureTransformer(SPAM, MANIFEST, store).transform(mails("a@bad.example"))


@pytest.mark.parametrize("error", [UpstreamUnavailable("down"), NotFound("no such view")])
def test_a_failed_store_is_not_called_for_a_second(store, clock, error):
    transformer = FeatureTransformer(SPAM, MANIFEST, store, clock)
    store.error = error
    assert transformer.transform(mails("a@bad.example")).degraded
    store.error = None

    clock.advance(timedelta(milliseconds=999))
    assert transformer.transform(mails("a@bad.example")).degraded
    assert store.calls == 1
    clock.advance(timedelta(milliseconds=2))
    assert not transformer.transform(mails("a@bad.example")).degraded


def test_an_outage_is_logged_twice_a_minute_with_a_count(store, clock, caplog):
    transformer = FeatureTransformer(SPAM, MANIFEST, store, clock)
    store.error = UpstreamUnavailable("connection refused")

    with caplog.at_level(logging.WARNING):
        for _ in range(61):
            transformer.transform(mails("a@bad.example"))
            clock.advance(timedelta(seconds=1))

    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert all("connection refused" in line for line in lines)
    assert "30 failed lookups" in lines[1]
