"""`python -m training run|resume|compile|recurring|schedule`.

Exit 0 = done, 1 = failed, 2 = wrong use.
"""

import argparse
import secrets
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from platform_core.errors import PlatformError
from platform_core.programs import CommandInterrupted, exit_code
from training.bootstrap import TrainingServices
from training.parameters import RunParameters, RunRequest
from training.pipeline.bootstrap import here, kubeflow, runner
from training.pipeline.runner import EndedRun
from training.progress import show
from use_cases import DEFAULT, use_case


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the reason of a failure is the last line on standard error."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run_command(options))


def _run_command(options: argparse.Namespace) -> None:
    try:
        options.command(options)
    except KeyboardInterrupt as error:
        raise CommandInterrupted(
            "interrupted; the release served before is still served"
        ) from error


def run_pipeline(services: TrainingServices, name: str, request: RunRequest) -> None:
    """Run the pipeline to its end and print a summary."""
    show(f"run {name} of {use_case(request.use_case).title}")
    _print_summary(services, runner(services).run(name, request))


def resume_run(services: TrainingServices, name: str) -> None:
    """Continue a run of this machine that broke off, and print a summary.

    Raises:
        NotFound: there is no such run.
    """
    show(f"resuming run {name}")
    _print_summary(services, here(services).resume(name))


def _print_summary(services: TrainingServices, run: EndedRun) -> None:
    from scoring import load_lineage
    from training.results import ReleaseResult
    from training.summary import summary

    case = use_case(run.records.use_case)
    release = run.records.result("release", ReleaseResult)
    lineage = load_lineage(services.store, case.name, release.release_id)
    print(summary(case, lineage, run.timings), flush=True)


def _request(options: argparse.Namespace) -> RunRequest:
    given = {name: getattr(options, name) for name in RunParameters.model_fields}
    given = {name: value for name, value in given.items() if value is not None}
    case = use_case(options.use_case)
    return RunRequest(
        use_case=case.name, parameters=RunParameters(**{"git_sha": _git_sha(), **given})
    )


def _run(options: argparse.Namespace) -> None:
    request, services = _request(options), TrainingServices()
    name = f"{services.clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    run_pipeline(services, name, request)


def _resume(options: argparse.Namespace) -> None:
    resume_run(TrainingServices(), options.name)


def _compile(options: argparse.Namespace) -> None:
    from training.pipeline.compile import compile_pipeline

    print(compile_pipeline(TrainingServices().settings.training_image, options.output))


def _recurring(options: argparse.Namespace) -> None:
    request = _request(options)
    made = kubeflow(TrainingServices()).schedule(options.cron, request)
    print(f"{request.use_case} is trained at {options.cron!r}: recurring run {made}")


def _schedule(options: argparse.Namespace) -> None:
    del options
    from training.scheduler import Scheduler

    services = TrainingServices()
    scheduler = Scheduler(services.store, lambda *run: run_pipeline(services, *run))
    scheduler.resume()
    pause = threading.Event()
    while True:
        try:
            scheduler.run_pending()
        except PlatformError as error:
            show(f"retrain requests cannot be read: {error}")
        pause.wait(services.settings.scheduler_interval_seconds)


def _git_sha() -> str:
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # a machine without git has no checkout to name
        return ""
    return done.stdout.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="train, judge, register and stage a release")
    _add_parameters(run)
    run.set_defaults(command=_run)
    resume = commands.add_parser("resume", help="continue a run that broke off")
    resume.add_argument("name", help="the run, as `run` printed it")
    resume.set_defaults(command=_resume)
    recurring = commands.add_parser("recurring", help="train repeatedly (Kubeflow server)")
    _add_parameters(recurring)
    recurring.add_argument("--cron", required=True, help='six fields, e.g. "0 0 3 * * 1"')
    recurring.set_defaults(command=_recurring)
    compiled = commands.add_parser("compile", help="write the pipeline's IR for a cluster")
    compiled.add_argument("--output", type=Path, required=True)
    compiled.set_defaults(command=_compile)
    schedule = commands.add_parser("schedule", help="run retrain requests as they come")
    schedule.set_defaults(command=_schedule)
    return parser


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--use-case", default=DEFAULT)
    for name, field in RunParameters.model_fields.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(
            option, type=cast("type[str]", field.annotation), help=field.description
        )


if __name__ == "__main__":
    sys.exit(main())
