"""A Ray cluster that cannot be reached is an error with the next step."""

import subprocess
import sys
from pathlib import Path

from platform_core.testing.machine import child_environment
from platform_core.testing.processes import free_port

CONNECT = """
from data_pipeline.ray_session import ray_session
from platform_core.errors import UpstreamUnavailable
try:
    with ray_session():
        pass
except UpstreamUnavailable as error:
    print(type(error.__cause__).__name__, error)
"""


def test_a_missing_token_is_reported_as_no_connection(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "RAY_ADDRESS": address,
        "RAY_DASHBOARD_URL": "http://127.0.0.1:1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(tmp_path / "absent"),
    }
    done = subprocess.run(
        [sys.executable, "-c", CONNECT], env=child_environment(settings),
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.startswith(f"AuthenticationError no connection to Ray at {address}")
    assert "start the stack with `make up`" in done.stdout
