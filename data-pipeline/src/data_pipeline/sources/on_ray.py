"""Reading units on Ray Data, in order, as a stream."""

import pickle
from collections.abc import Iterator, Sequence
from functools import partial

import pyarrow as pa
import ray
import ray.data
from ray.data import Datasource, ReadTask
from ray.data.block import BlockMetadata
from ray.exceptions import RayError

from data_pipeline.sources.columns import Wanted
from data_pipeline.sources.items import Item
from data_pipeline.sources.units import Unit
from platform_core.errors import UpstreamUnavailable

ITEM = "item"
SCHEMA = pa.schema([pa.field(ITEM, pa.binary())])
# Blocks wait in the object store until the driver takes them.
BLOCK_BYTES = 16 << 20


def read_on_ray(units: Sequence[Unit], wanted: Wanted) -> Iterator[Item]:
    """Yield the items of `units` in their order; needs a connected Ray.

    Raises:
        UpstreamUnavailable: the cluster failed.
    """
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.target_max_block_size = BLOCK_BYTES
    context.enable_progress_bars = False
    try:
        items = ray.data.read_datasource(
            UnitSource(units, wanted), override_num_blocks=max(1, len(units))
        )
        for bundle in items.iter_internal_ref_bundles():
            for reference in bundle.block_refs:
                # Written below by this package's own read tasks, on the team's own cluster.
                for item in ray.get(reference)[ITEM]:
                    yield pickle.loads(item.as_py())  # noqa: S301
    except RayError as error:
        raise UpstreamUnavailable(
            f"the Ray cluster failed while reading ({str(error).splitlines()[0][:200]}); see "
            "`make logs`, or raise DATA_IN_PROCESS_BYTES to do without it"
        ) from error


class UnitSource(Datasource):
    """A read task per unit. A block is a column of items in binary form: the rows of different
    files differ in their columns, and Ray would have to reconcile them.
    """

    def __init__(self, units: Sequence[Unit], wanted: Wanted) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._units, self._wanted = units, wanted

    def estimate_inmemory_data_size(self) -> int:
        """Return about how many bytes all blocks have."""
        return 3 * sum(unit.bytes for unit in self._units)

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: object | None = None,
    ) -> list[ReadTask]:
        """Return a task per unit, in order."""
        del parallelism, per_task_row_limit, data_context
        return [
            ReadTask(partial(_blocks, unit, self._wanted), _metadata(unit), schema=SCHEMA)
            for unit in self._units
        ]


def _blocks(unit: Unit, wanted: Wanted) -> Iterator[pa.Table]:
    for item in unit.read(wanted):
        yield pa.table([pa.array([pickle.dumps(item)], pa.binary())], schema=SCHEMA)


def _metadata(unit: Unit) -> BlockMetadata:
    return BlockMetadata(
        num_rows=None, size_bytes=3 * unit.bytes, input_files=None, exec_stats=None
    )
