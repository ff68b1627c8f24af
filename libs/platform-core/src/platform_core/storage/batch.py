"""The paths of batch jobs.

batch/<path>                                             inputs and outputs of batch jobs
batch/_jobs/<job_id>/<file>                              the state of a batch job
batch/_jobs/_uploads/<upload>/<file>                     the state and the parts of an uploaded file
batch/_jobs/_uploads/_keys/<key>/<upload>-<bytes>        what an API key has uploaded

`platform_core.storage` offers all of them.
"""

import hashlib

BATCH = "batch"
BATCH_JOBS = f"{BATCH}/_jobs"
OPEN_JOBS = f"{BATCH_JOBS}/_open"
UPLOADS = f"{BATCH_JOBS}/_uploads"

PARQUET = ".parquet"
INVALID = ".invalid.parquet"
PART = "part-"
SUCCESS = "_SUCCESS"


def job_path(job_id: str) -> str:
    """Return the path of a batch job's request."""
    return f"{BATCH_JOBS}/{job_id}/job.json"


def progress_path(job_id: str) -> str:
    """Return the path of a batch job's progress."""
    return f"{BATCH_JOBS}/{job_id}/progress.json"


def cancel_path(job_id: str) -> str:
    """Return the path of the marker that asks a batch job to stop."""
    return f"{BATCH_JOBS}/{job_id}/cancel"


def open_path(job_id: str) -> str:
    """Return the path of the marker of a batch job that has not ended."""
    return f"{OPEN_JOBS}/{job_id}"


def parse_open_job(path: str) -> str:
    """Return the id of the job whose marker is at `path`."""
    return path.rpartition("/")[2]


def attempts_folder(job_id: str) -> str:
    """Return the folder of the attempts at a batch job; the last by name is the newest."""
    return f"{BATCH_JOBS}/{job_id}/attempts"


def attempt_path(job_id: str, number: int) -> str:
    """Return the path of an attempt, written before it starts."""
    return f"{attempts_folder(job_id)}/{number:06d}.json"


def claim_path(job_id: str, number: int) -> str:
    """Return the path of the marker of the one process that runs an attempt."""
    return f"{attempts_folder(job_id)}/{number:06d}.claim"


def input_plan_path(job_id: str) -> str:
    """Return the path of the list of objects that a batch job reads."""
    return f"{BATCH_JOBS}/{job_id}/input.json"


def checkpoints_folder(job_id: str) -> str:
    """Return the folder of the finished chunks of a batch job."""
    return f"{BATCH_JOBS}/{job_id}/checkpoints"


def reservation_path(output_path: str, predecessor: str | None = None) -> str:
    """Return the path of the object that holds the id of the job that may write `output_path`.

    When that job has ended, its successor creates the reservation that names the
    `predecessor`: creating is atomic, replacing is not.
    """
    key = digest(output_path)
    return f"{BATCH_JOBS}/_outputs/{key}" + (f".{predecessor}" if predecessor else "")


def upload_path(path: str) -> str:
    """Return the path of the object that claims the upload to `path`."""
    return f"{UPLOADS}/{digest(path)}/upload.json"


def upload_parts_folder(path: str) -> str:
    """Return the folder of the parts of `path` that have arrived; they sort by offset."""
    return f"{UPLOADS}/{digest(path)}/parts"


def upload_part_path(path: str, offset: int) -> str:
    """Return the path of the part of `path` that begins at `offset` (bytes)."""
    return f"{upload_parts_folder(path)}/{offset:015d}"


def parse_upload_offset(part: str) -> int:
    """Return the offset of the part at this path."""
    return int(part.rpartition("/")[2])


def key_uploads_folder(key_name: str) -> str:
    """Return the folder of the markers of all files that an API key has uploaded."""
    return f"{UPLOADS}/_keys/{digest(key_name)}"


def key_upload_path(key_name: str, path: str, size: int) -> str:
    """Return the path of the marker of a file of `size` bytes that an API key has uploaded."""
    return f"{key_uploads_folder(key_name)}/{digest(path)}-{size}"


def parse_upload_size(marker: str) -> int:
    """Return the size in bytes that a marker of an uploaded file names."""
    return int(marker.rpartition("-")[2])


def invalid_path(output_path: str) -> str:
    """Return the path of the file that lists the invalid rows of a batch job."""
    return output_path.removesuffix(PARQUET) + INVALID


def part_path(output_path: str, number: int) -> str:
    """Return the path of one part of an output folder."""
    return f"{output_path}/{PART}{number:05d}{PARQUET}"


def success_path(output_path: str) -> str:
    """Return the path of the file that marks an output folder as complete."""
    return f"{output_path}/{SUCCESS}"


def digest(name: str) -> str:
    """Return the SHA-256 of a name, for a path that must not show it or cannot hold it."""
    return hashlib.sha256(name.encode()).hexdigest()
