"""The feature stores and online stores against their contracts: Feast on SQLite and Redis."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from platform_core.adapters import connect
from platform_core.adapters.feast_repository.quiet_import import VARIABLES
from platform_core.adapters.feature_store.memory import MemoryFeatureStore
from platform_core.adapters.online_store.memory import MemoryOnlineStore
from platform_core.errors import (
    ConfigurationError,
    InvalidData,
    NotFound,
    UpstreamUnavailable,
)
from platform_core.ports.feature_store import FeatureStore
from platform_core.ports.online_store import OnlineStore
from platform_core.settings import OnlineStoreSettings
from platform_core.storage import FEATURE_REGISTRY
from platform_core.testing.contracts import FeatureStoreContract, OnlineStoreContract
from platform_core.testing.contracts.feature_store import START, write_history
from platform_core.testing.contracts.online_store import ENTITY, FEATURES, ROWS, Publish, Rows
from platform_core.testing.processes import free_port
from platform_core.testing.servers import Azurite

REPOSITORY = Path(__file__).parents[3] / "model-serving" / "feast"


def settings_in(folder: Path, **changes: object) -> OnlineStoreSettings:
    values = {
        "feast_repository": REPOSITORY,
        "blob_store_url": f"file://{folder}/blob",
        "feast_online_path": folder / "feast" / "online.db",
        "online_store_timeout_seconds": 2.0,
    }
    return OnlineStoreSettings(**{**values, **changes})


@pytest.fixture
def settings(tmp_path: Path) -> OnlineStoreSettings:
    return settings_in(tmp_path)


@pytest.fixture
def redis_settings(tmp_path: Path, redis_url: str) -> OnlineStoreSettings:
    return settings_in(tmp_path, redis_url=SecretStr(redis_url))


class TestMemoryFeatureStore(FeatureStoreContract):
    @pytest.fixture
    def online(self) -> MemoryOnlineStore:
        return MemoryOnlineStore()

    @pytest.fixture
    def store(self, online: MemoryOnlineStore) -> MemoryFeatureStore:
        return MemoryFeatureStore(online)


class FeastFeatureStoreContract(FeatureStoreContract):
    @pytest.fixture
    def store(self, settings: OnlineStoreSettings) -> FeatureStore:
        return connect.feature_store(settings)

    @pytest.fixture
    def online(self, settings: OnlineStoreSettings) -> OnlineStore:
        return connect.online_store(settings)


class TestFeastOnSqlite(FeastFeatureStoreContract):
    def test_two_pipelines_at_once(
        self, store: FeatureStore, settings: OnlineStoreSettings, history: Path
    ) -> None:
        other = connect.feature_store(settings)
        assert other.views() == store.views() == []
        store.apply_view("stats_1", ENTITY, FEATURES, history)
        other.apply_view("stats_2", ENTITY, FEATURES, history)
        store.materialise("stats_1", START)
        assert other.views() == store.views() == ["stats_1", "stats_2"]

    def test_history_that_is_gone(self, store: FeatureStore, history: Path) -> None:
        store.apply_view("stats_1", ENTITY, FEATURES, history)
        history.unlink()
        with pytest.raises(NotFound, match="apply the view"):
            store.materialise("stats_1", START)

    def test_a_busy_key_costs_no_product(self, store: FeatureStore, tmp_path: Path) -> None:
        """20,000 rows of one key with 20,000 values would be 4e8 rows if they were joined."""
        rows = [("a.test", START, 0.5, float(number)) for number in range(20_000)]
        store.apply_view("stats_1", ENTITY, FEATURES, write_history(tmp_path / "h", rows))
        asked = keys_of(20_000)
        found = store.historical("stats_1", ENTITY, FEATURES, asked)
        assert found["row_id"] == asked["row_id"]
        assert set(found["messages"].to_pylist()) == {19_999.0}


def keys_of(count: int):
    from platform_core.testing.contracts.feature_store import keys

    return keys((str(number), "a.test", START) for number in range(count))


class TestFeastOnRedis(FeastFeatureStoreContract):
    @pytest.fixture
    def settings(self, redis_settings: OnlineStoreSettings) -> OnlineStoreSettings:
        return redis_settings

    @pytest.fixture(autouse=True)
    def empty(self, redis_url: str) -> None:
        flush(redis_url)


class TestFeastRegistryInBlob(FeastFeatureStoreContract):
    @pytest.fixture
    def settings(self, tmp_path: Path, azurite: Azurite) -> OnlineStoreSettings:
        connect.blob_store(azurite.settings).delete(FEATURE_REGISTRY)
        return settings_in(tmp_path, **azurite.settings.model_dump())

    def test_two_pipelines_at_once(
        self, store: FeatureStore, settings: OnlineStoreSettings, history: Path
    ) -> None:
        other = connect.feature_store(settings)
        assert other.views() == store.views() == []
        store.apply_view("stats_1", ENTITY, FEATURES, history)
        other.apply_view("stats_2", ENTITY, FEATURES, history)
        store.materialise("stats_1", START)
        assert other.views() == store.views() == ["stats_1", "stats_2"]


class TestMemoryOnlineStore(OnlineStoreContract):
    @pytest.fixture
    def store(self) -> MemoryOnlineStore:
        return MemoryOnlineStore()

    @pytest.fixture
    def publish(self, store: MemoryOnlineStore) -> Publish:
        return store.publish

    def test_down(self, store: MemoryOnlineStore) -> None:
        store.down = True
        with pytest.raises(UpstreamUnavailable):
            store.read("stats_1", ENTITY, ["a.test"], FEATURES)


class FeastOnlineStoreContract(OnlineStoreContract):
    @pytest.fixture
    def store(self, settings: OnlineStoreSettings) -> OnlineStore:
        return connect.online_store(settings)

    @pytest.fixture
    def publish(self, settings: OnlineStoreSettings, tmp_path: Path) -> Publish:
        offline = connect.feature_store(settings)

        def publish(view: str, rows: Rows) -> None:
            values = [(key, START, row["spam_rate"], row["messages"]) for key, row in rows.items()]
            path = write_history(tmp_path / f"{view}.parquet", values)
            offline.apply_view(view, ENTITY, FEATURES, path)
            offline.materialise(view, START)

        return publish


class TestFeastOnlineStoreOnSqlite(FeastOnlineStoreContract):
    def test_registered_is_not_yet_readable(
        self, store: OnlineStore, settings: OnlineStoreSettings, tmp_path: Path
    ) -> None:
        history = write_history(tmp_path / "h.parquet", [("a.test", START, 0.5, 1.0)])
        offline = connect.feature_store(settings)
        offline.apply_view("stats_1", ENTITY, FEATURES, history)
        with pytest.raises(NotFound, match="materialised"):
            store.read("stats_1", ENTITY, ["a.test"], FEATURES)
        offline.materialise("stats_1", START)
        assert store.read("stats_1", ENTITY, ["a.test"], FEATURES).num_rows == 1

    def test_reading_creates_no_registry(
        self, store: OnlineStore, settings: OnlineStoreSettings
    ) -> None:
        with pytest.raises(NotFound, match="run the pipeline"):
            store.read("stats_1", ENTITY, ["a.test"], FEATURES)
        assert not connect.blob_store(settings).exists(FEATURE_REGISTRY)

    def test_corrupt_registry(self, store: OnlineStore, settings: OnlineStoreSettings) -> None:
        connect.blob_store(settings).write(FEATURE_REGISTRY, b"\xff\xff")
        with pytest.raises(UpstreamUnavailable, match="cannot be read"):
            store.read("stats_1", ENTITY, ["a.test"], FEATURES)

    def test_lost_database(
        self, store: OnlineStore, publish: Publish, settings: OnlineStoreSettings
    ) -> None:
        publish("stats_1", ROWS)
        for file in settings.feast_online_path.parent.glob("online.db*"):
            file.unlink()
        with pytest.raises(UpstreamUnavailable, match="FEAST_ONLINE_PATH"):
            store.read("stats_1", ENTITY, ["a.test"], FEATURES)


class TestFeastOnlineStoreOnRedis(FeastOnlineStoreContract):
    @pytest.fixture
    def settings(self, redis_settings: OnlineStoreSettings, redis_url: str) -> OnlineStoreSettings:
        flush(redis_url)
        return redis_settings

    def test_down(self, publish: Publish, tmp_path: Path) -> None:
        publish("stats_1", ROWS)
        url = SecretStr(f"redis://127.0.0.1:{free_port()}")
        store = connect.online_store(settings_in(tmp_path, redis_url=url))
        with pytest.raises(UpstreamUnavailable, match="REDIS_URL"):
            store.read("stats_1", ENTITY, ["a.test"], FEATURES)

    def test_too_slow(self, publish: Publish, tmp_path: Path) -> None:
        publish("stats_1", ROWS)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = SecretStr(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
            limits = {"redis_url": url, "online_store_timeout_seconds": 0.2}
            store = connect.online_store(settings_in(tmp_path, **limits))
            with pytest.raises(NotFound):  # the registry is read before the clock is started
                store.read("stats_2", ENTITY, ["a.test"], FEATURES)
            start = time.monotonic()
            with pytest.raises(UpstreamUnavailable):
                store.read("stats_1", ENTITY, ["a.test"], FEATURES)
            assert time.monotonic() - start < 1


def flush(redis_url: str) -> None:
    import redis

    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()


def test_password_in_the_redis_url() -> None:
    from feast.infra.online_stores.redis import RedisOnlineStore

    from platform_core.adapters.feast_repository.config import redis_connection

    spelt = redis_connection("rediss://me:p%2Cw%3D%22%C3%BC1@host.test:6380/2", 0.5)
    nodes, options = RedisOnlineStore._parse_connection_string(spelt)
    assert nodes == [{"host": "host.test", "port": "6380"}]
    assert options == {
        "db": 2,
        "socket_connect_timeout": 0.5,
        "socket_timeout": 0.5,
        "retry": None,
        "ssl": True,
        "username": "me",
        "password": 'p,w="ü1',
    }


@pytest.mark.parametrize("url", ["http://host", "redis://", "host:6379"])
def test_wrong_redis_url(settings: OnlineStoreSettings, tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL"):
        connect.online_store(settings_in(tmp_path, redis_url=SecretStr(url)))


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="FEAST_REPOSITORY"):
        connect.online_store(settings_in(tmp_path, feast_repository=tmp_path))


METRICS = """
import os
from platform_core.adapters import connect
from platform_core.settings import OnlineStoreSettings

