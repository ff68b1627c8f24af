"""`python -m data_pipeline report`. Exit 0 = done, 1 = refused or failed, 2 = wrong use."""

import argparse
import secrets
import sys
from collections.abc import Sequence
from functools import partial
from urllib.parse import unquote, urlsplit

from data_pipeline.bootstrap import DataServices
from data_pipeline.sources import DEFAULT_ROWS, IngestRequest, parse_columns
from platform_core.errors import InvalidData
from platform_core.programs import exit_code
from platform_core.storage import run_path
from use_cases import DEFAULT, UseCase, use_case

MIN_ROWS = 100

say = partial(print, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the reason of a failure is the last line on standard error."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _report(options))


def _report(options: argparse.Namespace) -> None:
    from data_pipeline.preparation import DataPreparation
    from data_pipeline.report import report_path, write_report
    from data_pipeline.report.summary import summary

    case, services = use_case(options.use_case), DataServices()
    renaming = parse_columns(options.columns)
    if renaming and not options.data:
        raise InvalidData("COLUMNS maps the columns of a source: name it by DATA as well")
    request = IngestRequest(options.data, renaming, options.rows, options.seed)
    preparation = DataPreparation(services, case, say)
    manifest = preparation.freeze(request, _raw_folder(case, services), options.base)
    preparation.features(manifest)
    version = manifest.dataset_version
    report = write_report(services.store, case, version, services.settings.data_leak_auc)
    for line in summary(report):
        say(line)
    say(_local_path(services.store.uri(report_path(case.name, version))))


def _raw_folder(case: UseCase, services: DataServices) -> str:
    stamp = f"{services.clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    return run_path(case.name, f"report-{stamp}")


def _local_path(uri: str) -> str:
    """Return the path of a `file://` URI; any other URI as it is."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" else uri


def _rows(text: str) -> int:
    if not (text.isdecimal() and int(text) >= MIN_ROWS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least {MIN_ROWS}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m data_pipeline", description=__doc__)
    commands = parser.add_subparsers(required=True)
    report = commands.add_parser("report", help="freeze a dataset version and report on it")
    report.add_argument("--use-case", default=DEFAULT)
    report.add_argument("--data", default="", help="a path, glob, folder or URL; generated without")
    report.add_argument("--columns", default="", help='your names: "body=text email_id=sms_id"')
    report.add_argument("--base", default="", help="a dataset version to add to, or latest")
    report.add_argument("--rows", type=_rows, default=DEFAULT_ROWS, help="to generate")
    report.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
