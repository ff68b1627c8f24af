"""The commands `data-report` and `new-use-case`."""

import secrets
import shlex
import sys
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, cast, get_args
from urllib.parse import unquote, urlsplit

import typer

from data_pipeline.parameters import SourceParameters
from platform_core.command_line import PIPELINE, UseCaseOption, command_group, with_options
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.contracts.tasks import Task

commands = command_group()
TaskName = StrEnum("TaskName", {name: name for name in get_args(Task)})  # type: ignore[misc]


@commands.command("data-report", rich_help_panel=PIPELINE)
@with_options(SourceParameters)
def data_report(parameters: SourceParameters, use_case: UseCaseOption = DEFAULT_USE_CASE) -> None:
    """Create a dataset version and write a report about it."""
    from data_pipeline.bootstrap import DataServices
    from data_pipeline.preparation import DataPreparation
    from data_pipeline.report import report_path, write_report
    from data_pipeline.report.page import summary
    from platform_core.storage import run_path
    from use_cases import use_case as installed

    case, services, source = installed(use_case), DataServices(), parameters.absolute()
    preparation = DataPreparation(services, case, partial(print, flush=True))
    run = f"report-{services.clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    manifest = preparation.freeze(source.request, run_path(case.name, run), source.base)
    preparation.features(manifest)
    version = manifest.dataset_version
    report = write_report(services.store, case, version, services.settings.data_leak_auc)
    for line in summary(report):
        typer.echo(line)
    typer.echo(_local_path(services.store.uri(report_path(case.name, version))))


@commands.command("new-use-case", rich_help_panel=PIPELINE)
def new_use_case(
    name: Annotated[
        str, typer.Argument(help="Name of the use case: lower case letters, digits and _.")
    ],
    data: Annotated[str, typer.Option(help="Labelled records: a path, pattern, folder or URL.")],
    label: Annotated[str, typer.Option(help="The column with the label.")],
    id_column: Annotated[
        str | None, typer.Option("--id", help="The column that identifies a record.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="The column with the time of a record.")] = None,
    task: Annotated[
        TaskName | None, typer.Option(help="What to predict; by default the label decides.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The folder to write. Default: the name.")
    ] = None,
) -> None:
    """Inspect labelled data and write the package of a use case for it."""
    from data_pipeline.bootstrap import DataServices
    from data_pipeline.new_use_case import make_plan, read_table, write_package
    from data_pipeline.new_use_case.plan import check_columns, check_name

    check_name(name)
    check_columns(label, id_column, time)
    services, source = DataServices(), SourceParameters(data=data).absolute()
    needed = [column for column in (id_column, time) if column]
    settings = services.ingest_settings
    table = read_table(services.store, settings, source.data, label, needed)
    asked = None if task is None else cast(Task, task.value)
    plan = make_plan(name, table, label, id=id_column, time=time, task=asked)
    folder = output or Path(name)
    for line in plan.lines():
        typer.echo(line)
    for file in write_package(plan, folder):
        typer.echo(f"wrote     {file}")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--editable"]
    run = ["mlplatform", "run-pipeline", "--use-case", name, "--data", data]
    typer.echo(f"next      {shlex.join([*install, str(folder)])} && {shlex.join(run)}")


def _local_path(uri: str) -> str:
    """Return the path of a `file://` URI; any other URI as it is."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" else uri
