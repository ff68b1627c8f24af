"""`python -m batch_inference <job_id>`: run one submitted batch job to its end."""

import argparse
import sys
from threading import Event

from batch_inference.bootstrap import services
from batch_inference.job import run_job
from platform_core.batch import PROGRAM, JobStatus
from platform_core.programs import DONE, FAILED, on_termination, run_service


def main() -> int:
    """Return 0 when the job has succeeded, else 1."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    parser.add_argument("job_id", help="the id returned by POST /batch/submit")
    parser.add_argument("--attempt", type=int, help="its number; default: a new attempt")
    arguments = parser.parse_args()
    # No exception in a signal handler: in the middle of an upload it would leave a mess.
    terminated = Event()
    on_termination(terminated.set)
    progress = run_job(arguments.job_id, services(), terminated.is_set, arguments.attempt)
    print(f"{arguments.job_id}: {progress.model_dump_json()}")
    return DONE if progress.status is JobStatus.SUCCEEDED else FAILED


sys.exit(run_service(main, [PROGRAM]))
