"""The command `data-report`: create a dataset version and show what is in it."""

import secrets
from functools import partial
from urllib.parse import unquote, urlsplit

import typer

from data_pipeline.parameters import SourceParameters
from platform_core.command_line import PIPELINE, UseCaseOption, command_group, with_options
from platform_core.contracts.defaults import DEFAULT_USE_CASE

commands = command_group()


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


def _local_path(uri: str) -> str:
    """Return the path of a `file://` URI; any other URI as it is."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" else uri
