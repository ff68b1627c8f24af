"""The pages, one module per topic. A new one adds its router here."""

from console.pages import json, overview, predictions, probes, sign_in, trying

ROUTERS = (
    probes.router,
    sign_in.router,
    overview.router,
    predictions.router,
    trying.router,
    json.router,
)
