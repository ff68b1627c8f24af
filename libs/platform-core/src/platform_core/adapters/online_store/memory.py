"""An online store in memory: a working fake that behaves like the real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from platform_core.errors import NotFound, UpstreamUnavailable

Values = Mapping[str, float | None]


@dataclass
class MemoryOnlineStore:
    """`views` maps a view to its features by key; `down` makes every read fail."""

    views: dict[str, dict[str, Values]] = field(default_factory=dict)
    down: bool = False

    def publish(self, feature_view: str, rows: Mapping[str, Values]) -> None:
        """Make `rows` (features by key) what the view answers with."""
        self.views[feature_view] = dict(rows)

    def read(
        self,
        feature_view: str,
        entity: str,  # noqa: ARG002 (one join key per view)
        keys: Sequence[str],
        features: Sequence[str],
    ) -> pa.RecordBatch:
        """Return one row per key with a column per feature (float64); see the port."""
        if self.down:
            raise UpstreamUnavailable("the online store is switched off")
        rows = self.views.get(feature_view)
        if rows is None or any(not row.keys() >= set(features) for row in rows.values()):
            raise NotFound(f"there is no feature view {feature_view} with {', '.join(features)}")
        columns = [
            pa.array([rows.get(key, {}).get(name) for key in keys], pa.float64())
            for name in features
        ]
        return pa.record_batch(columns, names=list(features))
