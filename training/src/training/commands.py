"""The commands that train: run, resume, schedule and compile the pipeline."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from platform_core.command_line import (
    PIPELINE,
    JsonOption,
    UseCaseOption,
    command_group,
    show,
    with_options,
)
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.programs import CommandInterrupted
from training.parameters import ImportOptions, RunParameters

commands = command_group()


@commands.command("run-pipeline", rich_help_panel=PIPELINE)
@with_options(RunParameters)
def run_pipeline(parameters: RunParameters, use_case: UseCaseOption = DEFAULT_USE_CASE) -> None:
    """Train, evaluate, register and stage a release."""
    from training.bootstrap import TrainingServices
    from training.launch import new_run_name, run_request
    from training.launch import run_pipeline as run

    request, services = run_request(use_case, parameters), TrainingServices()
    name, endpoint = new_run_name(services), services.settings.kfp_endpoint
    with _interruptible(
        f"the run goes on at {endpoint}" if endpoint else f"`mlplatform resume {name}` continues it"
    ):
        run(services, name, request)


@commands.command(rich_help_panel=PIPELINE)
def resume(
    run: Annotated[str, typer.Argument(help="Name of the run, as run-pipeline printed it.")],
) -> None:
    """Continue an interrupted run without repeating its finished steps."""
    from training.bootstrap import TrainingServices
    from training.launch import resume_run

    with _interruptible(f"`mlplatform resume {run}` continues it"):
        resume_run(TrainingServices(), run)


@commands.command("recurring-pipeline", rich_help_panel=PIPELINE)
@with_options(RunParameters)
def recurring_pipeline(
    parameters: RunParameters,
    cron: Annotated[str, typer.Option(help='Six fields, e.g. "0 0 3 * * 1".')],
    use_case: UseCaseOption = DEFAULT_USE_CASE,
) -> None:
    """Run the pipeline regularly on the Kubeflow server."""
    from training.bootstrap import TrainingServices
    from training.launch import run_request
    from training.pipeline.bootstrap import kubeflow

    request = run_request(use_case, parameters)
    recurring_run = kubeflow(TrainingServices()).schedule(cron, request)
    typer.echo(f"{request.use_case} is trained at {cron!r}: recurring run {recurring_run}")


@commands.command("compile-pipeline", rich_help_panel=PIPELINE)
def compile_pipeline(
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path("dist/pipeline.yaml"),
) -> None:
    """Write the pipeline's IR for a Kubeflow server."""
    from training.bootstrap import TrainingServices
    from training.pipeline.compile import compile_pipeline as compile_to

    output.parent.mkdir(parents=True, exist_ok=True)
    typer.echo(compile_to(TrainingServices().settings.training_image, output))


@commands.command("import-model", rich_help_panel=PIPELINE)
@with_options(ImportOptions)
def import_model(
    options: ImportOptions,
    source: Annotated[
        str, typer.Argument(help="An ONNX, skops or joblib file, or a URI or folder of MLflow.")
    ],
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    as_json: JsonOption = False,
) -> None:
    """Import a finished model: adapt, evaluate, register and stage it."""
    from training.bootstrap import TrainingServices
    from training.importing.import_model import import_model as run_import
    from training.importing.import_model import outcome_lines

    with _interruptible("the model is not staged; run the command again"):
        outcome = run_import(TrainingServices(), source, use_case, options)
    show(outcome, as_json, outcome_lines(use_case, outcome))


@contextmanager
def _interruptible(advice: str) -> Iterator[None]:
    """Print on Ctrl-C how to continue the run."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise CommandInterrupted(f"interrupted; {advice}") from error
