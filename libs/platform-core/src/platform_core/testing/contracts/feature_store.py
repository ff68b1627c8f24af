"""What every feature store does."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from platform_core.errors import InvalidData, NotFound
from platform_core.ports.feature_store import FeatureStore
from platform_core.ports.online_store import OnlineStore

ENTITY = "sender_domain"
FEATURES = ("spam_rate", "messages")
START = datetime(2021, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIME = pa.timestamp("us", "UTC")
HISTORY = [
    ("a.test", START + 2 * HOUR, 0.5, 2.0),
    ("a.test", START, 0.0, 1.0),
    ("b.test", START + 5 * HOUR, None, 3.0),
    ("a.test", START + 9 * HOUR, 1.0, 3.0),
    (None, START, 0.9, 8.0),
    ("b.test", None, 0.9, 8.0),
]


class FeatureStoreContract:
    """Override `store` and `online`, which reads what `store` materialises."""

    @pytest.fixture
    def store(self) -> FeatureStore:
        """Return the store under test, empty."""
        pytest.fail("override the fixture `store`")

    @pytest.fixture
    def online(self) -> OnlineStore:
        """Return the online store it materialises to."""
        pytest.fail("override the fixture `online`")

    @pytest.fixture
    def history(self, tmp_path: Path) -> Path:
        """Return the file of `HISTORY`."""
        return write_history(tmp_path / "history.parquet", HISTORY)

    def test_nothing_of_the_future(self, store: FeatureStore, history: Path) -> None:
        """Each row sees what was known at its time, in the rows' order."""
        store.apply_view("stats_1", ENTITY, FEATURES, history)
        asked = [
            ("late", "a.test", START + 20 * HOUR),
            ("before", "a.test", START - HOUR),
            ("between", "a.test", START + 3 * HOUR),
            ("exactly", "a.test", START + 2 * HOUR),
            ("just before", "a.test", START + 2 * HOUR - timedelta(microseconds=1)),
            ("null value", "b.test", START + 6 * HOUR),
            ("nobody", "nobody.test", START + 6 * HOUR),
            ("no key", None, START + 6 * HOUR),
            ("no time", "a.test", None),
        ]
        found = store.historical("stats_1", ENTITY, ("messages", "spam_rate"), keys(asked))
        assert found.to_pydict() == {
            "row_id": [row_id for row_id, _, _ in asked],
            "messages": [3.0, None, 2.0, 2.0, 1.0, 3.0, None, None, None],
            "spam_rate": [1.0, None, 0.5, 0.5, 0.0, None, None, None, None],
        }
        assert found.schema.types[1:] == [pa.float32(), pa.float32()]

    def test_rows_with_the_same_key_and_time(self, store: FeatureStore, history: Path) -> None:
        """Each row keeps its own answer."""
        store.apply_view("stats_1", ENTITY, FEATURES, history)
        asked = [(str(number), "a.test", START + HOUR) for number in range(3)]
        found = store.historical("stats_1", ENTITY, FEATURES, keys(asked))
        assert found.to_pydict()["row_id"] == ["0", "1", "2"]
        assert found.to_pydict()["messages"] == [1.0, 1.0, 1.0]

    def test_no_rows(self, store: FeatureStore, history: Path) -> None:
        """Nothing asked, nothing answered, with all columns."""
        store.apply_view("stats_1", ENTITY, FEATURES, history)
        found = store.historical("stats_1", ENTITY, FEATURES, keys([]))
        assert (found.num_rows, found.column_names) == (0, ["row_id", *FEATURES])

    def test_materialise(self, store: FeatureStore, online: OnlineStore, history: Path) -> None:
        """The last value up to the end, the end included; again changes nothing."""
        store.apply_view("stats_1", ENTITY, FEATURES, history)
        for _ in range(2):
            store.materialise("stats_1", START + 5 * HOUR)
        found = online.read("stats_1", ENTITY, ["a.test", "b.test", "nobody.test"], FEATURES)
        assert found.to_pydict() == {"spam_rate": [0.5, None, None], "messages": [2.0, 3.0, None]}

    def test_views_are_independent(
        self, store: FeatureStore, online: OnlineStore, history: Path, tmp_path: Path
    ) -> None:
        """A new version leaves the old one's values alone; dropping one keeps the other."""
        store.apply_view("stats_1", ENTITY, FEATURES, history)
        store.materialise("stats_1", START + HOUR)
        other = write_history(tmp_path / "other.parquet", [("a.test", START, 0.75, 9.0)])
        store.apply_view("stats_2", ENTITY, FEATURES, other)
        store.materialise("stats_2", START + HOUR)
        assert store.views() == ["stats_1", "stats_2"]
        assert online.read("stats_1", ENTITY, ["a.test"], FEATURES).to_pylist() == [
            {"spam_rate": 0.0, "messages": 1.0}
        ]
        for _ in range(2):
            store.drop_view("stats_1")
        assert store.views() == ["stats_2"]
        assert online.read("stats_2", ENTITY, ["a.test"], ["messages"]).to_pylist() == [
            {"messages": 9.0}
        ]

    def test_unknown_view(self, store: FeatureStore, history: Path) -> None:
        """A view that is not registered is ignored."""
        assert store.views() == []
        store.apply_view("stats_1", ENTITY, FEATURES, history)
        with pytest.raises(NotFound, match="stats_2"):
            store.historical("stats_2", ENTITY, FEATURES, keys([("1", "a.test", START)]))
        with pytest.raises(NotFound, match="stats_2"):
            store.materialise("stats_2", START)

    def test_unusable_history(self, store: FeatureStore, history: Path, tmp_path: Path) -> None:
        """A file that is not there or lacks a column is refused."""
        with pytest.raises(InvalidData):
            store.apply_view("stats_1", ENTITY, FEATURES, tmp_path / "none.parquet")
        with pytest.raises(InvalidData, match="height"):
            store.apply_view("stats_1", ENTITY, ["height"], history)
        assert store.views() == []


def write_history(
    path: Path, rows: Iterable[tuple[str | None, datetime | None, float | None, float]]
) -> Path:
    """Write rows of key, time and the two features as a Parquet file."""
    names = [ENTITY, "event_timestamp", *FEATURES]
    schema = pa.schema(
        [(ENTITY, pa.string()), ("event_timestamp", TIME)] + [(f, pa.float32()) for f in FEATURES]
    )
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema)
    pq.write_table(table, path)
    return path


def keys(rows: Iterable[tuple[str, str | None, datetime | None]]) -> pa.Table:
    """Return the table of keys of rows of id, key and time."""
    schema = pa.schema([("row_id", pa.string()), (ENTITY, pa.string()), ("event_timestamp", TIME)])
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)
