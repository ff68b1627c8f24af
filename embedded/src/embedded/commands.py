"""The commands of the laptop stack: up, down, status, logs, clean."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from platform_core.command_line import STACK, JsonOption, command_group, show
from platform_core.errors import Unavailable

if TYPE_CHECKING:
    from embedded.stack import Stack

LOG_LINES = 40

commands = command_group()


@commands.command(rich_help_panel=STACK)
def up() -> None:
    """Start every program and wait until all are ready."""
    _stack().up()


@commands.command(rich_help_panel=STACK)
def down() -> None:
    """Stop every program."""
    _stack().down()


@commands.command(rich_help_panel=STACK)
def status(as_json: JsonOption = False) -> None:
    """Show the programs: state, memory, URL. Fails unless each is ready or waits for work."""
    from embedded.table import table

    rows = _stack().status()
    show(rows, as_json, table(rows))
    fine = {"ready", "waiting"}
    if unready := [f"{row.name} is {row.state}" for row in rows if row.state not in fine]:
        raise Unavailable("; ".join(unready))


@commands.command(rich_help_panel=STACK)
def logs(
    program: Annotated[str | None, typer.Argument(help="Name of a program. Default: all.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Continue until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Lines of each log.")] = LOG_LINES,
) -> int | None:
    """Show the logs of the programs."""
    from embedded.logs import follow_logs, log_files, tail

    stack = _stack()
    files = log_files(stack.run, [p.name for p in stack.programs], program)
    if follow:
        return follow_logs(files, lines)
    for file in files:
        if len(files) > 1:
            typer.echo(f"==> {file}")
        for line in tail(file, lines):
            typer.echo(line)
    return None


@commands.command(rich_help_panel=STACK)
def clean() -> None:
    """Delete the state of a stack that is down: models, data, logs."""
    _stack().clean()


def _stack() -> "Stack":
    """Return the stack that the settings describe; importing its parts takes half a second."""
    from embedded.bootstrap import build
    from embedded.settings import EmbeddedSettings

    return build(EmbeddedSettings(), partial(print, flush=True))
