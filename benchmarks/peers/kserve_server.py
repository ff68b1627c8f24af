"""KServe's Python model server: V2 with REST and gRPC, logs off."""

import logging
import sys
import uuid

from graph import Graph
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer

http_port, grpc_port, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


class Spam(Model):
    """Runs the graph on the two tensors of a request."""

    def load(self) -> bool:
        """Load the graph."""
        self.graph = Graph(path)
        self.ready = True
        return self.ready

    async def predict(
        self, payload: InferRequest, headers: dict[str, str] | None = None
    ) -> InferResponse:
        """Return the probabilities."""
        del headers
        text, numbers = payload.inputs
        texts = [t.decode() if isinstance(t, bytes) else t for t in text.as_numpy().ravel()]
        result = self.graph.probabilities(texts, numbers.as_numpy())
        output = InferOutput("probabilities", list(result.shape), "FP32")
        output.set_data_from_numpy(result, binary_data=False)
        return InferResponse(payload.id or str(uuid.uuid4()), self.name, [output])


model = Spam("spam")
model.load()
server = ModelServer(
    http_port=http_port, grpc_port=grpc_port, workers=1, enable_latency_logging=False
)
for name in ("kserve", "kserve.trace", "uvicorn.access"):
    logging.getLogger(name).setLevel(logging.WARNING)
server.start([model])
