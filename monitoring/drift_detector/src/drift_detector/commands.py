"""The commands of drift detection: measure a window, show the latest reports."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drift_detector.measuring import (
    EndOption,
    EnvironmentOption,
    ShownOption,
    StartOption,
    chosen_window,
)
from platform_core.command_line import MONITORING, JsonOption, UseCaseOption, command_group, show
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.contracts.environments import Environment
from platform_core.errors import PlatformError

commands = command_group()
drift = typer.Typer(no_args_is_help=True, help="Compare live traffic with a release's baseline.")
commands.add_typer(drift, name="drift", rich_help_panel=MONITORING)


class NotMeasured(PlatformError):
    """A window could not be measured for some use case and environment."""

    code = "drift-not-measured"


class ReportFormat(StrEnum):
    """How `drift show` prints the latest reports."""

    TABLE = "table"
    PROMETHEUS = "prometheus"


@drift.command("run")
def run_drift(
    use_case: Annotated[
        str | None,
        typer.Option(
            "--use-case", "-u", help="Default: all with traffic in the window or a release."
        ),
    ] = None,
    environment: EnvironmentOption = None,
    start: StartOption = None,
    end: EndOption = None,
    revise: Annotated[
        bool, typer.Option("--revise", help="Also revise recent windows with late records.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure one window, write its reports and act on them."""
    from drift_detector.alerts import summary
    from drift_detector.bootstrap import build_job
    from drift_detector.log import configure_logging
    from drift_detector.settings import DriftSettings
    from platform_core.clock import SystemClock

    configure_logging()
    settings, clock = DriftSettings(), SystemClock()
    window = chosen_window(start, end, clock.now(), settings.drift_window_minutes)
    job = build_job(settings, clock)
    outcomes = [job.run(window, use_case, environment)]
    if revise:
        outcomes.append(job.revise())
    reports = [report for outcome in outcomes for report in outcome.reports]
    nothing = [f"no release and no traffic in {window}: nothing to measure"]
    show(reports, as_json, map(summary, reports) if reports else nothing)
    if failures := [failure for outcome in outcomes for failure in outcome.failures]:
        raise NotMeasured(f"not measured: {' | '.join(failures)}")


@commands.command("backtest", rich_help_panel=MONITORING)
def run_backtest(
    policy: Annotated[Path, typer.Option("--policy", help="The policy's file.")],
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    environment: Annotated[
        Environment, typer.Option("--environment", "-e", help="The environment.")
    ] = Environment.PRODUCTION,
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Days to look back.")] = 14,
    as_json: JsonOption = False,
) -> None:
    """Show when a policy would have requested retraining or rolled back in the last days."""
    from drift_detector.policies.backtest import backtest
    from drift_detector.settings import DriftSettings
    from platform_core.adapters.connect import blob_store
    from platform_core.clock import SystemClock
    from platform_core.policies import read_policy

    settings, clock = DriftSettings(), SystemClock()
    length = timedelta(minutes=settings.drift_window_minutes)
    read = read_policy(policy)
    found = backtest(blob_store(settings), read, use_case, environment, clock, days, length)
    show(found, as_json, found.lines())


@drift.command("show")
def show_drift(
    report_format: Annotated[
        ReportFormat, typer.Option("--format", help="Output format.")
    ] = ReportFormat.TABLE,
    use_case: ShownOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the latest report of each use case and environment."""
    from drift_detector.reports.metrics import exposition, table
    from platform_core.adapters.connect import blob_store
    from platform_core.drift_reports import latest_reports
    from platform_core.settings import StorageSettings

    found = latest_reports(blob_store(StorageSettings()))
    reports = [one for one in found if use_case in {None, one.use_case}]
    render = exposition if report_format is ReportFormat.PROMETHEUS else table
    show(reports, as_json, render(reports).rstrip("\n").splitlines())
