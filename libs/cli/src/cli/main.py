"""`mlplatform`: the commands of every installed package under one name."""

from collections.abc import Sequence
from functools import partial
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from cli import development
from cli.drill.commands import commands as drill_commands
from cli.settings import load_configuration
from platform_core.command_line import ENTRY_POINTS
from platform_core.programs import WRONG_USE, CommandInterrupted, exit_code

NAME = "mlplatform"
INTERRUPTED = 130
"""The exit code that typer reports for Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 usage error."""
    return exit_code(lambda: _run(build_app(), arguments))


def build_app() -> typer.Typer:
    """Return the command line with the commands of every installed package."""
    app = typer.Typer(
        name=NAME,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    app.callback()(_configure)
    for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda e: e.name):
        app.add_typer(entry_point.load())
    app.add_typer(drill_commands)
    app.add_typer(development.commands)
    return app


def _run(app: typer.Typer, arguments: Sequence[str] | None) -> int | None:
    try:
        result = app(arguments, prog_name=NAME, standalone_mode=False)
    except typer.Abort as error:
        raise CommandInterrupted("cancelled") from error
    except TyperException as error:
        # A wrong command line: the usage comes first, the reason is the last line.
        getattr(error, "show", partial(typer.echo, error.format_message(), err=True))()
        return WRONG_USE
    if result == INTERRUPTED:
        raise CommandInterrupted("interrupted")
    return result if isinstance(result, int) else None


def _configure(
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file. Default: config/embedded.env of the checkout."),
    ] = None,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Train, serve and monitor models: from data to a release, and from traffic to the next one.

    Exit codes: 0 done, 1 refused or failed (the reason is the last line), 2 usage error.
    """
    if show_version:
        typer.echo(version("mlplatform-cli"))
        raise typer.Exit
    load_configuration(config)