settings = OnlineStoreSettings(
    feast_repository={repository!r}, blob_store_url="file:///blob", feast_online_path="online.db"
)
connect.online_store(settings)
from prometheus_client import values

print(values.ValueClass.__name__, [name for name in os.environ if "PROMETHEUS" in name])
"""


def test_metrics_stay_in_the_process(tmp_path: Path) -> None:
    """Feast would move every metric of a process to files, and tell child processes to."""
    program = METRICS.format(repository=str(REPOSITORY))
    command = [sys.executable, "-c", program]
    # A test that uses MLflow's own client may have imported Feast with all its effects here.
    environment = {name: os.environ[name] for name in os.environ.keys() - {*VARIABLES}}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "MutexValue []\n"
    assert done.stderr == ""


IMPORT = """
from platform_core.adapters.feast_repository.quiet_import import import_feast

import_feast()
import typeguard
from feast import FeatureView


@typeguard.typechecked
def checked(number: int) -> None: ...


print(*(f.__code__.co_names[:1] == ("typeguard",) for f in (FeatureView.__init__, checked)))
"""


def test_feast_is_not_rewritten_and_others_still_are(tmp_path: Path) -> None:
    """Compiling Feast's classes with typeguard takes seconds in every process."""
    (tmp_path / "program.py").write_text(IMPORT)  # typeguard reads sources
    command = [sys.executable, "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"


def test_memory_history_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidData):
        MemoryFeatureStore(MemoryOnlineStore()).apply_view("v", ENTITY, FEATURES, tmp_path / "x")
