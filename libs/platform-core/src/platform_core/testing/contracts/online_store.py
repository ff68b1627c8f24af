"""What every online store does."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from platform_core.errors import NotFound
from platform_core.ports.online_store import OnlineStore

Rows = Mapping[str, Mapping[str, float | None]]
Publish = Callable[[str, Rows], None]
ENTITY = "sender_domain"
FEATURES = ("spam_rate", "messages")
ROWS: Rows = {
    "a.test": {"spam_rate": 0.25, "messages": 4.0},
    "ü b.test": {"spam_rate": None, "messages": 7.0},
}
THREADS = 8


class OnlineStoreContract:
    """Override `store` and `publish`, which puts rows of the entity `ENTITY` into a view."""

    @pytest.fixture
    def store(self) -> OnlineStore:
        """Return the store under test."""
        pytest.fail("override the fixture `store`")

    @pytest.fixture
    def publish(self) -> Publish:
        """Return a function that makes a view answer with rows."""
        pytest.fail("override the fixture `publish`")

    def test_reads_rows_in_order(self, store: OnlineStore, publish: Publish) -> None:
        """In the order of the keys and the features, also when a key comes twice."""
        publish("stats_1", ROWS)
        keys = ["ü b.test", "a.test", "ü b.test"]
        found = store.read("stats_1", ENTITY, keys, ["messages", "spam_rate"])
        assert found.schema == pa.schema([("messages", pa.float64()), ("spam_rate", pa.float64())])
        assert found.to_pydict() == {"messages": [7.0, 4.0, 7.0], "spam_rate": [None, 0.25, None]}

    def test_unknown_key_is_null(self, store: OnlineStore, publish: Publish) -> None:
        """An unknown entity has no value; it is not 0."""
        publish("stats_1", ROWS)
        found = store.read("stats_1", ENTITY, ["nobody.test", "a.test", ""], FEATURES)
        expected = {"spam_rate": [None, 0.25, None], "messages": [None, 4.0, None]}
        assert found.to_pydict() == expected

    def test_no_keys(self, store: OnlineStore, publish: Publish) -> None:
        """No rows, all columns."""
        publish("stats_1", ROWS)
        found = store.read("stats_1", ENTITY, [], FEATURES)
        assert (found.num_rows, found.schema.names) == (0, list(FEATURES))

    def test_unknown_view_until_it_is_there(self, store: OnlineStore, publish: Publish) -> None:
        """A view that appears later is found, without a new store."""
        with pytest.raises(NotFound):
            store.read("stats_2", ENTITY, ["a.test"], FEATURES)
        publish("stats_1", ROWS)
        with pytest.raises(NotFound, match="stats_2"):
            store.read("stats_2", ENTITY, ["a.test"], FEATURES)
        publish("stats_2", {"a.test": {"spam_rate": 0.5, "messages": 1.0}})
        values = {view: self._rate(store, view) for view in ("stats_1", "stats_2")}
        assert values == {"stats_1": 0.25, "stats_2": 0.5}

    def test_unknown_feature(self, store: OnlineStore, publish: Publish) -> None:
        """A view without the feature is not the view that is asked for."""
        publish("stats_1", ROWS)
        with pytest.raises(NotFound, match="height"):
            store.read("stats_1", ENTITY, ["a.test"], ["height"])

    def test_threads(self, store: OnlineStore, publish: Publish) -> None:
        """Many requests read at once."""
        publish("stats_1", ROWS)
        with ThreadPoolExecutor(THREADS) as pool:
            rates = list(pool.map(lambda _: self._rate(store, "stats_1"), range(10 * THREADS)))
        assert rates == [0.25] * (10 * THREADS)

    def _rate(self, store: OnlineStore, view: str) -> float | None:
        rates: list[float | None] = store.read(view, ENTITY, ["a.test"], FEATURES)[
            "spam_rate"
        ].to_pylist()
        return rates[0]
