"""Runs benchmarks: `run.py [--quick] [section …]`; default: all but quality, references, loop
and live.

Exit 0 = done, 1 = a comparison failed or something is not there, 2 = usage error.
"""

import argparse
import logging
import signal
import sys
from importlib import import_module
from pathlib import Path

from bench_report import machine, page, say
from bench_services import check_services
from decisions.section import TOPICS as DECISIONS
from live.section import TOPICS as LIVE
from pydantic import ValidationError
from serving.contestants import NAMES

from platform_core.contracts.environments import Environment
from platform_core.errors import PlatformError

# By section, the module with `run(options)`; it is imported on use.
SECTIONS = {
    "ingest": "bench_ingest",
    "formats": "bench_formats",
    "pipeline": "bench_pipeline",
    "quality": "bench_quality",
    "references": "bench_references",
    "skew": "bench_skew",
    "batch": "bench_batch",
    "drift": "bench_drift",
    "serving": "serving.section",
    "growth": "growth.section",
    "pages": "pages.section",
    "stages": "bench_stages",
    "dispatch": "bench_dispatch",
    "byo": "bench_byo",
    "parity": "bench_parity",
    "loop": "bench_loop",
    "decisions": "decisions.section",
    "live": "live.section",
}
# These measure models, or train some first.
BY_NAME = frozenset({"quality", "references", "loop", "live"})
# Datasets of the section `references`.
REFERENCES = ("sms", "imdb", "news20", "telco")
FAILED, WRONG_USE = 1, 2


def main() -> int:
    """Run the requested sections."""
    parser = _parser()
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    logging.basicConfig(level=logging.WARNING)
    # SIGTERM must leave the contexts that stop started programs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))
    say(described := machine())
    try:
        names = options.sections or [name for name in SECTIONS if name not in BY_NAME]
        check_services(names)
        results = [_section(name, options) for name in names]
    except ValidationError as error:
        say(f"settings are missing: use `make bench`, which reads config/embedded.env\n{error}")
        return WRONG_USE
    except PlatformError as error:
        say(str(error))
        return FAILED
    if options.markdown:
        _write(options.markdown, described)
    return 0 if all(results) else FAILED


def _section(name: str, options: argparse.Namespace) -> bool:
    page.append(f"## {name}\n")
    return bool(import_module(SECTIONS[name]).run(options))


def _write(file: Path, described: str) -> None:
    command = f"make bench ARGS='{' '.join(sys.argv[1:])}'"
    head = f"# Results\n\n    {command}\n\n" + described.replace("\n", "  \n") + "\n"
    file.write_text("\n".join([head, *page]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="fewer rows, requests and rounds")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file as well")
    parser.add_argument("--use-case", default="spam")
    environments = [environment.value for environment in Environment]
    parser.add_argument("--environment", default="staging", choices=environments)
    parser.add_argument("--rounds", type=int, help="of serving, and of the smallest batch")
    topics = {"serving": NAMES, "decisions": DECISIONS, "live": LIVE, "references": REFERENCES}
    only = "; ".join(f"of {name}, some of {','.join(each)}" for name, each in topics.items())
    parser.add_argument("--only", type=_names, help=only)
    _serving_options(parser.add_argument_group("serving"))
    return parser


def _serving_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--clients", type=_numbers, help="clients at once, as in 1,16,64")
    group.add_argument("--before", type=Path, help="another checkout, measured in the same run")
    group.add_argument("--seconds", type=float, help="length of one load")


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - {*NAMES, *DECISIONS, *LIVE, *REFERENCES}:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}")
    return names


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
