"""Our path as another checkout has it, run by that checkout's interpreter with its benchmarks.

Prints one line of JSON, an endpoint without its reader, and serves until its input is closed.
"""

import json
import sys

from serving.ours import endpoints, our_path
from serving.section import prepared

with prepared() as (home, online, subject, _), our_path(home, online) as processes:
    whole = endpoints(home, subject, processes)[0]
    endpoint = {
        "port": whole.target.port,
        "requests": [request.decode() for request in whole.target.requests],
        "expected": subject.expected.tolist(),
        "processes": whole.processes,
    }
    sys.stdout.write(f"{json.dumps(endpoint)}\n")
    sys.stdout.flush()
    sys.stdin.read()
