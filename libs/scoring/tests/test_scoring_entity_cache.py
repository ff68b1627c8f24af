"""Entity features are cached for at most the maximum age."""

import pyarrow as pa
import pytest

from platform_core.adapters.online_store.memory import MemoryOnlineStore
from scoring import FeatureTransformer, build_release
from scoring.entity_cache import EntityCache
from use_cases import model_schema, use_case

SPAM = use_case("spam")
MANIFEST = build_release(SPAM, b"graph", b"", "v1").manifest
VIEW = "sender_domain_stats_v1"
NAMES = SPAM.entity_features.names


class Seconds:
    """A clock that the test sets."""

    value = 0.0

    def __call__(self) -> float:
        return self.value


def store_with(messages: float) -> MemoryOnlineStore:
    store = MemoryOnlineStore()
    store.publish(VIEW, {"a.example": dict(zip(NAMES, (messages, 0.25), strict=True))})
    return store


def mails(*senders: str) -> pa.RecordBatch:
    rows = [{"email_id": "1", "subject": "", "body": "Hi", "sender": sender} for sender in senders]
    return pa.RecordBatch.from_pylist(rows, schema=SPAM.record_schema)


def messages(transformer: FeatureTransformer, records: pa.RecordBatch) -> list[float]:
    result = transformer.transform(records)
    assert not result.degraded
    return model_schema(SPAM).column(result.features, NAMES[0]).to_pylist()


def test_cached_entities_are_answered_without_the_store() -> None:
    store = store_with(2.0)
    transformer = FeatureTransformer(SPAM, MANIFEST, store, max_age=60)
    known, other = mails("x@a.example", "y@new.example", ""), mails("z@b.example")
    assert transformer.transform_at_once(known) is None
    assert messages(transformer, known) == [2.0, 0.0, 0.0]
    store.down = True
    assert transformer.transform_at_once(known) is not None
    assert messages(transformer, known) == [2.0, 0.0, 0.0]
    assert transformer.transform(other).degraded


def test_without_a_maximum_age_every_record_reads_the_store() -> None:
    store = store_with(2.0)
    transformer = FeatureTransformer(SPAM, MANIFEST, store)
    records = mails("x@a.example")
    assert messages(transformer, records) == [2.0]
    store.publish(VIEW, {"a.example": dict(zip(NAMES, (3.0, 0.25), strict=True))})
    assert transformer.transform_at_once(records) is None
    assert messages(transformer, records) == [3.0]


def test_records_without_an_entity_do_not_block() -> None:
    transformer = FeatureTransformer(SPAM, MANIFEST, store_with(1.0), max_age=60)
    assert transformer.transform_at_once(mails("", "nobody")) is not None


@pytest.mark.parametrize(("later", "known"), [(9.9, {"a": (1.0,)}), (10.0, {})])
def test_values_expire_at_the_maximum_age(later, known) -> None:
    now = Seconds()
    cache = EntityCache(10, now)
    cache.put({"a": (1.0,)})
    now.value = later
    assert cache.get(["a", "b"]) == known


def test_reading_an_entity_again_renews_it() -> None:
    now = Seconds()
    cache = EntityCache(10, now)
    cache.put({"a": (1.0,)})
    now.value = 8
    cache.put({"a": (2.0,)})
    now.value = 17
    assert cache.get(["a"]) == {"a": (2.0,)}
