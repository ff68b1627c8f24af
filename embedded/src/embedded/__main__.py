"""`python -m embedded up|down|status|logs|clean|wait`. Exit 0 = done, 1 = refused or failed."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from pydantic import ValidationError

from embedded.bootstrap import build
from embedded.logs import LINES, follow, log_files, tail
from embedded.settings import EmbeddedSettings
from embedded.stack import Stack
from embedded.table import table
from platform_core.errors import ConfigurationError, PlatformError

FAILED = 1
WRONG_USE = 2

say = partial(print, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the reason of a failure is the last line on standard error."""
    options = _parser().parse_args(arguments)
    try:
        stack = build(EmbeddedSettings(), say)
        return options.command(stack, options) or 0
    except ValidationError as error:
        names = ", ".join(sorted(str(e["loc"][0]).upper() for e in error.errors() if e["loc"]))
        return _fail(WRONG_USE, f"these settings are missing or wrong: {names}")
    except ConfigurationError as error:
        return _fail(WRONG_USE, error)
    except PlatformError as error:
        return _fail(FAILED, error)
    except KeyboardInterrupt:
        return _fail(FAILED, "interrupted")


def _status(stack: Stack, options: argparse.Namespace) -> int:
    del options
    rows = stack.status()
    for line in table(rows):
        say(line)
    if wrong := [f"{row.name} is {row.state}" for row in rows if row.state != "ready"]:
        return _fail(FAILED, "; ".join(wrong))
    return 0


def _logs(stack: Stack, options: argparse.Namespace) -> int:
    files = log_files(stack.run, [p.name for p in stack.programs], options.program)
    if options.follow:
        return follow(files)
    for file in files:
        if len(files) > 1:
            say(f"==> {file}")
        for line in tail(file, options.lines):
            say(line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m embedded", description=__doc__)
    commands = parser.add_subparsers(required=True)
    simple = {
        "up": (Stack.up, "start everything and wait until it is ready"),
        "down": (Stack.down, "stop everything"),
        "wait": (Stack.wait, "wait until everything is ready"),
        "clean": (Stack.clean, "delete the state of a stack that is down"),
    }
    for name, (action, text) in simple.items():
        command = commands.add_parser(name, help=text)
        command.set_defaults(command=lambda stack, _, action=action: action(stack))
    commands.add_parser("status", help="show the programs").set_defaults(command=_status)
    logs = commands.add_parser("logs", help="show what the programs say")
    logs.add_argument("program", nargs="?", help="default: all")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    logs.add_argument("-n", "--lines", type=int, default=LINES)
    logs.set_defaults(command=_logs)
    return parser


def _fail(code: int, reason: object) -> int:
    print(reason, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
