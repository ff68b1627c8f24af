"""Starting a server from the command line."""

import sys
from collections.abc import Callable

from pydantic import ValidationError

from model_server.server import ReleaseServer
from platform_core.errors import PlatformError

FAILED = 1
WRONG_USE = 2


def serve(build: Callable[[], ReleaseServer]) -> int:
    """Serve until a signal; return the exit code, with the reason of a failure on stderr."""
    try:
        build().run()
    except ValidationError as error:
        sys.stderr.write(f"the settings are wrong: {error}\n")
        return WRONG_USE
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    return 0
