"""The commands that change or show what is served."""

from releases.commands.changing import add_changing_commands
from releases.commands.deciding import change
from releases.commands.listing import release

__all__ = ["commands"]

from platform_core.command_line import RELEASES, command_group

commands = command_group()
add_changing_commands(commands, release)
commands.add_typer(release, name="release", rich_help_panel=RELEASES)
commands.add_typer(change, name="change", rich_help_panel=RELEASES)
