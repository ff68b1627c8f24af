"""From records to the complete input of a release's model."""

from dataclasses import dataclass

import pyarrow as pa

from platform_core.clock import Clock, SystemClock
from platform_core.contracts.release import ReleaseManifest
from platform_core.ports.online_store import OnlineStore
from scoring.entity_lookup import EntityLookup
from use_cases import UseCase, assemble

Keys = list[str | None]


@dataclass(frozen=True)
class TransformedRecords:
    """Features of N records (`model_schema`, N rows).

    `degraded` means that the online store could not answer, so that unknown values stand in
    place of entity features.
    """

    features: pa.RecordBatch
    degraded: bool

    def slice(self, start: int, rows: int) -> "TransformedRecords":
        """Return the features of `rows` records from `start` on."""
        return TransformedRecords(self.features.slice(start, rows), self.degraded)


class FeatureTransformer:
    """The features of one release: its use case's own and those of the entities it reads."""

    def __init__(
        self,
        use_case: UseCase,
        manifest: ReleaseManifest,
        store: OnlineStore | None,
        clock: Clock | None = None,
        max_age: float = 0.0,
    ) -> None:
        """Transform for the release of `manifest`; `store` may be `None` if it reads no views.

        Entity features are cached for `max_age` seconds.
        """
        self._use_case = use_case
        views = manifest.feature_views
        self._lookup = EntityLookup(views, store, clock or SystemClock(), max_age)

    def warm_up(self) -> None:
        """Transform the golden records, so that the first request finds open connections."""
        self.transform(self._use_case.golden_records())

    def transform(self, records: pa.RecordBatch) -> TransformedRecords:
        """Return the features of `records` (`record_schema`), row by row.

        A release without feature views was trained on unknown entity values and gets them
        without being degraded.
        """
        return self._transform(records, self._keys(records))

    def transform_at_once(self, records: pa.RecordBatch) -> TransformedRecords | None:
        """Return what `transform` does, `None` where that may block on the online store."""
        keys = self._keys(records)
        if keys is not None and self._lookup.blocks(keys):
            return None
        return self._transform(records, keys)

    def _keys(self, records: pa.RecordBatch) -> Keys | None:
        """Return the entity of each record, `None` if the release reads no entity features."""
        if not self._lookup.needed:
            return None
        keys: Keys = self._use_case.entity_keys(records).to_pylist()
        return keys

    def _transform(self, records: pa.RecordBatch, keys: Keys | None) -> TransformedRecords:
        entities = None if keys is None else self._lookup.read(keys)
        features = assemble(self._use_case, records, entities)
        return TransformedRecords(features, degraded=keys is not None and entities is None)
