"""The pages, one module per topic. A new one adds its router here."""

from console.pages import json, overview, probes, sign_in

ROUTERS = (
    probes.router,
    sign_in.router,
    overview.router,
    json.router,
)
