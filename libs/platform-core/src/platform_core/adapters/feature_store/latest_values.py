"""A Feast offline store that reads the latest values of each key with DuckDB.

Feast's own store for files holds several copies of a history in memory, and does not keep the
order of rows with equal times. Named in `feature_store.yaml`. Point-in-time joins are in
`feast.py`.
"""

from datetime import UTC, datetime
from typing import Any, Final, Literal

import duckdb
import pandas as pd
import pyarrow as pa
from feast import RepoConfig
from feast.data_source import DataSource
from feast.infra.offline_stores.dask import (
    DaskOfflineStore,
    DaskOfflineStoreConfig,
    DaskRetrievalJob,
)
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.offline_store import RetrievalJob

from platform_core.sql import quoted

TYPE: Final = "platform_core.adapters.feature_store.latest_values.LatestValuesOfflineStore"
EPOCH, NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class LatestValuesOfflineStoreConfig(DaskOfflineStoreConfig):
    """The keys of the store in `feature_store.yaml`."""

    # Feast finds a store by this name; its own class declares another literal.
    type: Literal["platform_core.adapters.feature_store.latest_values.LatestValuesOfflineStore"] = (
        TYPE  # type: ignore[assignment]
    )


class TableJob(DaskRetrievalJob):
    """A retrieval whose evaluation gives an Arrow table."""

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        frame: pd.DataFrame = self._to_arrow_internal(timeout).to_pandas()
        return frame

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:  # noqa: ARG002
        return self.evaluation_function()


class LatestValuesOfflineStore(DaskOfflineStore):
    """Reads histories from Parquet files to materialise them."""

    @staticmethod
    def pull_latest_from_table_or_query(  # noqa: PLR0913, PLR0917 (Feast's signature)
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,  # noqa: ARG004
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Return the last row of each key whose time lies in [start_date, end_date]; of rows with
        the same time the last one in the file.
        """
        source: Any = data_source  # a FileSource
        path = FileSource.get_uri_for_file_path(config.repo_path, source.file_options.uri)
        columns = ", ".join(
            map(quoted, [*join_key_columns, *feature_name_columns, timestamp_field])
        )
        keys, time = list(map(quoted, join_key_columns)), quoted(timestamp_field)
        known = " AND ".join(f"{key} IS NOT NULL" for key in keys)
        query = f"""
        SELECT {columns} FROM history WHERE {known} AND {time} BETWEEN ? AND ?
        QUALIFY row_number() OVER (
            PARTITION BY {", ".join(keys)} ORDER BY {time} DESC, file_row_number DESC) = 1"""  # noqa: S608 (quoted names)

        def evaluate() -> pa.Table:
            with duckdb.connect() as database:
                database.execute("SET TimeZone = 'UTC'")
                database.read_parquet(str(path), file_row_number=True).create_view("history")
                span = [start_date or EPOCH, end_date or NEVER]
                return database.sql(query, params=span).to_arrow_table()

        return TableJob(evaluate, full_feature_names=False, repo_path=str(config.repo_path))
