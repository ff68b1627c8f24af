"""An inference service as an ASGI application, which computes with real releases."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from platform_core.contracts.serving_state import model_name
from platform_core.open_inference import batch_from_tensors
from scoring import Release, Scorer
from use_cases import number_block, use_case


class V2Service:
    """Answers V2 requests for the releases that were added."""

    def __init__(self) -> None:
        self._scorers: dict[str, Scorer] = {}
        self.app = Starlette(
            routes=[
                Route("/v2/models/{model}/infer", self._infer, methods=["POST"]),
                Route("/v2/models/{model}", self._metadata),
            ]
        )

    def add(self, *releases: Release) -> None:
        """Serve releases."""
        for release in releases:
            name = release.manifest.use_case
            self._scorers[model_name(name, release.id)] = Scorer(release, use_case(name))

    async def _metadata(self, request: Request) -> JSONResponse:
        name = request.path_params["model"]
        if name not in self._scorers:
            return JSONResponse({"error": "no such model"}, 404)
        return JSONResponse({"name": name, "versions": [self._scorers[name].release_id]})

    async def _infer(self, request: Request) -> JSONResponse:
        scorer = self._scorers.get(request.path_params["model"])
        if scorer is None:
            return JSONResponse({"error": "no such model"}, 404)
        return JSONResponse(_answer(scorer, await request.json()))


def _answer(scorer: Scorer, body: dict[str, Any]) -> dict[str, Any]:
    case = use_case(scorer.manifest.use_case)
    scores = scorer.score(batch_from_tensors(body["inputs"], case.record_schema))
    block = number_block(scores.features)
    return {
        "id": body["id"],
        "model_name": case.name,
        "outputs": [
            _numbers("probabilities", scores.probabilities),
            {
                "name": "prediction",
                "datatype": "BYTES",
                "shape": [len(scores.predictions)],
                "data": scores.predictions.to_pylist(),
            },
            _numbers("features", block),
        ],
        "parameters": {
            "release_id": scorer.release_id,
            "model_version": "1",
            "degraded": False,
        },
    }


def _numbers(name: str, matrix: Any) -> dict[str, Any]:
    data = matrix.ravel().tolist()
    return {"name": name, "datatype": "FP32", "shape": list(matrix.shape), "data": data}
