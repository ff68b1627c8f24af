"""Composition root: builds the controller from settings; the only module that names adapters."""

from datetime import timedelta
from threading import Event

from platform_core.changes import Changes
from platform_core.clock import SystemClock
from platform_core.programs import on_termination
from release_controller.controller import ReleaseController
from release_controller.http import serve
from release_controller.judging import Judge, NoJudge
from release_controller.loops import Loop
from release_controller.reconciler import Reconciler
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
    releases = build(settings)
    changes = Changes(releases.store, clock)
    controller = ReleaseController(releases.store, changes, releases.service, clock)
    reconciler = Reconciler(releases.service, use_case_names)
    judge: Judge = NoJudge()
    applying = Loop("changes", controller.step, settings.controller_interval_seconds, clock)
    reconciling = Loop("reconcile", reconciler.step, settings.controller_reconcile_seconds, clock)
    judging = Loop("judge", judge.judge, settings.controller_judge_seconds, clock)
    server = serve(
        settings.controller_host, settings.controller_port, lambda: applying.is_alive(ALIVE)
    )
    reconciling.start(stop)
    judging.start(stop)
    applying.run(stop)
    server.shutdown()
