"""The benchmarks: `run.py [--quick] [section …]`; without a section all of them, in this order.

Exit 0 = done, 1 = a comparison failed or something is not there, 2 = wrong use.
"""

import argparse
import logging
import sys

import bench_batch
import bench_gateway
import bench_ingest
import bench_pipeline
import bench_quality
import bench_skew
from bench_report import machine, say
from pydantic import ValidationError

from platform_core.contracts.environments import Environment
from platform_core.errors import PlatformError

SECTIONS = {
    "ingest": bench_ingest.run,
    "pipeline": bench_pipeline.run,
    "quality": bench_quality.run,
    "skew": bench_skew.run,
    "batch": bench_batch.run,
    "gateway": bench_gateway.run,
}
FAILED, WRONG_USE = 1, 2


def main() -> int:
    """Run the sections that were asked for."""
    parser = _parser()
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    logging.basicConfig(level=logging.WARNING)
    say(machine())
    try:
        results = [SECTIONS[name](options) for name in options.sections or SECTIONS]
    except ValidationError as error:
        say(f"settings are missing: use `make bench`, which reads config/embedded.env\n{error}")
        return WRONG_USE
    except PlatformError as error:
        say(str(error))
        return FAILED
    return 0 if all(results) else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="fewer rows, requests and rounds")
    parser.add_argument("--use-case", default="spam")
    environments = [environment.value for environment in Environment]
    parser.add_argument("--environment", default="staging", choices=environments)
    return parser


if __name__ == "__main__":
    sys.exit(main())
