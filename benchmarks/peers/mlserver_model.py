"""A custom runtime of MLServer."""

from graph import Graph
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Spam(MLModel):
    """Runs the graph on the two tensors of a request."""

    async def load(self) -> bool:
        """Load the graph."""
        self.graph = Graph(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return the probabilities."""
        text, numbers = payload.inputs
        result = self.graph.probabilities(
            StringCodec.decode_input(text), NumpyCodec.decode_input(numbers)
        )
        output = NumpyCodec.encode_output("probabilities", result)
        return InferenceResponse(model_name=self.name, outputs=[output])
