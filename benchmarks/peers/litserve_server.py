"""LitServe: one worker process on the CPU, its logs off."""

import sys

import litserve
from graph import Graph

port, path = int(sys.argv[1]), sys.argv[2]


class Spam(litserve.LitAPI):
    """Runs the graph on one row."""

    def setup(self, device: str) -> None:
        """Load the graph in the worker."""
        del device
        self.graph = Graph(path)

    def predict(self, request: dict) -> dict[str, float]:
        """Return the probability."""
        result = self.graph.probabilities([request["text"]], [request["numbers"]])
        return {"spam_probability": float(result[0, 1])}


if __name__ == "__main__":
    server = litserve.LitServer(Spam(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
