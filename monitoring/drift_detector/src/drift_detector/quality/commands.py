"""The commands of quality: measure a window, show the latest reports."""

from typing import Annotated

import typer

from drift_detector.measuring import (
    EndOption,
    EnvironmentOption,
    ShownOption,
    StartOption,
    chosen_window,
)
from platform_core.command_line import MONITORING, JsonOption, command_group, show
from platform_core.errors import PlatformError

commands = command_group()
quality = typer.Typer(no_args_is_help=True, help="Measure or estimate how good answers are.")
commands.add_typer(quality, name="quality", rich_help_panel=MONITORING)


class QualityNotMeasured(PlatformError):
    """The quality of a window could not be measured for some use case and environment."""

    code = "quality-not-measured"


@quality.command("run")
def run_quality(
    use_case: Annotated[
        str | None, typer.Option("--use-case", "-u", help="Default: all with records.")
    ] = None,
    environment: EnvironmentOption = None,
    start: StartOption = None,
    end: EndOption = None,
    revise: Annotated[
        bool, typer.Option("--revise", help="Also revise windows with late labels or records.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure the quality of one window and write its reports."""
    from drift_detector.log import configure_logging
    from drift_detector.quality.bootstrap import build_quality_job
    from drift_detector.quality.text import quality_table
    from drift_detector.settings import DriftSettings
    from platform_core.clock import SystemClock

    configure_logging()
    settings, clock = DriftSettings(), SystemClock()
    window = chosen_window(start, end, clock.now(), settings.drift_window_minutes)
    job = build_quality_job(settings, clock)
    # Labels of earlier windows calibrate this one.
    outcomes = [job.revise()] if revise else []
    outcomes.append(job.run(window, use_case, environment))
    reports = [report for outcome in outcomes for report in outcome.reports]
    nothing = f"no live records in {window}: nothing to measure"
    text = quality_table(reports) if reports else nothing
    show(reports, as_json, text.splitlines())
    if failures := [failure for outcome in outcomes for failure in outcome.failures]:
        raise QualityNotMeasured(f"not measured: {' | '.join(failures)}")


@quality.command("show")
def show_quality(use_case: ShownOption = None, as_json: JsonOption = False) -> None:
    """Show the latest report of each use case, environment and role."""
    from drift_detector.quality.text import quality_table
    from platform_core.adapters.connect import blob_store
    from platform_core.reports.quality import latest_quality
    from platform_core.settings import StorageSettings

    found = latest_quality(blob_store(StorageSettings()))
    reports = [one for one in found if use_case in {None, one.use_case}]
    show(reports, as_json, quality_table(reports).splitlines())
