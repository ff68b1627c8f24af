"""`python -m drift_detector {run,loop,metrics}`: exit 0 done, 1 failed, 2 wrong use."""

import argparse
import signal
import sys
from datetime import timedelta
from threading import Event

from pydantic import ValidationError

from drift_detector.alerts import summary
from drift_detector.bootstrap import build_job
from drift_detector.log import configure_logging
from drift_detector.loop import run_loop
from drift_detector.reports.metrics import exposition, table
from drift_detector.settings import DriftSettings
from drift_detector.window import parse_time, window_between
from platform_core.adapters.connect import blob_store
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.drift_reports import latest_reports
from platform_core.errors import InvalidInput, PlatformError
from platform_core.settings import StorageSettings

DONE, FAILED, WRONG_USE = 0, 1, 2


def main() -> int:
    """Run a command and return its exit code; the reason of a failure is the last line."""
    arguments = _parser().parse_args()
    configure_logging()
    commands = {"run": _run, "loop": _loop, "metrics": _metrics}
    try:
        return commands[arguments.command](arguments)
    except InvalidInput as error:
        print(error, file=sys.stderr)
        return WRONG_USE if arguments.command == "run" else FAILED
    except PlatformError as error:
        print(error, file=sys.stderr)
    except ValidationError as error:
        wrong = "; ".join(f"{_key(e['loc'])}: {e['msg']}" for e in error.errors())
        print(f"the settings are incomplete or wrong: {wrong}", file=sys.stderr)
    return FAILED


def _run(arguments: argparse.Namespace) -> int:
    settings = DriftSettings()
    clock = SystemClock()
    length = timedelta(minutes=settings.drift_window_minutes)
    start, end = (parse_time(t) if t else None for t in (arguments.start, arguments.end))
    window = window_between(start, end, clock.now(), length)
    job = build_job(settings, clock)
    outcomes = [job.run(window, arguments.use_case, arguments.environment)]
    if arguments.revise:
        outcomes.append(job.revise())
    reports = [report for outcome in outcomes for report in outcome.reports]
    for report in reports:
        print(summary(report), flush=True)
    if not reports:
        print(f"nothing served and no traffic from {window}: nothing to measure")
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    if failures:
        print(f"not measured: {' | '.join(failures)}", file=sys.stderr)
    return FAILED if failures else DONE


def _loop(_: argparse.Namespace) -> int:
    settings = DriftSettings()
    clock = SystemClock()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_loop(
        build_job(settings, clock),
        clock,
        timedelta(minutes=settings.drift_interval_minutes),
        timedelta(minutes=settings.drift_window_minutes),
        stop.wait,
    )
    return DONE


def _metrics(arguments: argparse.Namespace) -> int:
    reports = latest_reports(blob_store(StorageSettings()))
    print((exposition if arguments.format == "prometheus" else table)(reports).rstrip("\n"))
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="drift_detector", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure one window")
    run.add_argument("--use-case", help="default: every one with traffic or an active release")
    run.add_argument("--environment", type=Environment, choices=list(Environment))
    run.add_argument("--from", dest="start", help="ISO 8601; UTC unless it says otherwise")
    run.add_argument("--to", dest="end", help="ISO 8601; default: now")
    run.add_argument(
        "--revise", action="store_true", help="also measure recent windows again that changed"
    )
    commands.add_parser("loop", help="measure every DRIFT_INTERVAL_MINUTES")
    metrics = commands.add_parser("metrics", help="show the latest reports")
    metrics.add_argument("--format", choices=("table", "prometheus"), default="table")
    return parser


def _key(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location).upper()


if __name__ == "__main__":
    sys.exit(main())
