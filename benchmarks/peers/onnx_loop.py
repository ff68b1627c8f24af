"""The floor of the model: ONNX Runtime alone, one row after the other, inputs in memory.

Arguments: the graph, a JSON file of inputs, seconds. Prints rows and CPU seconds.
"""

import json
import sys
import time
from itertools import cycle
from pathlib import Path

import numpy as np
from graph import Graph

CHECK_ROWS = 50

graph = Graph(sys.argv[1])
inputs = json.loads(Path(sys.argv[2]).read_text())
rows = [(np.array([text], object), np.array([row], np.float32)) for text, row in inputs]
for row in rows:
    graph.probabilities(*row)
done, start, end = 0, time.process_time(), time.perf_counter() + float(sys.argv[3])
for text, numbers in cycle(rows):
    graph.probabilities(text, numbers)
    done += 1
    if done % CHECK_ROWS == 0 and time.perf_counter() > end:
        break
print(json.dumps({"rows": done, "cpu_seconds": time.process_time() - start}))  # noqa: T201
