"""A Feast offline store that joins as of a time by merging, not by multiplying.

Feast's own store for files joins every row with the whole history of its key before it looks
at the times: a key with ten thousand rows and as many values becomes 10^8 rows. It also drops
rows that share key and time. Named in `feature_store.yaml`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureView, RepoConfig
from feast.data_source import DataSource
from feast.infra.offline_stores.dask import (
    DaskOfflineStore,
    DaskOfflineStoreConfig,
    DaskRetrievalJob,
)
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.infra.registry.base_registry import BaseRegistry

EVENT_TIMESTAMP = "event_timestamp"
TYPE: Final = "platform_core.adapters.feature_store.asof.AsOfOfflineStore"


class AsOfOfflineStoreConfig(DaskOfflineStoreConfig):
    """What `feature_store.yaml` may say of it."""

    # Feast finds a store by this name; its own class declares another literal.
    type: Literal["platform_core.adapters.feature_store.asof.AsOfOfflineStore"] = TYPE  # type: ignore[assignment]


class FrameJob(DaskRetrievalJob):
    """A retrieval whose evaluation gives a pandas frame."""

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:  # noqa: ARG002
        frame: pd.DataFrame = self.evaluation_function()
        return frame

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return pa.Table.from_pandas(self._to_df_internal(timeout), preserve_index=False)


class AsOfOfflineStore(DaskOfflineStore):
    """Reads Parquet files; point-in-time joins cost one sort of each side."""

    @staticmethod
    def get_historical_features(  # type: ignore[override] # a frame only, no SQL
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame,
        registry: BaseRegistry,  # noqa: ARG004
        project: str,  # noqa: ARG004
        full_feature_names: bool = False,
        **_: Any,
    ) -> RetrievalJob:
        """Return `entity_df` in its order with the features as they were at each row's time."""

        def evaluate() -> pd.DataFrame:
            joined = entity_df.reset_index(drop=True)
            for view in feature_views:
                wanted = [r.split(":")[1] for r in feature_refs if r.split(":")[0] == view.name]
                features = _join(joined, view, wanted, config.repo_path)
                prefix = f"{view.name}__" if full_feature_names else ""
                joined = pd.concat([joined, features.add_prefix(prefix)], axis=1)
            return joined

        return FrameJob(evaluate, full_feature_names, repo_path=str(config.repo_path))

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
        """Return the last row of each key whose time lies in [start_date, end_date]."""

        def evaluate() -> pd.DataFrame:
            frame = _read(
                data_source,
                join_key_columns,
                feature_name_columns,
                timestamp_field,
                config.repo_path,
            )
            times = frame[timestamp_field]
            if start_date is not None:
                frame = frame[times >= _utc(start_date)]
            if end_date is not None:
                frame = frame[times <= _utc(end_date)]
            return frame.drop_duplicates(join_key_columns, keep="last", ignore_index=True)

        return FrameJob(evaluate, full_feature_names=False, repo_path=str(config.repo_path))


def _join(
    rows: pd.DataFrame, view: FeatureView, features: Sequence[str], repository: Path | None
) -> pd.DataFrame:
    """Return the features of `view` for each of `rows`, in their order."""
    keys = [column.name for column in view.entity_columns]
    source: Any = view.batch_source
    stamp = source.timestamp_field
    history = _read(source, keys, features, stamp, repository)
    left = rows[[*keys, EVENT_TIMESTAMP]].copy()
    left[EVENT_TIMESTAMP] = pd.to_datetime(left[EVENT_TIMESTAMP], utc=True).astype(
        history[stamp].dtype
    )
    left = left.dropna().sort_values(EVENT_TIMESTAMP, kind="stable")
    joined = pd.merge_asof(
        left,
        history.rename(columns={stamp: "_known_since"}),
        left_on=EVENT_TIMESTAMP,
        right_on="_known_since",
        by=keys,
        tolerance=view.ttl or None,
    )
    return joined.set_index(left.index)[list(features)].reindex(rows.index)


def _read(
    source: Any,  # a FileSource; Feast declares the general DataSource
    keys: Sequence[str],
    features: Sequence[str],
    timestamp: str,
    repository: Path | None,
) -> pd.DataFrame:
    """Return the rows that have keys and a time, by time; equal times keep their order."""
    path = FileSource.get_uri_for_file_path(repo_path=repository, uri=source.file_options.uri)
    table = pq.read_table(path, columns=[*keys, *features, timestamp])
    frame: pd.DataFrame = table.to_pandas()
    frame[timestamp] = pd.to_datetime(frame[timestamp], utc=True).astype("datetime64[us, UTC]")
    frame = frame.dropna(subset=[*keys, timestamp])
    return frame.sort_values(timestamp, kind="stable", ignore_index=True)


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
