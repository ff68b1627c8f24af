"""`python -m training`: run retraining requests and serve metrics about them, until a signal."""

import sys
import threading

from prometheus_client import start_http_server

from platform_core.errors import PlatformError
from platform_core.programs import refuse_arguments, run_service
from training.bootstrap import TrainingServices
from training.launch import run_pipeline
from training.metrics import LAST_LOOK, begin_counting
from training.progress import show
from training.retraining import RetrainSources
from training.scheduler import Scheduler
from use_cases import use_case_names


def main() -> None:
    """Look for retraining requests every `SCHEDULER_INTERVAL_SECONDS`."""
    refuse_arguments(__doc__)
    services = TrainingServices()
    sources = RetrainSources(
        services.store,
        services.settings.retrain_sources,
        services.settings.retrain_min_labels,
        services.data.ingest_settings.feedback_environments,
    )
    scheduler = Scheduler(services.store, lambda *run: run_pipeline(services, *run), sources)
    start_http_server(services.settings.scheduler_port, services.settings.scheduler_host)
    scheduler.resume()
    pause = threading.Event()
    while True:
        begin_counting(use_case_names())
        try:
            scheduler.run_pending()
            LAST_LOOK.set_to_current_time()
        except PlatformError as error:
            show(f"retraining requests cannot be read: {error}")
        pause.wait(services.settings.scheduler_interval_seconds)


sys.exit(run_service(main, verbose=["training"]))
