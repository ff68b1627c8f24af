"""The programs that export metrics, as processes that Prometheus scrapes."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import yaml
from embedded_platform import ROOT, embedded_settings, eventually

from embedded.secret_files import development_keys, ray_token
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.testing.processes import (
    PLAIN_HTTP,
    answers,
    find_program,
    free_port,
    running,
)

SECONDS = 240
CONFIG = ROOT / "monitoring" / "prometheus.yaml"


@dataclass(frozen=True)
class WatchedPlatform:
    """A Prometheus at `url`, and the gateway it scrapes."""

    home: Path
    settings: dict[str, str]
    url: str

    @property
    def store(self) -> LocalBlobStore:
        return LocalBlobStore(self.home / "blob")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of an instant query.

        Raises:
            AssertionError: Prometheus refuses the expression.
        """
        url = f"{self.url}/api/v1/query"
        answer = httpx.get(url, params={"query": expression}, verify=PLAIN_HTTP).json()
        assert answer["status"] == "success", answer["error"]
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the gateway's answer to a request of an administrator."""
        headers = {"X-API-Key": "test-admin-key", "X-Environment": "production"}
        url = f"{self.settings['GATEWAY_URL']}{path}"
        response = httpx.request(
            method, url, json=body, headers=headers, timeout=30, verify=PLAIN_HTTP
        )
        assert response.is_success, response.text
        return response.json()

    def change(self, action: str, **more: Any) -> None:
        """Request a change in production, and wait until it is applied."""
        body = {"action": action, "reason": "test", **more}
        change_id = self.call("POST", "/releases/iris/production", body)["change_id"]

        def ended() -> str | None:
            status: str = self.call("GET", f"/changes/{change_id}")["status"]
            return status if status not in {"requested", "suggested"} else None

        assert eventually(ended, SECONDS) == "applied", self.call("GET", f"/changes/{change_id}")


@contextmanager
def watched_platform(home: Path) -> Iterator[WatchedPlatform]:
    """Run production's servers, gateway, controller, scheduler and Prometheus."""
    settings = {**embedded_settings(home), "CONTROLLER_RECONCILE_SECONDS": "0.5"}
    settings |= {"SCHEDULER_INTERVAL_SECONDS": "2", "DEPLOY_TIMEOUT_SECONDS": str(SECONDS)}
    development_keys(home / "secrets")
    ray_token(home / "secrets")
    # A port on which nothing listens: a batch job stays open.
    settings["RAY_DASHBOARD_URL"] = f"http://127.0.0.1:{free_port()}"
    with ExitStack() as programs:
        for name, program in _programs(settings).items():
            folder = home / "programs" / name
            started = running(
                program.command, program.ready, folder, settings | program.own, SECONDS
            )
            programs.enter_context(started)
        port = free_port()
        programs.enter_context(_prometheus(home, settings, port))
        yield WatchedPlatform(home, settings, f"http://127.0.0.1:{port}")


@dataclass(frozen=True)
class _Program:
    command: list[str]
    ready: Callable[[], bool]
    own: dict[str, str]


def _programs(settings: dict[str, str]) -> dict[str, _Program]:
    inference = [sys.executable, "-m", "inference_service"]
    # It ends when its last canary or shadow does; the supervisor starts it again.
    always = ["sh", "-c", f"while {shlex.join(inference)}; do :; done"]
    return {
        "inference": _inference(settings, "INFERENCE_URL_PRODUCTION", "stable", inference),
        "candidates": _inference(settings, "CANDIDATE_URL_PRODUCTION", "candidates", always),
        "controller": _service("release_controller", settings["CONTROLLER_PORT"], "/health/live"),
        "gateway": _service("api_gateway", settings["GATEWAY_PORT"], "/health/live"),
        "scheduler": _service("training", settings["SCHEDULER_PORT"], "/metrics"),
    }


def _service(module: str, port: str, path: str) -> _Program:
    return _Program([sys.executable, "-m", module], partial(answers, int(port), path), {})


def _inference(settings: dict[str, str], url: str, pool: str, command: list[str]) -> _Program:
    port = settings[url].rpartition(":")[2]
    own = {
        "SERVING_ENVIRONMENT": "production",
        "INFERENCE_POOL": pool,
        "INFERENCE_HTTP_PORT": port,
        "INFERENCE_GRPC_PORT": str(free_port()),
    }
    ready = partial(answers, int(port), "/v2/health/live") if pool == "stable" else partial(bool, 1)
    return _Program(command, ready, own)


@contextmanager
def _prometheus(home: Path, settings: dict[str, str], port: int) -> Iterator[None]:
    """Run Prometheus with the configuration of the embedded stack, on the ports of this one."""
    program = find_program("prometheus", how="Debian: apt-get install prometheus")
    folder = home / "monitoring"
    folder.mkdir()
    text = CONFIG.read_text().replace("15s", "1s")
    for known, here in _ports(settings).items():
        text = text.replace(f"127.0.0.1:{known}", f"127.0.0.1:{here}")
    (folder / "prometheus.yaml").write_text(text)
    arguments = {
        "config.file": str(folder / "prometheus.yaml"),
        "storage.tsdb.path": str(home / "tsdb"),
        "web.listen-address": f"127.0.0.1:{port}",
    }
    command = [program, *(f"--{name}={value}" for name, value in arguments.items())]
    with running(command, partial(answers, port, "/-/ready"), home / "programs" / "prometheus"):
        yield


def _ports(settings: dict[str, str]) -> dict[str, str]:
    """Return the ports of this stack by those of the embedded configuration."""
    usual = {
        "8000": "GATEWAY_PORT",
        "8070": "CONTROLLER_PORT",
        "8071": "SCHEDULER_PORT",
        "8081": "INFERENCE_URL_STAGING",
        "8083": "CANDIDATE_URL_STAGING",
        "8091": "INFERENCE_URL_PRODUCTION",
        "8093": "CANDIDATE_URL_PRODUCTION",
    }
    return {known: settings[name].rpartition(":")[2] for known, name in usual.items()}


def targets() -> dict[str, list[str]]:
    """Return the targets of the scrape configuration by job; Ray's are in a file."""
    jobs = yaml.safe_load(CONFIG.read_text())["scrape_configs"]
    return {
        job["job_name"]: [t for static in job["static_configs"] for t in static["targets"]]
        for job in jobs
        if "static_configs" in job
    }
