"""An ordinary gateway in front of KServe: FastAPI and one shared httpx client."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

port, upstream = int(sys.argv[1]), sys.argv[2]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Share one client between all requests."""
    async with httpx.AsyncClient(base_url=upstream) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


class Mail(BaseModel):
    """The graph's inputs."""

    text: str
    numbers: list[float]


class Answer(BaseModel):
    """The graph's output."""

    spam_probability: float


@app.post("/predict")
async def predict(mail: Mail) -> Answer:
    """Ask the model server by the Open Inference Protocol."""
    inputs = [
        {"name": "text", "datatype": "BYTES", "shape": [1], "data": [mail.text]},
        {
            "name": "numbers",
            "datatype": "FP32",
            "shape": [1, len(mail.numbers)],
            "data": mail.numbers,
        },
    ]
    response = await app.state.client.post("/v2/models/spam/infer", json={"inputs": inputs})
    response.raise_for_status()
    return Answer(spam_probability=response.json()["outputs"][0]["data"][1])


uvicorn.run(app, port=port, access_log=False, log_level="warning")
