"""`python -m records`: keeps the record index up to date until its parent ends.

It is a process of its own, with a low priority, so that the gateway answers as fast while an index
is built.
"""

import logging
import os
import time

from platform_core.errors import PlatformError
from records.bootstrap import build
from records.settings import RecordIndexSettings

logger = logging.getLogger("records")
LOW_PRIORITY = 10


def main() -> None:
    """Update the index repeatedly; retry a failed update."""
    parent = os.getppid()
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
    main()
