"""An embedded stack with two releases of spam, and the changes of what it serves."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from bench_report import say
from bench_stack import Platform, embedded_settings, eventually, running
from prometheus_client.parser import text_string_to_metric_families
from serving.target import Target, http_target

from live.proxy import HOST, ErrorProxy
from mlplatform_client import Client
from platform_core.contracts.environments import Environment
from platform_core.errors import Conflict
from platform_core.testing.trials import HOLD
from use_cases import use_case

SPAM = use_case("spam")
KEY = "test-admin-key"
ROWS, SEED = 500, 3
FOLLOWS_SECONDS = 2.0
"""The gateway reads a new state within this time."""


@dataclass(frozen=True)
class LiveStack:
    """A stack whose production serves `first`, and whose staging serves `second`.

    Changes and requests go to `environment`. Staging's canaries answer through `errors`.
    """

    platform: Platform
    client: Client
    policies: Path
    first: str
    second: str
    errors: ErrorProxy
    environment: Environment = Environment.PRODUCTION

    def change(self, action: str, **given: Any) -> float:
        """Apply a change to the environment and return its duration in seconds.

        Raises:
            Conflict: it was refused, or it failed.
        """
        start = time.perf_counter()
        request = getattr(self.client.releases, action)
        requested = request(SPAM.name, environment=self.environment, reason="benchmark", **given)
        ended = self.client.changes.wait(requested.change_id, poll_seconds=0.02)
        if ended.status != "applied":
            raise Conflict(f"{action} was {ended.status}: {ended.result}")
        return time.perf_counter() - start

    def apply_and_wait(self, action: str, **given: Any) -> None:
        """Apply a change to the environment and wait until the gateway follows it."""
        self.change(action, **given)
        time.sleep(FOLLOWS_SECONDS)

    def set_policy(self, text: str) -> None:
        """Set the policy of the use case."""
        (self.policies / f"{SPAM.name}.toml").write_text(text)

    def target(self) -> Target:
        """Return requests for single mails with a routing key each."""
        port = int(self.platform.settings["GATEWAY_URL"].rpartition(":")[2])
        headers = {"X-API-Key": KEY, "X-Environment": self.environment.value}
        return http_target(port, "/predict", mails(ROWS), headers)

    def counters(self, *names: str) -> list[float]:
        """Return the sums of some of the gateway's counters."""
        families = list(text_string_to_metric_families(self.client.operations.prometheus()))
        samples = [sample for family in families for sample in family.samples]
        return [sum(s.value for s in samples if s.name == f"{name}_total") for name in names]


def mails(rows: int, seed: int = SEED) -> list[dict[str, Any]]:
    """Return generated mails."""
    table = SPAM.training().generate(rows, seed).select(SPAM.record_schema.names)
    return list(table.to_pylist())


@contextmanager
def running_stack() -> Iterator[LiveStack]:
    """Run a stack with two releases until the block ends."""
    with TemporaryDirectory(prefix="bench-live-") as name:
        home = Path(name) / "home"
        policies = Path(name) / "policies"
        policies.mkdir()
        settings = embedded_settings(home)
        server = urlsplit(settings["CANDIDATE_URL_STAGING"])
        changed = {
            "RATE_LIMIT": "100000000/minute",
            "POLICY_FOLDER": str(policies),
            # The server takes the port of this URL and listens on INFERENCE_HOST, so that the
            # other address of the loopback interface is free for the proxy.
            "CANDIDATE_URL_STAGING": f"http://{HOST}:{server.port}",
        }
        platform = Platform(home, settings | changed)
        home.mkdir()
        with (
            ErrorProxy((settings["INFERENCE_HOST"], server.port)) as errors,
            running(platform),
            Client(platform.settings["GATEWAY_URL"], KEY) as client,
        ):
            first, second = (_train(platform, seed, promotes=seed == 0) for seed in range(2))
            if first == second:
                raise Conflict("both trainings made the same release")
            stack = LiveStack(platform, client, policies, first, second, errors)
            stack.set_policy(HOLD)
            yield stack


def _train(platform: Platform, seed: int, promotes: bool) -> str:
    say(f"  training release {seed + 1} of 2")
    options = ("--rows", "1500", "--trials", "1", "--seed", str(seed))
    platform.done("cli", "run-pipeline", *options)
    if promotes:
        platform.done("cli", "promote")
        eventually(lambda: platform.call("GET", "/health/ready").is_success)
    return platform.serves(SPAM.name, "staging")
