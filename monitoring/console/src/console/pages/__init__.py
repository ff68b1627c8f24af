"""The pages, one module per topic. A new one adds its router here."""

from console.pages import (
    acting,
    changes,
    comparison,
    json,
    overview,
    probes,
    quality,
    releases,
    serving,
    sign_in,
)
from console.pages.predicting import predictions, trying

ROUTERS = (
    probes.router,
    sign_in.router,
    overview.router,
    changes.router,
    acting.router,
    serving.router,
    releases.router,
    quality.router,
    comparison.router,
    predictions.router,
    trying.router,
    json.router,
)
