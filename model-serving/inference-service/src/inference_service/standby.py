"""Wait for work with little memory: this module imports nothing that needs any."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from platform_core.contracts.environments import Environment
from platform_core.storage.model_repository import ServerPool, pointer_folder, pointer_names

POLL_SECONDS = 0.2


def wait_for_pointer(variables: Mapping[str, str] = os.environ) -> None:
    """Return when a server of candidates has a pointer, at once for any other server.

    SIGTERM and SIGINT end the program. Settings that are missing or wrong are left to
    `InferenceSettings`, whose import alone takes more memory than this program.
    """
    pool, repository = variables.get("INFERENCE_POOL"), variables.get("MODEL_REPOSITORY")
    environment = variables.get("SERVING_ENVIRONMENT")
    if pool != ServerPool.CANDIDATES or not repository or environment not in list(Environment):
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    folder = pointer_folder(Path(repository), Environment(environment), ServerPool.CANDIDATES)
    if not pointer_names(folder):
        sys.stderr.write(f"waiting for a pointer in {folder}\n")
        sys.stderr.flush()
    while not pointer_names(folder):
        time.sleep(POLL_SECONDS)


def _exit(number: int, frame: FrameType | None) -> None:
    del number, frame
    sys.exit(0)
