"""What a measurement takes in its own process. Needs nothing but Python: peers use it as well."""

import json
import resource
import time
from collections.abc import Callable, Mapping

KIBIBYTE = 1 << 10


def tell(measure: Callable[[], Mapping[str, object]]) -> None:
    """Measure once, imports done; print seconds, CPU seconds, peak memory and the answers."""
    wall, cpu = time.perf_counter(), time.process_time()
    answers = measure()
    told = {
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE,
        "answers": answers,
    }
    print(json.dumps(told))  # noqa: T201
