"""Checking batches of raw records in Ray tasks, in order and a bounded number at a time."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import RayError

from data_pipeline.validation.rows import CheckedBatch, RowChecker
from platform_core.errors import UpstreamUnavailable

TASKS_PER_CPU = 2


def check_on_ray(checker: RowChecker, batches: Iterable[pa.RecordBatch]) -> Iterator[CheckedBatch]:
    """Yield what `checker` makes of each batch, as `map` would; needs a connected Ray.

    Raises:
        UpstreamUnavailable: Ray lost a task for good.
    """
    shared = ray.put(checker)
    resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
    most = TASKS_PER_CPU * max(int(resources.get("CPU", 1)), 1)
    pending: deque[ray.ObjectRef[Any]] = deque()
    try:
        for batch in batches:
            pending.append(_check.remote(shared, batch))
            if len(pending) >= most:
                yield ray.get(pending.popleft())
        while pending:
            yield ray.get(pending.popleft())
    except RayError as error:
        raise UpstreamUnavailable(
            f"Ray could not check the rows ({type(error).__name__}: {error}); see `make logs`"
        ) from error


@ray.remote
def _check(checker: RowChecker, batch: pa.RecordBatch) -> CheckedBatch:
    return checker(batch)
