"""Composition root: builds the controller from settings; the only module that names adapters."""

from datetime import timedelta
from threading import Event

from platform_core.changes import Changes
from platform_core.clock import SystemClock
from platform_core.ledger import Ledger
from platform_core.policies import PolicyFolder
from platform_core.programs import on_termination
from release_controller.controller import ReleaseController
from release_controller.http import serve
from release_controller.judging import Judge
from release_controller.loops import Loop
from release_controller.reconciler import Reconciler
from release_controller.records import RegistryUpdater
from release_controller.retraining import RetrainingSuggestions
from release_controller.settings import ControllerSettings
from releases.bootstrap import build
from use_cases import use_case_names

ALIVE = timedelta(seconds=60)


def run() -> None:
    """Apply changes, reconcile and judge until SIGTERM or SIGINT.

    What is being applied then breaks off, and is applied again by the next controller.
    """
    settings, clock, stop = ControllerSettings(), SystemClock(), Event()
    on_termination(stop.set)
    built = build(settings)
    service, store = built.service, built.store
    records = RegistryUpdater(service, clock, use_case_names())
    changes = Changes(store, clock)
    controller = ReleaseController(store, changes, service, clock, records.changed)
    reconciler = Reconciler(service, use_case_names)
    policy_of = PolicyFolder(settings.policy_folder).policy
    window = timedelta(minutes=settings.drift_window_minutes)
    judge = Judge(store, Ledger(store, clock), changes, clock, policy_of, window)
    suggestions = RetrainingSuggestions(store, changes, clock)
    interval = settings.controller_interval_seconds
    applying = Loop("changes", controller.step, interval, clock)
    others = (
        Loop("reconcile", reconciler.step, settings.controller_reconcile_seconds, clock),
        Loop("registry", records.step, interval, clock),
        Loop("trials", judge.judge_trials, settings.controller_judge_seconds, clock),
        Loop("stable", judge.judge_stable_releases, settings.controller_policy_seconds, clock),
        Loop("retraining", suggestions.step, settings.controller_policy_seconds, clock),
    )
    address = (settings.controller_host, settings.controller_port)
    server = serve(*address, lambda: applying.is_alive(ALIVE))
    for loop in others:
        loop.start(stop)
    applying.run(stop)
    server.shutdown()
