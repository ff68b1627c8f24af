"""A service of BentoML: one worker, its access log off."""

import bentoml
from graph import Graph
from pydantic import BaseModel


class Arguments(BaseModel):
    """The arguments of `bentoml serve --arg`."""

    model: str


arguments = bentoml.use_arguments(Arguments)


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Spam:
    """Runs the graph on one row."""

    def __init__(self) -> None:
        self.graph = Graph(arguments.model)

    @bentoml.api
    async def predict(self, text: str, numbers: list[float]) -> dict[str, float]:
        """Return the probability."""
        return {"spam_probability": float(self.graph.probabilities([text], [numbers])[0, 1])}
