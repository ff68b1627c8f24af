"""Plain FastAPI with ONNX Runtime in the process: no gateway, keys, features or log."""

import sys

import uvicorn
from fastapi import FastAPI
from graph import Graph
from pydantic import BaseModel

port, model = int(sys.argv[1]), sys.argv[2]
app = FastAPI()
graph = Graph(model)


class Mail(BaseModel):
    """The graph's inputs."""

    text: str
    numbers: list[float]


class Answer(BaseModel):
    """The graph's output."""

    spam_probability: float


@app.post("/predict")
async def predict(mail: Mail) -> Answer:
    """Run the graph on one row."""
    return Answer(spam_probability=graph.probabilities([mail.text], [mail.numbers])[0, 1])


uvicorn.run(app, port=port, access_log=False, log_level="warning")
