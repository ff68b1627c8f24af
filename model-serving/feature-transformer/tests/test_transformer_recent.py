"""What was read of an entity lately is not asked for again, and not for longer than it may be."""

import pyarrow as pa
import pytest

from feature_transformer import FeatureTransformer
from feature_transformer.recent import RecentEntities
from platform_core.adapters.online_store.memory import MemoryOnlineStore
from scoring import build_release
from use_cases import use_case

SPAM = use_case("spam")
MANIFEST = build_release(SPAM, b"graph", b"", "v1").manifest
VIEW = "sender_domain_stats_v1"
NAMES = SPAM.entity_features.names


class Seconds:
    """A clock that a test turns."""

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
    return result.features.column(NAMES[0]).to_pylist()


def test_who_was_read_lately_is_answered_without_the_store() -> None:
    store = store_with(2.0)
    transformer = FeatureTransformer(SPAM, MANIFEST, store, max_age=60)
    known, other = mails("x@a.example", "y@new.example", ""), mails("z@b.example")
    assert transformer.waits(known)
    assert messages(transformer, known) == [2.0, 0.0, 0.0]
    store.down = True
    assert not transformer.waits(known)
    assert messages(transformer, known) == [2.0, 0.0, 0.0]
    assert transformer.transform(other).degraded


def test_without_an_age_every_record_asks() -> None:
    store = store_with(2.0)
    transformer = FeatureTransformer(SPAM, MANIFEST, store)
    records = mails("x@a.example")
    assert messages(transformer, records) == [2.0]
    store.publish(VIEW, {"a.example": dict(zip(NAMES, (3.0, 0.25), strict=True))})
    assert transformer.waits(records)
    assert messages(transformer, records) == [3.0]


def test_records_without_an_entity_wait_for_nothing() -> None:
    transformer = FeatureTransformer(SPAM, MANIFEST, store_with(1.0), max_age=60)
    assert not transformer.waits(mails("", "nobody"))


@pytest.mark.parametrize(("later", "known"), [(9.9, {"a": (1.0,)}), (10.0, {})])
def test_values_are_forgotten_when_they_are_too_old(later, known) -> None:
    now = Seconds()
    recent = RecentEntities(10, now)
    recent.keep({"a": (1.0,)})
    now.value = later
    assert recent.find(["a", "b"]) == known


def test_what_was_read_again_is_as_young_as_that() -> None:
    now = Seconds()
    recent = RecentEntities(10, now)
    recent.keep({"a": (1.0,)})
    now.value = 8
    recent.keep({"a": (2.0,)})
    now.value = 17
    assert recent.find(["a"]) == {"a": (2.0,)}
