"""The floor of HTTP: FastAPI answers a constant."""

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.post("/predict")
async def predict() -> dict[str, float]:
    """Answer always the same."""
    return {"spam_probability": 0.5}


uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
