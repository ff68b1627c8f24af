"""`python -m console`: serve the console until a signal."""

import sys

import uvicorn

from console.app import create_app
from console.bootstrap import build
from platform_core.programs import (
    FAILED,
    collect_garbage_seldom,
    freeze_startup_objects,
    on_termination,
    refuse_arguments,
    run_service,
)

GRACE_SECONDS = 5


def main() -> int:
    """Return 0 after a clean end, 1 if the console cannot run, 2 for wrong settings."""
    refuse_arguments(__doc__)
    return run_service(_serve, verbose=("console", "uvicorn"))


def _serve() -> int:
    console = build()
    # uvicorn handles the signal itself and raises it again after it has stopped.
    on_termination(lambda: None)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(console),
            host=console.settings.console_host,
            port=console.settings.console_port,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            log_config=None,
            ws="none",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    freeze_startup_objects()
    collect_garbage_seldom()
    server.run()
    return 0 if server.started else FAILED


if __name__ == "__main__":
    sys.exit(main())
