"""Work on Ray: results of many tasks as one stream, in order, a bounded number at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError

from data_pipeline.sources.columns import ColumnMapping
from data_pipeline.sources.events import ReadEvent
from data_pipeline.sources.tasks import ReadTask
from platform_core.errors import UpstreamUnavailable

TASKS_PER_CPU = 2
# Results of one task that wait until they are taken.
WAITING = 4
Item = TypeVar("Item")
Result = TypeVar("Result")


def read_on_ray(tasks: Sequence[ReadTask], mapping: ColumnMapping) -> Iterator[ReadEvent]:
    """Yield the events of `tasks` in their order; needs a connected Ray.

    Raises:
        UpstreamUnavailable: the cluster failed.
    """
    return stream_on_ray(_read, mapping, tasks)


def stream_on_ray(
    function: Callable[[Any, Item], Iterator[Result]], shared: object, items: Iterable[Item]
) -> Iterator[Result]:
    """Yield the results of `function(shared, item)` for each item, in order.

    Raises:
        UpstreamUnavailable: Ray lost a task for good.
    """
    run = ray.remote(function).options(
        num_returns="streaming", _generator_backpressure_num_objects=WAITING
    )
    reference = ray.put(shared)
    cpus = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
    running: deque[Any] = deque()
    try:
        for item in items:
            running.append(run.remote(reference, item))
            if len(running) >= TASKS_PER_CPU * max(int(cpus), 1):
                yield from map(ray.get, running.popleft())
        while running:
            yield from map(ray.get, running.popleft())
    except RayError as error:
        raise UpstreamUnavailable(
            f"Ray failed ({type(error).__name__}: {str(error).splitlines()[0][:200]}); see "
            "`make logs`, or raise DATA_IN_PROCESS_BYTES and DATA_IN_PROCESS_ROWS"
        ) from error


def _read(mapping: ColumnMapping, task: ReadTask) -> Iterator[ReadEvent]:
    # Not `yield from`: Ray sends values to this generator, which those inside do not take.
    for event in task.read(mapping):  # noqa: UP028
        yield event
