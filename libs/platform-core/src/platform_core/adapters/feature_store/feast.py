"""Entity features in Feast, as the data pipeline keeps them."""

import io
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.data_format import ParquetFormat
from feast.errors import FeastObjectNotFoundException
from feast.types import Float32

from platform_core.adapters.feast_repository.config import open_repository
from platform_core.adapters.feast_repository.translation import translated
from platform_core.errors import ConfigurationError, Conflict, InvalidData, NotFound
from platform_core.ports.feature_store import EVENT_TIMESTAMP, ROW_ID
from platform_core.settings import OnlineStoreSettings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WRITE_SECONDS = 30.0
ATTEMPTS = 5
KEYS_AT_ONCE = 1 << 18


class FeastFeatureStore:
    """Feature views over Parquet files; a change is repeated when another process was faster."""

    def __init__(self, settings: OnlineStoreSettings) -> None:
        self._settings = settings
        self._store = open_repository(settings, WRITE_SECONDS, read_only=False)
        self._redis = settings.redis_url is not None

    def apply_view(self, view: str, entity: str, features: Sequence[str], history: Path) -> None:
        """Register `view` over the file `history`; see the port."""
        _check_history(history, entity, features)
        source = FileSource(
            name=f"{view}_history",
            path=str(history.absolute()),
            timestamp_field=EVENT_TIMESTAMP,
            file_format=ParquetFormat(),
        )
        key = Entity(name=entity, join_keys=[entity], value_type=ValueType.STRING)
        feature_view = FeatureView(
            name=view,
            entities=[key],
            schema=[Field(name=feature, dtype=Float32) for feature in features],
            source=source,
            ttl=timedelta(0),  # no value is too old
        )
        self._prepare_online_file()
        self._change(lambda store: store.apply([source, key, feature_view]))

    def historical(
        self, view: str, entity: str, features: Sequence[str], keys: pa.Table
    ) -> pa.Table:
        """Return `row_id` and the features as they were at each row's time; see the port."""
        return _as_of(self._history_of(view), entity, features, keys)

    def materialise(self, view: str, end: datetime) -> None:
        """Copy the latest values up to and including `end` to the online store."""
        self._history_of(view)

        def write(store: FeatureStore) -> None:
            # Feast writes its progress to the terminal.
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                store.materialize(EPOCH, end, feature_views=[view])

        self._change(write)

    def views(self) -> list[str]:
        """Return the names of all registered views, sorted."""
        with translated("the list of views"):
            self._store.refresh_registry()  # type: ignore[no-untyped-call]
            return sorted(view.name for view in self._store.list_feature_views())

    def drop_view(self, view: str) -> None:
        """Remove a view and its online values; one that is not there is fine."""

        def drop(store: FeatureStore) -> None:
            try:
                feature_view = store.get_feature_view(view)
            except FeastObjectNotFoundException:
                return
            source = feature_view.batch_source
            doomed: list[Any] = [feature_view, source] if source else [feature_view]
            store.apply([], objects_to_delete=doomed, partial=False)

        self._change(drop)

    def _history_of(self, view: str) -> Path:
        """Return the file of a view; it must still be there."""
        if view not in self.views():
            raise NotFound(f"there is no feature view {view}; apply it first")
        source: Any = self._store.get_feature_view(view).batch_source
        history = Path(source.path)
        if not history.exists():
            raise NotFound(
                f"the history of the feature view {view} is gone from {history}; apply the view "
                "again with a file that is there"
            )
        return history

    def _change(self, action: Callable[[FeatureStore], None]) -> None:
        """Apply `action` to the registry; repeat it if another program has written in between."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with translated("a change"):
                    self._store.refresh_registry()  # type: ignore[no-untyped-call]
                    action(self._store)
                    return
            except Conflict:
                if attempt == ATTEMPTS:
                    raise

    def _prepare_online_file(self) -> None:
        """Let readers of the SQLite file continue during a write."""
        if self._redis:
            return
        path = self._settings.feast_online_path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.close()
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"FEAST_ONLINE_PATH={path} cannot be used: {error}") from error


def _check_history(history: Path, entity: str, features: Sequence[str]) -> None:
    try:
        names = pq.read_schema(history).names
    except (OSError, pa.ArrowInvalid) as error:
        raise InvalidData(f"the history {history} cannot be read: {error}") from error
    missing = [name for name in (entity, EVENT_TIMESTAMP, *features) if name not in names]
    if missing:
        raise InvalidData(f"the history {history} lacks the columns {', '.join(missing)}")


def _as_of(history: Path, entity: str, features: Sequence[str], keys: pa.Table) -> pa.Table:
    """Return the latest features of each key at or before its time.

    DuckDB joins in place of Feast, whose own join holds several copies of both sides in memory, a
    part of the keys at a time. Of values at the same time the last one in the file counts.
    """
    names = ", ".join(f"nullif(h.\"{name}\"::FLOAT, 'NaN'::FLOAT)" for name in features)
    config: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    found = []
    with duckdb.connect(config=config) as database:
        database.read_parquet(str(history), file_row_number=True).create_view("stored")
        database.execute(
            f"""CREATE TABLE history AS SELECT * FROM stored QUALIFY row_number() OVER (
                PARTITION BY "{entity}", event_timestamp ORDER BY file_row_number DESC) = 1"""  # noqa: S608 (a name of a registered view)
        )
        for start in range(0, max(keys.num_rows, 1), KEYS_AT_ONCE):
            part = keys.select([entity, EVENT_TIMESTAMP]).slice(start, KEYS_AT_ONCE)
            number = pa.array(range(part.num_rows), pa.int64())
            database.register("keys", part.append_column("_number", number))
            joined = database.sql(
                f"""SELECT {names} FROM keys k ASOF LEFT JOIN history h
                    ON k."{entity}" = h."{entity}" AND k.event_timestamp >= h.event_timestamp
                    ORDER BY k._number"""  # noqa: S608 (names of a registered view)
            )
            found.append(joined.to_arrow_table())
    columns = pa.concat_tables(found).columns
    return pa.table([keys[ROW_ID], *columns], names=[ROW_ID, *features])
