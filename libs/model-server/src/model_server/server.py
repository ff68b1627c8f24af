"""One process: REST and gRPC on one repository of releases, started and drained together."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import FrameType

from grpc import aio
from kserve import ModelServer
from kserve.logging import configure_logging
from kserve.model_server import FASTAPI_APP_IMPORT_STRING

from model_server.data_plane import ReleaseDataPlane, ReleaseRepositoryExtension
from model_server.grpc_server import start_grpc
from model_server.repository import ReleaseRepository
from model_server.rest_server import RestServer
from platform_core.logs import OneLine
from platform_core.programs import freeze_startup_objects

LOGS = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": OneLine}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {
        # One line per request costs a fifth of a request.
        "kserve": {"level": "WARNING"},
        "kserve.trace": {"level": "WARNING"},
        "azure": {"level": "WARNING"},
        "uvicorn.access": {"propagate": False},
    },
}


@dataclass(frozen=True)
class ListenAddress:
    """Where a server listens; without `grpc_port` there is no gRPC. `grace` is in seconds."""

    host: str
    http_port: int
    grpc_port: int | None
    grace: int = 30


class ReleaseServer(ModelServer):
    """KServe's model server for a repository of releases."""

    def __init__(
        self,
        address: ListenAddress,
        repository: ReleaseRepository,
        close: Callable[[], Awaitable[None]] | None = None,
        on_demand: bool = False,
    ) -> None:
        """Serve `repository`; `close` is awaited when the last request is answered.

        With `on_demand` the server ends when it has nothing to serve.
        """
        configure_logging(LOGS)
        super().__init__(
            http_port=address.http_port,
            registered_models=repository,
            enable_grpc=address.grpc_port is not None,
            enable_latency_logging=False,
            grace_period=address.grace,
        )
        self._address = address
        self._close = close
        self._on_demand = on_demand
        self.dataplane = ReleaseDataPlane(repository)
        self.model_repository_extension = ReleaseRepositoryExtension(repository)

    def run(self) -> None:
        """Load all releases, then serve until SIGTERM or SIGINT, or on demand until the last
        release is unloaded; requests in flight finish.
        """
        rest = RestServer(
            FASTAPI_APP_IMPORT_STRING,
            self.dataplane,
            self.model_repository_extension,
            self._address.http_port,
            grace_period=self._address.grace,
        )
        rest.bind(self._address.host)
        freeze_startup_objects()
        try:
            self.registered_models.load_models()
        except BaseException:
            rest.close()
            raise
        if self._on_demand:
            if self.registered_models.empty:
                rest.close()
                return
            self.registered_models.close_when_empty(rest.finish)
        # uvicorn drains on these signals and raises them again when it is done.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _exit)
        with asyncio.Runner(loop_factory=rest.config.get_loop_factory()) as runner:
            runner.run(self._serve_both(rest))

    async def _serve_both(self, rest: RestServer) -> None:
        grpc = await self._start_grpc()
        try:
            await rest.start()
        finally:
            if grpc is not None:
                await grpc.stop(self._address.grace)
            if self._close is not None:
                await self._close()

    async def _start_grpc(self) -> aio.Server | None:
        if self._address.grpc_port is None:
            return None
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        address = f"{host}:{self._address.grpc_port}"
        return await start_grpc(address, self.dataplane, self.model_repository_extension)


def _exit(number: int, frame: FrameType | None) -> None:
    del number, frame
    sys.exit(0)
