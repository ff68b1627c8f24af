"""The cost of a measurement in its own process. Needs only Python, because peers use it too."""

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

KIBIBYTE = 1 << 10


def print_cost(measure: Callable[[], Mapping[str, object]]) -> None:
    """Measure once after imports; print seconds, CPU seconds, peak memory and the results."""
    wall, cpu = time.perf_counter(), time.process_time()
    answers = measure()
    cost = {
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": peak_memory(),
        "answers": answers,
    }
    print(json.dumps(cost))  # noqa: T201


def peak_memory() -> int:
    """Return the peak of the resident memory in bytes.

    (What `getrusage` tells begins with the memory of the process that started this one.)
    """
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1]) * KIBIBYTE
