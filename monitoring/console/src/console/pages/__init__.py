"""The pages, one module per topic. A new one adds its router here."""

from console.pages import (
    acting,
    changes,
    comparison,
    json,
    overview,
    predictions,
    probes,
    quality,
    releases,
    serving,
    sign_in,
)

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
    json.router,
)
