"""Reading entity features while a request waits."""

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa


class OnlineStore(Protocol):
    """The latest value of each entity feature."""

    def read(
        self, feature_view: str, entity: str, keys: Sequence[str], features: Sequence[str]
    ) -> pa.RecordBatch:
        """Return one row per key, in order, with a column per feature (float64).

        `feature_view` is the versioned name, e.g. `sender_domain_stats_4f0c…`; `entity` the
        name of its join key. A key that the store does not know has null in every column.

        Raises:
            UpstreamUnavailable: the store cannot be reached.
            NotFound: there is no such feature view.
        """
        ...
