"""`python -m batch_inference <job_id>`: run one submitted job to its end."""

import argparse
import logging
import sys

from batch_inference.bootstrap import services
from batch_inference.interruption import Termination
from batch_inference.job import run_job
from platform_core.batch import PROGRAM, JobStatus
from platform_core.errors import PlatformError


def main() -> int:
    """Return 0 when the job has succeeded, else 1."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    parser.add_argument("job_id", help="the id returned by POST /batch/submit")
    parser.add_argument("--attempt", type=int, help="its number; default: a new attempt")
    arguments = parser.parse_args()
    job_id = arguments.job_id
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    termination = Termination()
    try:
        with termination.watched():
            progress = run_job(job_id, services(), termination.requested, arguments.attempt)
    except PlatformError as error:
        print(f"{job_id}: {error}", file=sys.stderr)
        return 1
    print(f"{job_id}: {progress.model_dump_json()}")
    return 0 if progress.status is JobStatus.SUCCEEDED else 1


sys.exit(main())
