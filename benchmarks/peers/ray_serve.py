"""Ray Serve: one replica, logs off, on a separate Ray cluster."""

import sys
import threading

import ray
from graph import Graph
from ray import serve
from starlette.requests import Request

port, path = int(sys.argv[1]), sys.argv[2]
LOGS = {"enable_access_log": False, "log_level": "WARNING"}


@serve.deployment(num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 0})
class Spam:
    """Runs the graph on one row."""

    def __init__(self, path: str) -> None:
        self.graph = Graph(path)

    async def __call__(self, request: Request) -> dict[str, float]:
        """Return the probability."""
        mail = await request.json()
        result = self.graph.probabilities([mail["text"]], [mail["numbers"]])
        return {"spam_probability": float(result[0, 1])}


ray.init("local", num_cpus=1, include_dashboard=False, object_store_memory=80_000_000)
serve.start(http_options={"host": "127.0.0.1", "port": port}, logging_config=LOGS)
serve.run(Spam.bind(path), logging_config=LOGS)
threading.Event().wait()
