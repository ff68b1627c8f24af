"""The pages, one module per topic. A new one adds its router here."""

from console.entry import json, probes, sign_in
from console.pages import (
    change_form,
    changes,
    comparison,
    overview,
    quality,
    releases,
    serving,
)
from console.pages.history import batch, datasets, runs, stored_pages
from console.pages.predicting import predictions, trying

ROUTERS = (
    probes.router,
    sign_in.router,
    overview.router,
    changes.router,
    change_form.router,
    serving.router,
    releases.router,
    quality.router,
    comparison.router,
    predictions.router,
    trying.router,
    runs.router,
    datasets.router,
    stored_pages.router,
    batch.router,
    json.router,
)
