"""`python -m training run|compile|recurring|schedule`. Exit 0 = done, 1 = failed, 2 = wrong use."""

import argparse
import secrets
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from platform_core.errors import PlatformError
from platform_core.programs import CommandInterrupted, exit_code
from scoring import load_lineage
from training.bootstrap import Platform
from training.pipeline.bootstrap import kubeflow, runner
from training.pipeline.parameters import RunParameters
from training.progress import say
from training.run_folder import RELEASE, RunFolder
from training.summary import summary
from use_cases import DEFAULT, use_case


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the reason of a failure is the last line on standard error."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run_command(options))


def _run_command(options: argparse.Namespace) -> int:
    try:
        return options.command(options)
    except KeyboardInterrupt as error:
        raise CommandInterrupted(
            "interrupted; the release served before is still served"
        ) from error


def _parameters(options: argparse.Namespace) -> RunParameters:
    given = {name: getattr(options, name) for name in RunParameters.model_fields if name in options}
    given = {name: value for name, value in given.items() if value is not None}
    use_case(options.use_case)
    parameters = RunParameters(**given, git_sha=_git_sha())
    parameters.arguments(options.use_case, "")  # what is wrong is said before anything starts
    return parameters


def _run(options: argparse.Namespace) -> int:
    parameters = _parameters(options)
    platform = Platform()
    run_id = f"{platform.clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    _start(platform, options.use_case, run_id, parameters)
    return 0


def _start(platform: Platform, name: str, run_id: str, parameters: RunParameters) -> None:
    case = use_case(name)
    run = RunFolder(platform.store, name, run_id)
    say(f"run {run_id} of {case.title}")
    timings = runner(platform.settings).run(run, parameters)
    release_id = run.read_json(RELEASE)["release_id"]
    print(summary(case, load_lineage(platform.store, name, release_id), timings), flush=True)


def _compile(options: argparse.Namespace) -> int:
    from training.pipeline.compile import compile_pipeline

    print(compile_pipeline(Platform().settings.training_image, options.output))
    return 0


def _recurring(options: argparse.Namespace) -> int:
    parameters = _parameters(options)
    server = kubeflow(Platform().settings)
    made = server.schedule(options.use_case, options.cron, parameters)
    print(f"{options.use_case} is trained at {options.cron!r}: recurring run {made}")
    return 0


def _schedule(options: argparse.Namespace) -> int:
    del options
    from training.scheduler import Scheduler

    platform = Platform()
    scheduler = Scheduler(platform.store, lambda *run: _start(platform, *run))
    scheduler.resume()
    pause = threading.Event()
    while True:
        try:
            scheduler.run_pending()
        except PlatformError as error:
            say(f"retrain requests cannot be read: {error}")
        pause.wait(platform.settings.scheduler_interval_seconds)


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
    recurring = commands.add_parser("recurring", help="train again and again (Kubeflow server)")
    _add_parameters(recurring)
    recurring.add_argument("--cron", required=True, help='six fields, e.g. "0 0 3 * * 1"')
    recurring.set_defaults(command=_recurring)
    compiled = commands.add_parser("compile", help="write the pipeline's IR for a cluster")
    compiled.add_argument("--output", type=Path, required=True)
    compiled.set_defaults(command=_compile)
    schedule = commands.add_parser("schedule", help="take up retrain requests for ever")
    schedule.set_defaults(command=_schedule)
    return parser


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--use-case", default=DEFAULT)
    parser.add_argument("--data", help="a path, pattern, folder or URL; generated records without")
    parser.add_argument("--columns", help='your names, e.g. "body=text email_id=sms_id"')
    parser.add_argument("--base", help="add to this dataset version; latest: the newest")
    for name in ("rows", "trials", "seed"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--budget-minutes", type=float, help="begin no further trials after these")


if __name__ == "__main__":
    sys.exit(main())
