"""Composition root: builds the job from settings; the only module that names adapters."""

from datetime import timedelta

from drift_detector.alerts import Webhook
from drift_detector.detection import DriftDetector, DriftPolicy
from drift_detector.detection.dominance import DominancePolicy
from drift_detector.gateway import gateway_flush
from drift_detector.job import DriftJob
from drift_detector.policies.retraining import Retraining
from drift_detector.quality.stored import stored_quality
from drift_detector.settings import DriftSettings
from platform_core.adapters.connect import blob_store
from platform_core.clock import Clock
from platform_core.ledger import Ledger
from platform_core.policies import PolicyFolder
from use_cases import InstalledUseCases


def build_job(settings: DriftSettings, clock: Clock) -> DriftJob:
    """Return the job over all installed use cases."""
    store = blob_store(settings)
    policy = DriftPolicy(
        min_rows=settings.drift_min_rows,
        psi_warning=settings.drift_psi_warning,
        psi_drift=settings.drift_psi_drift,
        alpha=settings.drift_alpha,
        min_columns=settings.drift_min_columns,
        max_class_share=settings.drift_max_class_share,
        max_missing_increase=settings.drift_max_missing_increase,
        test=settings.sequential_test,
    )
    page_rows = settings.drift_page_rows if settings.drift_pages else 0
    length = timedelta(minutes=settings.drift_window_minutes)
    webhook = None
    if settings.drift_webhook_url:
        url, timeout = str(settings.drift_webhook_url), settings.drift_webhook_timeout_seconds
        webhook = Webhook(store, url, timeout)
    return DriftJob(
        detector=DriftDetector(
            store, Ledger(store, clock), clock, policy, page_rows, stored_quality(store)
        ),
        use_cases=InstalledUseCases(),
        flush=gateway_flush(settings, settings.drift_flush_timeout_seconds),
        retraining=Retraining(store, clock, PolicyFolder(settings.policy_folder).policy, length),
        webhook=webhook,
        dominance=DominancePolicy(
            share=settings.drift_dominant_class_share,
            rows=settings.drift_dominant_class_rows,
            length=timedelta(minutes=settings.drift_dominant_class_minutes),
        ),
        revise_period=timedelta(hours=settings.drift_revise_hours),
    )
