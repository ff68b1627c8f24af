"""The programs of the platform on one machine: the same that the cluster runs."""

import shlex
import sys
from dataclasses import replace
from urllib.parse import urlsplit

from embedded.program import Port, Probe, Program
from embedded.settings import EmbeddedSettings
from embedded.stack_folder import StackFolder
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import ConfigurationError
from platform_core.storage.model_repository import ServerPool, pointer_folder

RAY_STOP_SECONDS = 30
RAY_DRAIN_SECONDS = 3
SPOOL_STOP_SECONDS = 40


def platform_programs(settings: EmbeddedSettings, run: StackFolder, token: str) -> list[Program]:
    """Return the programs of the stack; `token` authenticates with the Ray cluster."""
    return [
        _mlflow(settings),
        _ray(settings, run, token),
        *(_inference(settings, environment) for environment in Environment),
        *_candidates(settings),
        _gateway(settings),
        _web_program(
            "release-controller", "release_controller", settings.controller_port, "CONTROLLER_PORT"
        ),
        _web_program("console", "console", settings.console_port, "CONSOLE_PORT"),
        Program("monitor", _module("drift_detector")),
        _scheduler(settings),
        *_drill(settings),
    ]


def _mlflow(settings: EmbeddedSettings) -> Program:
    url = settings.mlflow_tracking_uri.rstrip("/")
    host, port = _address(url)
    folder = settings.platform_home / "mlflow"
    arguments = {
        "--host": host,
        "--port": str(port),
        "--backend-store-uri": f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination": (folder / "artifacts").as_uri(),
        "--workers": "1",
        "--uvicorn-opts": "--log-level warning",
    }
    return Program(
        "mlflow",
        _module("mlflow", "server", *(word for pair in arguments.items() for word in pair)),
        environment={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        ports=(Port(port, "MLFLOW_TRACKING_URI"),),
        probe=Probe(f"{url}/health"),
        url=url,
    )


def _ray(settings: EmbeddedSettings, run: StackFolder, token: str) -> Program:
    url = settings.ray_dashboard_url.rstrip("/")
    host, port = _address(url)
    address, head_port = _address(f"ray://{settings.ray_address}")
    arguments = {
        "--node-ip-address": address,
        "--port": str(head_port),
        "--dashboard-host": host,
        "--dashboard-port": str(port),
        "--ray-client-server-port": str(settings.embedded_ray_client_port),
        "--dashboard-agent-listen-port": str(settings.embedded_ray_agent_port),
        "--min-worker-port": "0",  # any free one: a fixed range collides with other programs
        "--max-worker-port": "0",
        "--object-store-memory": str(settings.embedded_ray_object_store_bytes),
        "--temp-dir": str(run.folder / "ray"),
    }
    words = (word for pair in arguments.items() for word in pair)
    return Program(
        "ray",
        (str(run.python_folder / "ray"), "start", "--head", "--block", *words),
        # No other node could take over the running tasks.
        environment={"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": str(RAY_DRAIN_SECONDS)},
        ports=(
            Port(head_port, "RAY_ADDRESS"),
            Port(port, "RAY_DASHBOARD_URL"),
            Port(settings.embedded_ray_client_port, "EMBEDDED_RAY_CLIENT_PORT"),
            Port(settings.embedded_ray_agent_port, "EMBEDDED_RAY_AGENT_PORT"),
        ),
        probe=Probe(f"{url}/nodes?view=summary", "ALIVE", {"Authorization": f"Bearer {token}"}),
        url=url,
        stop_seconds=RAY_STOP_SECONDS,
        stop_group=False,  # the head ends its own children in the right order
    )


def _inference(
    settings: EmbeddedSettings, environment: Environment, pool: ServerPool = ServerPool.STABLE
) -> Program:
    stable = pool is ServerPool.STABLE
    role, setting = (
        (ServingRole.STABLE, "INFERENCE") if stable else (ServingRole.CANARY, "CANDIDATE")
    )
    url = settings.release_url(environment, "", "", role)
    _, port = _address(url)
    server = environment.value if stable else f"{environment}_{pool}"
    grpc_port = getattr(settings, f"embedded_{server}_grpc_port")
    return Program(
        f"inference-{server.replace('_', '-')}",
        _module("inference_service"),
        environment={
            "SERVING_ENVIRONMENT": environment,
            "INFERENCE_POOL": pool,
            "INFERENCE_HTTP_PORT": str(port),
            "INFERENCE_GRPC_PORT": str(grpc_port),
        },
        ports=(
            Port(port, f"{setting}_URL_{environment.upper()}"),
            Port(grpc_port, f"EMBEDDED_{server.upper()}_GRPC_PORT"),
        ),
        probe=Probe(f"{url}/v2/health/live"),
        url=url,
        pointers=None if stable else pointer_folder(settings.model_repository, environment, pool),
    )


def _candidates(settings: EmbeddedSettings) -> list[Program]:
    """Return the servers of canaries and shadows, of each environment that has a URL for them."""
    return [
        _inference(settings, environment, ServerPool.CANDIDATES)
        for environment in Environment
        if settings.candidate_url(environment)
    ]


def _gateway(settings: EmbeddedSettings) -> Program:
    url = settings.gateway_url.rstrip("/")
    _, port = _address(url)
    program = _web_program("gateway", "api_gateway", port, "GATEWAY_PORT", url)
    return replace(program, stop_seconds=SPOOL_STOP_SECONDS)


def _web_program(name: str, module: str, port: int, setting: str, url: str = "") -> Program:
    url = url or f"http://127.0.0.1:{port}"
    return Program(
        name,
        _module(module),
        ports=(Port(port, setting),),
        probe=Probe(f"{url}/health/live"),
        url=url,
    )


def _scheduler(settings: EmbeddedSettings) -> Program:
    port = settings.scheduler_port
    return Program(
        "scheduler",
        _module("training"),
        ports=(Port(port, "SCHEDULER_PORT"),),
        probe=Probe(f"http://127.0.0.1:{port}/metrics"),
    )


def _drill(settings: EmbeddedSettings) -> list[Program]:
    """Return the program that repeats the drill, if that is wanted; a broken link ends only the
    drill that found it.
    """
    if settings.embedded_drill_hours is None:
        return []
    pause = round(settings.embedded_drill_hours * 3600)
    drill = shlex.join(_module("cli", "drill"))
    return [Program("drill", ("/bin/sh", "-c", f"while sleep {pause}; do {drill}; done"))]


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.hostname is None or parts.port is None:
        raise ConfigurationError(
            f"{url!r} has no host and port; write for example http://127.0.0.1:5000"
        )
    return parts.hostname, parts.port
