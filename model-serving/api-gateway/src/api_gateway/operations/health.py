"""Readiness, and the state of each dependency."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from api_gateway.routing.catalog import Catalog
from api_gateway.routing.target import (
    RoutedRelease,
    ServingTarget,
    all_targets,
    routed_releases,
)
from api_gateway.routing.upstream import ServiceClients
from platform_core.changes import Changes
from platform_core.clock import Clock
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import ModelNotReady, PlatformError, Unavailable
from platform_core.ports.job_runner import JobRunner
from records import InferenceLog

Value = TypeVar("Value")

OK = "ok"
PROBE_REQUEST_ID = "health"
CONTROLLER = "release-controller"
CONTROLLER_SILENT = timedelta(seconds=30)
"""A running controller writes a sign of life every few seconds."""
# Health needs no key: however often it is requested, the services are asked once a second.
MAX_AGE_SECONDS = 1.0


class NotReady(Unavailable):
    """The gateway cannot answer yet."""

    code = "not-ready"
    retry_after = 5


@dataclass(frozen=True)
class ServiceState:
    """The state of the inference service of a release; `detail` is `ok` or why it cannot answer."""

    expected: str
    served: str | None
    model_version: str | None
    detail: str

    @property
    def healthy(self) -> bool:
        """Whether it has the release that the ledger names."""
        return self.detail == OK


class Health:
    """Probes the dependencies, at most once a second."""

    def __init__(
        self,
        catalog: Catalog,
        upstream: ServiceClients,
        log: InferenceLog,
        runner: JobRunner,
        changes: Changes,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._upstream = upstream
        self._log = log
        self._runner = runner
        self._changes = changes
        self._clock = clock
        self._versions: dict[RoutedRelease, str] = {}
        self._services = _Cached(self._probe_services)
        self._ray = _Cached(self._probe_ray)
        self._controller = _Cached(self._probe_controller)
        self._spool = _Cached(log.probe)

    async def require_ready(self) -> None:
        """Return if the gateway can answer requests, be it with a 503 for one use case.

        What all gateways see alike, such as a service that is down or serves a release other than
        the ledger's, must not take all of them out of their Kubernetes Service.

        Raises:
            NotReady: the ledger has not been read yet.
            SpoolUnavailable: the inference log cannot be written, so no response may be given.
        """
        await self._spool.get()
        if outage := self._log.outage:
            raise outage
        if not self._catalog.loaded:
            raise NotReady(f"the ledger has not been read yet: {self._catalog.failure or 'wait'}")

    async def services(self) -> dict[RoutedRelease, ServiceState]:
        """Return the state of the inference service of each release that serves."""
        return await self._services.get()

    @property
    def known_services(self) -> Mapping[RoutedRelease, ServiceState]:
        """What `services` returned last; nothing before its first call."""
        return self._services.latest or {}

    async def report(self) -> dict[str, Any]:
        """Return the state of every dependency; `status` is `ok` or `degraded`."""
        services, ray, controller, _ = await asyncio.gather(
            self._services.get(), self._ray.get(), self._controller.get(), self._spool.get()
        )
        segments, size = self._log.backlog
        parts = {
            "blob-store": _part(self._catalog.failure),
            "inference-log": {
                **_part(self._log.failure),
                "backlog_segments": segments,
                "backlog_bytes": size,
            },
            "ray": _part(ray),
            **controller,
            **dict(self._service_parts(services)),
        }
        healthy = all(part["status"] != "unavailable" for part in parts.values())
        return {
            "status": OK if healthy else "degraded",
            "checked_at": self._clock.now(),
            "dependencies": parts,
        }

    def _service_parts(
        self, services: Mapping[RoutedRelease, ServiceState]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the part of each release, and one for each target that serves none."""
        for target in all_targets():
            if self._catalog.state(target).stable is None:
                yield _label(target), {"status": "no-release", "release_id": None}
        for release, state in services.items():
            suffix = "" if release.role is ServingRole.STABLE else f"/{release.role}"
            yield f"{_label(release.target)}{suffix}", _service_part(state)

    async def _probe_services(self) -> dict[RoutedRelease, ServiceState]:
        states = ((target, self._catalog.state(target)) for target in all_targets())
        releases = [one for target, state in states for one in routed_releases(target, state)]
        probed = await asyncio.gather(*map(self._probe_service, releases))
        return dict(zip(releases, probed, strict=True))

    async def _probe_service(self, release: RoutedRelease) -> ServiceState:
        expected = release.release_id
        try:
            served = await self._upstream.served_release(release)
            if served != expected:
                raise ModelNotReady(
                    f"the service serves release {served}; the ledger names {expected}"
                )
            version = await self._version(release)
        except Unavailable as error:
            if isinstance(error, ModelNotReady):
                self._catalog.outdated()  # the ledger may have changed since it was read
            return ServiceState(expected, None, None, str(error))
        return ServiceState(expected, served, version, OK)

    async def _version(self, release: RoutedRelease) -> str | None:
        """Return the registered version, by predicting a golden record."""
        documents = self._catalog.serving(release.target).releases.get(release.release_id)
        if release not in self._versions and documents and documents.manifest:
            golden = documents.manifest.golden.records[0]
            columns = {name: [value] for name, value in golden.items()}
            scores = await self._upstream.infer(release, columns, PROBE_REQUEST_ID)
            self._versions[release] = scores.model_version
        return self._versions.get(release)

    async def _probe_ray(self) -> str | None:
        try:
            # No job has this name; that the runner answers is all that matters.
            await asyncio.to_thread(self._runner.state, PROBE_REQUEST_ID)
        except PlatformError as error:
            return str(error)
        return None

    async def _probe_controller(self) -> dict[str, dict[str, Any]]:
        """Return the part of the release controller; none if no controller has ever run."""
        try:
            state = await asyncio.to_thread(self._changes.controller)
        except PlatformError:
            return {CONTROLLER: {"status": "unknown"}}  # why, the blob store's part says
        if state is None:
            return {}
        silent = self._clock.now() - state.time > CONTROLLER_SILENT
        failure = (
            f"its last sign is from {state.time:%Y-%m-%d %H:%M:%S} UTC; changes wait until it runs"
        )
        return {CONTROLLER: _part(failure if silent else None)}


class _Cached(Generic[Value]):
    """The result of `probe`, at most a second old; concurrent callers share one probe."""

    def __init__(self, probe: Callable[[], Awaitable[Value]]) -> None:
        self._probe = probe
        self._lock = asyncio.Lock()
        self._result: tuple[float, Value] | None = None

    @property
    def latest(self) -> Value | None:
        """The last result, however old; `None` before the first one."""
        return self._result[1] if self._result else None

    async def get(self) -> Value:
        async with self._lock:
            if self._result is None or time.monotonic() - self._result[0] >= MAX_AGE_SECONDS:
                value = await self._probe()
                self._result = (time.monotonic(), value)
            return self._result[1]


def _label(target: ServingTarget) -> str:
    return f"inference-service/{target.environment.value}/{target.use_case}"


def _part(failure: str | None) -> dict[str, Any]:
    return {"status": OK} if failure is None else {"status": "unavailable", "detail": failure}


def _service_part(state: ServiceState) -> dict[str, Any]:
    if state.healthy:
        return {"status": OK, "release_id": state.served}
    return {"status": "unavailable", "detail": state.detail, "release_id": state.expected}
