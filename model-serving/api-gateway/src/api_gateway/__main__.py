"""`python -m api_gateway`: serve until a signal, then complete the requests in flight."""

import sys

import uvicorn

from api_gateway.bootstrap import build
from api_gateway.http.app import create_app
from api_gateway.http.connections import ConnectionLimits, limited_protocol, raise_file_limit
from api_gateway.lean_arrow import keep_pandas_out
from platform_core.programs import (
    FAILED,
    collect_garbage_seldom,
    freeze_startup_objects,
    on_termination,
    refuse_arguments,
    run_service,
)

SWITCH_SECONDS = 0.0005
"""How long a thread that converts a segment of the log may hold the interpreter while requests wait
for it. By default it is 5 ms, and a request waits several times: whenever it is read or sent.
"""


def main() -> int:
    """Return 0 after a clean end, 1 if the gateway cannot run, 2 for wrong settings."""
    refuse_arguments(__doc__)
    keep_pandas_out()
    return run_service(_serve, verbose=("api_gateway", "records", "uvicorn"))


def _serve() -> int:
    sys.setswitchinterval(SWITCH_SECONDS)
    gateway = build()
    app = create_app(gateway)
    # uvicorn handles the signal itself and raises it again after it has stopped.
    on_termination(lambda: None)
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
            http=limited_protocol(raise_file_limit(limits)),
            # The gateway has no websockets; an upgrade would bypass the checks and the request id.
            ws="none",
            timeout_graceful_shutdown=int(settings.shutdown_seconds),
        )
    )
    freeze_startup_objects()
    collect_garbage_seldom()
    server.run()
    return 0 if server.started else FAILED


if __name__ == "__main__":
    sys.exit(main())
