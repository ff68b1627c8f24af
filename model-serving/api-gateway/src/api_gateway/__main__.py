"""`python -m api_gateway`: serve until a signal, then finish what was begun."""

import logging
import signal
import sys
from types import FrameType

import uvicorn
from pydantic import ValidationError

from api_gateway.bootstrap import build
from api_gateway.http.app import create_app
from api_gateway.http.connections import ConnectionLimits, guarded, raise_file_limit
from api_gateway.lean_arrow import do_without_pandas
from platform_core.errors import PlatformError
from platform_core.logs import log_to_stderr

FAILED = 1
WRONG_USE = 2


def main() -> int:
    """Return 0 after a clean end, 1 when the gateway cannot run, 2 for wrong settings."""
    # Libraries of clients tell of every request at INFO; ours and the server's are worth reading.
    log_to_stderr()
    do_without_pandas()
    for name in ("api_gateway", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        gateway = build()
        app = create_app(gateway)
    except ValidationError as error:
        print(f"the settings are wrong: {error}", file=sys.stderr)
        return WRONG_USE
    except PlatformError as error:
        print(error, file=sys.stderr)
        return FAILED
    # uvicorn raises the signal again once it has ended; that it did is success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _nothing_more)
    settings = gateway.settings
    limits = ConnectionLimits(settings.max_connections, settings.head_timeout_seconds)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.gateway_host,
            port=settings.gateway_port,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            log_config=None,
            loop="uvloop",
            http=guarded(raise_file_limit(limits)),
            # There are none here; an upgrade would go past the checks and the request id.
            ws="none",
            timeout_graceful_shutdown=int(settings.shutdown_seconds),
        )
    )
    server.run()
    return 0 if server.started else FAILED


def _nothing_more(number: int, frame: FrameType | None) -> None:
    del number, frame


if __name__ == "__main__":
    sys.exit(main())
