"""The state of the gateway itself."""

from pydantic import TypeAdapter

from mlplatform_client.endpoints import Resource, TransportT, endpoint
from mlplatform_client.errors import UnavailableError
from mlplatform_client.flows import JSON_HEADERS, Flow, Request, get, parsed
from mlplatform_client.models.common import Environment
from mlplatform_client.models.operations import (
    CallerInfo,
    HealthReport,
    TrafficInfo,
    UploadedLog,
)

Traffic = dict[str, dict[Environment, TrafficInfo]]
_TRAFFIC: TypeAdapter[Traffic] = TypeAdapter(dict[str, dict[Environment, TrafficInfo]])


class OperationsResource(Resource[TransportT]):
    """Health, Prometheus metrics and the inference log of the gateway."""

    @endpoint
    def health(self) -> Flow[HealthReport]:
        """Return the state of each dependency of the gateway."""
        return get("/health", HealthReport)

    @endpoint
    def caller(self) -> Flow[CallerInfo]:
        """Return the name and role of the API key."""
        return get("/caller", CallerInfo)

    @endpoint
    def traffic(self, use_case: str | None = None, *, minutes: int = 60) -> Flow[Traffic]:
        """Return the live answers of the last minutes, by use case and environment."""
        return get("/traffic", _TRAFFIC, use_case=use_case, minutes=minutes)

    @endpoint
    def is_live(self) -> Flow[bool]:
        """Return whether the process answers; it is asked once.

        Raises:
            APIConnectionError: there is none.
        """
        return _probe("/health/live")

    @endpoint
    def is_ready(self) -> Flow[bool]:
        """Return whether the gateway can answer requests; it is asked once.

        Raises:
            APIConnectionError: there is none.
        """
        return _probe("/health/ready")

    @endpoint
    def prometheus(self) -> Flow[str]:
        """Return the metrics of the gateway in Prometheus' text format."""
        response = yield Request("GET", "/metrics")
        return str(response.text)

    @endpoint
    def flush_inference_log(self) -> Flow[UploadedLog]:
        """Upload the inference log to the blob store, so that everything sees every record."""
        path = "/admin/inference-log/flush"
        response = yield Request("POST", path, headers=JSON_HEADERS, content=b"{}")
        return parsed(response, UploadedLog)


def _probe(path: str) -> Flow[bool]:
    try:
        yield Request("GET", path, retried=False)
    except UnavailableError:
        return False
    return True
