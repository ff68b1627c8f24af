"""`python -m releases {promote,rollback,canary,list}`.

Exit 0 done, 1 refused or failed, 2 wrong use.
"""

import argparse
import getpass
import signal
import sys
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from platform_core.contracts.environments import Environment
from platform_core.errors import ConfigurationError, InvalidInput, PlatformError
from releases.bootstrap import Releases, build
from releases.changes import Outcome
from releases.settings import ReleaseSettings
from use_cases import DEFAULT, use_case_names

FAILED = 1
WRONG_USE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; the reason of a failure is the last line."""
    options = _parser().parse_args(arguments)
    try:
        releases = build(ReleaseSettings())
        for line in _run(options, releases):
            print(line)
    except ValidationError as error:
        missing = ", ".join(str(e["loc"][0]).upper() for e in error.errors())
        return _fail(WRONG_USE, f"these settings are missing or wrong: {missing}")
    except (InvalidInput, ConfigurationError) as error:
        return _fail(WRONG_USE, error)
    except PlatformError as error:
        return _fail(FAILED, error)
    return 0


def _run(options: argparse.Namespace, releases: Releases) -> Iterator[str]:
    if options.command == "list":
        for name in [options.use_case] if options.use_case else use_case_names():
            yield from releases.listing.lines(name)
    elif options.command == "promote":
        outcome = releases.service.promote(
            options.use_case, options.release or None, actor=_actor(), reason=options.reason
        )
        yield _said(outcome)
    elif options.command == "canary" and options.percent == 0:
        releases.canaries.end(options.use_case, _actor(), options.reason)
        yield f"production answers {options.use_case} with one release again"
    elif options.command == "canary":
        tried = releases.canaries.begin(
            options.use_case, options.release or None, options.percent, _actor(), options.reason
        )
        yield f"{options.use_case} {tried} answers {options.percent} % of production's requests"
    else:
        environment = Environment(options.environment)
        yield _said(
            releases.service.rollback(options.use_case, environment, _actor(), options.reason)
        )


def _said(outcome: Outcome) -> str:
    if outcome.changed:
        before = f"before: {outcome.from_release or 'nothing'}"
        text = f"{outcome.environment} serves {outcome.use_case} {outcome.release_id} ({before})"
    else:
        text = (
            f"{outcome.environment} serves {outcome.use_case} {outcome.release_id} already: "
            "nothing to do"
        )
    return f"{text}; {outcome.detail}" if outcome.detail else text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="releases", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    promote = commands.add_parser("promote", help="make production serve a release")
    promote.add_argument("--use-case", default=DEFAULT)
    promote.add_argument("--release", help="an id or its beginning; default: what staging serves")
    promote.add_argument("--reason", default="promoted by hand", help="goes to the ledger")
    rollback = commands.add_parser("rollback", help="serve what was served before")
    rollback.add_argument("--use-case", default=DEFAULT)
    rollback.add_argument(
        "--environment", default=Environment.PRODUCTION, choices=[e.value for e in Environment]
    )
    rollback.add_argument("--reason", default="rolled back by hand", help="goes to the ledger")
    canary = commands.add_parser("canary", help="try a release on a share of production")
    canary.add_argument("--use-case", default=DEFAULT)
    canary.add_argument("--release", help="an id or its beginning; default: what staging serves")
    canary.add_argument("--percent", type=int, required=True, help="1 to 99; 0 ends it")
    canary.add_argument("--reason", default="tried by hand", help="goes to the ledger")
    listing = commands.add_parser("list", help="what there is and what serves where")
    listing.add_argument("--use-case", help="default: all of them")
    return parser


def _actor() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unnamed"


def _fail(code: int, reason: object) -> int:
    for note in getattr(reason, "__notes__", ()):
        print(note, file=sys.stderr)
    print(reason, file=sys.stderr)
    return code


if __name__ == "__main__":
    # `make releases | head` ends when its reader does.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
