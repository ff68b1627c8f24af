"""Write `docs/reference/command-line.md`: every command of `mlplatform` with its options."""

import re
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from reference_page import ROOT, ReferencePage, code, prose, table

from cli.main import NAME, build_app

HEAD = """# Command line

`mlplatform` is the command line of the platform. `make setup` installs it in `.venv/bin`: run
`source .venv/bin/activate` first. Each image of a cluster has the commands of its packages.

- Exit codes: 0 done, 1 refused or failed with the reason on the last line, 2 for a usage error.
- Settings come from `--config`, else `$PLATFORM_CONFIG`, else `config/embedded.env` of the
  checkout. Environment variables take precedence.
- `mlplatform --install-completion` installs completion for your shell. Commands that show
  results take `--json`.
- Make targets are aliases, and their variables become options: `make promote USE_CASE=iris` runs
  `mlplatform promote --use-case iris`.

This page is generated from the commands by `python scripts/command_reference.py`.
"""


def render() -> str:
    """Return the page: a section per group of commands."""
    app = typer.main.get_command(build_app())
    aliases = _aliases((ROOT / "Makefile").read_text())
    sections: dict[str, list[str]] = {}
    for words, group, command in _commands(app):
        sections.setdefault(group, []).append(_described(words, command, aliases))
    parts = [f"## {group}\n\n" + "\n".join(commands) for group, commands in sections.items()]
    return "\n".join([HEAD, *parts])


def _commands(app: Any) -> Iterator[tuple[str, str, Any]]:
    for name, command in app.commands.items():
        subcommands = getattr(command, "commands", None)
        for inner, subcommand in (subcommands or {"": command}).items():
            yield f"{name} {inner}".strip(), command.rich_help_panel or "Other", subcommand


def _described(words: str, command: Any, aliases: dict[str, str]) -> str:
    parameters = [p for p in command.params if not getattr(p, "hidden", False)]
    arguments = [p for p in parameters if not p.opts[0].startswith("-")]
    usage = " ".join([NAME, words, *map(_placeholder, arguments)])
    usage += " [OPTIONS]" if len(parameters) > len(arguments) else ""
    lines = [f"### `{NAME} {words}`", "", _text(command.help or ""), "", f"    {usage}", ""]
    if words in aliases:
        lines += [f"Alias: `make {aliases[words]}`.", ""]
    if parameters:
        rows = [(_names(p), _value(p), _text(_help(p)), code(_default(p))) for p in parameters]
        lines.append(table(("argument or option", "value", "meaning", "default"), rows))
    return "\n".join(lines)


def _placeholder(argument: Any) -> str:
    name = argument.name.upper().replace("_", "-")
    return name if argument.required else f"[{name}]"


def _names(parameter: Any) -> str:
    if not parameter.opts[0].startswith("-"):
        return code(parameter.name.upper().replace("_", "-"))
    return ", ".join(map(code, [*parameter.opts, *parameter.secondary_opts]))


def _value(parameter: Any) -> str:
    annotation = parameter.type_descriptor.annotation
    if annotation is bool:
        return ""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(code(member.value) for member in annotation)
    name = "path" if annotation is Path else getattr(annotation, "__name__", str(annotation))
    limits = [f"≥ {parameter.min}" if parameter.min is not None else ""]
    limits.append(f"≤ {parameter.max}" if parameter.max is not None else "")
    return " ".join([name, *filter(None, limits)])


def _help(parameter: Any) -> str:
    required = " Required." if parameter.required and parameter.opts[0].startswith("-") else ""
    return f"{getattr(parameter, 'help', '') or ''}{required}"


def _default(parameter: Any) -> str:
    default = parameter.default
    if default is None or default is False or callable(default) or parameter.required:
        return ""
    return str(default.value if isinstance(default, Enum) else default)


def _text(text: str) -> str:
    return "\n\n".join(map(prose, text.replace("\b", "").split("\n\n")))


def _aliases(makefile: str) -> dict[str, str]:
    """Return the target of make by the words of the command that it runs."""
    found = re.findall(
        r"^([a-z-]+):[^\n]*\n((?:\t[^\n]*\n)+)", makefile.replace("\\\n", " "), re.MULTILINE
    )
    calls = {
        target: re.search(rf"\b{NAME} ((?:[a-z-]+ ?)+?)(?= ?(?:\$|\"|-|\n|#))", recipe)
        for target, recipe in found
    }
    return {call[1].strip(): target for target, call in calls.items() if call}


PAGE = ReferencePage("command-line", "command_reference.py", render)

if __name__ == "__main__":
    sys.exit(PAGE.main())
