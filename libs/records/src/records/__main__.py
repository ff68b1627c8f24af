"""`python -m records PARENT`: keeps the record index up to date until its parent ends.

It is a process of its own, with a low priority, so that the gateway answers as fast while an index
is built. `PARENT` is the process id of the gateway, which may end before this program has started.
"""

import logging
import os
import sys
import time

from platform_core.errors import PlatformError
from records.bootstrap import build
from records.settings import RecordIndexSettings

logger = logging.getLogger("records")
LOW_PRIORITY = 10


def main(parent: int) -> None:
    """Update the index repeatedly while `parent` is the parent; retry a failed update."""
    os.nice(LOW_PRIORITY)
    logging.basicConfig(level=logging.INFO)
    settings = RecordIndexSettings()
    indexer = build(settings)
    while os.getppid() == parent:
        try:
            indexer.update()
        except (PlatformError, OSError) as error:
            logger.warning("the record index is not up to date: %s", error)
        time.sleep(settings.record_index_seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]))
