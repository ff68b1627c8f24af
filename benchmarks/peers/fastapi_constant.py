"""The floor of HTTP: FastAPI returns a constant."""

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.post("/predict")
async def predict() -> dict[str, float]:
    """Return the constant."""
    return {"spam_probability": 0.5}


uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
