"""A benchmark reports missing services before it starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from platform_core.testing.machine import child_environment
from platform_core.testing.processes import free_port

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("section", "service"), [("batch", "Ray"), ("skew", "the gateway")])
def test_a_missing_service_is_named(section: str, service: str):
    url = f"http://127.0.0.1:{free_port()}"
    settings = {
        "GATEWAY_URL": url,
        "GATEWAY_API_KEY": "test-operator-key",
        "RAY_ADDRESS": url.removeprefix("http://"),
        "RAY_DASHBOARD_URL": url,
    }
    result = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "run.py", section],
        env=child_environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 1
    last = result.stdout.strip().splitlines()[-1]
    assert last.startswith(f"no connection to {service} at ")
    assert last.endswith("start the stack with `make up`")
