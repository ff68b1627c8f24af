"""Start and resume pipeline runs, and print what they made."""

import secrets
import subprocess
from pathlib import Path

import typer

from training.bootstrap import TrainingServices
from training.parameters import RunParameters, RunRequest
from training.pipeline.bootstrap import here, runner
from training.pipeline.runner import EndedRun
from training.progress import show
from use_cases import use_case
from use_cases.rules.consistency import check_consistency


def run_request(use_case_name: str, parameters: RunParameters) -> RunRequest:
    """Return the request of a run with the commit of the checkout where none is given.

    Raises:
        UnknownUseCase: no installed package has the use case.
        ConfigurationError: the use case contradicts itself.
    """
    case, parameters = use_case(use_case_name), parameters.absolute()
    check_consistency(case)
    if not parameters.git_sha:
        parameters = parameters.model_copy(update={"git_sha": _git_sha()})
    return RunRequest(use_case=case.name, parameters=parameters)


def new_run_name(services: TrainingServices) -> str:
    """Return the name of a new run: its time and a random suffix."""
    return f"{services.clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def run_pipeline(services: TrainingServices, name: str, request: RunRequest) -> str:
    """Run the pipeline to its end, print a summary and return the id of the release."""
    show(f"run {name} of {use_case(request.use_case).title}")
    return _print_summary(services, runner(services).run(name, request))


def resume_run(services: TrainingServices, name: str) -> None:
    """Continue a run of this machine that broke off, and print a summary.

    Raises:
        NotFound: there is no such run.
    """
    show(f"resuming run {name}")
    _print_summary(services, here(services).resume(name))


def _print_summary(services: TrainingServices, run: EndedRun) -> str:
    from scoring import load_lineage
    from training.results import ReleaseResult
    from training.summary import summary

    case = use_case(run.records.use_case)
    release = run.records.result("release", ReleaseResult)
    lineage = load_lineage(services.store, case.name, release.release_id)
    typer.echo(summary(case, lineage, run.timings))
    return release.release_id


def _git_sha() -> str:
    """Return the commit of the checkout that this code is in, wherever the command was called."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # a machine without git has no checkout to name
        return ""
    return done.stdout.strip()
