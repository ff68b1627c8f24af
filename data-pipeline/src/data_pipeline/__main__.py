"""`python -m data_pipeline report`. Exit 0 = done, 1 = refused or failed, 2 = wrong use."""

import argparse
import logging
import secrets
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from urllib.parse import unquote, urlsplit

from data_pipeline.bootstrap import Platform
from data_pipeline.sources import DEFAULT_ROWS, IngestRequest, ingest, parse_columns
from data_pipeline.sources.raw import RawRecords
from data_pipeline.versions.freeze import Rules, freeze
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
    from data_pipeline.report import report_path, write_report
    from data_pipeline.report.summary import summary

    case, platform = use_case(options.use_case), Platform()
    version = _dataset_version(case, platform, options)
    _features(case, platform, version)
    report = write_report(platform.store, case, version, platform.settings.data_leak_auc)
    for line in summary(report):
        say(line)
    say(_place(platform.store.uri(report_path(case.name, version))))


def _dataset_version(case: UseCase, platform: Platform, options: argparse.Namespace) -> str:
    from data_pipeline.ray_session import ray_session
    from data_pipeline.validation.on_ray import check_on_ray

    renaming = parse_columns(options.columns)
    if renaming and not options.data:
        raise InvalidData("COLUMNS maps the columns of a source: name it by DATA as well")
    request = IngestRequest(options.data, renaming, options.rows, options.seed)
    settings, store = platform.settings, platform.store
    with _run_folder(case, platform) as folder:
        found = ingest(case, store, folder, request, say, platform.ingest_settings, ray_session)
        for file in found.unreadable:
            say(f"left out {file.file}: {file.reason}")
        rules = Rules(
            settings.data_max_invalid_share, settings.data_near_duplicate_similarity, options.base
        )
        raw = RawRecords(store, folder)
        large = found.rows > settings.data_in_process_rows
        with ray_session() if large else nullcontext():
            apply = check_on_ray if large else map
            return freeze(store, case, raw, rules, platform.clock, apply=apply)


def _features(case: UseCase, platform: Platform, version: str) -> None:
    from data_pipeline.features import compute_features
    from data_pipeline.ray_session import ray_session

    feature_store = platform.feature_store if case.entity_features else None
    history = platform.settings.feast_offline_path
    # The last line is the report's place: Ray Data's accounts of itself would bury it.
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    with ray_session(), warnings.catch_warnings():
        # Feast, once imported, has Python show the deprecations of every library.
        warnings.simplefilter("ignore", DeprecationWarning)
        compute_features(platform.store, case, version, feature_store, history)


@contextmanager
def _run_folder(case: UseCase, platform: Platform) -> Iterator[str]:
    """Give a folder for raw records, which are of no use once the version is there."""
    stamp = f"{platform.clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    folder = run_path(case.name, f"report-{stamp}")
    try:
        yield folder
    finally:
        for blob in list(platform.store.list(folder)):
            platform.store.delete(blob.path)


def _place(uri: str) -> str:
    """Return a local path where there is one: that can be opened as it is."""
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
