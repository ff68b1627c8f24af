"""Thousands of requests that schemathesis generates from the gateway's OpenAPI document."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from fault_drill import FaultOutcome
from fault_testbed import KEYS, Testbed

CASES, QUICK_CASES = 200, 15
"""Cases per operation and phase."""
SECONDS = 600
CONFIG = Path(__file__).with_name("schemathesis.toml")
COUNT = re.compile(r"(\d+) generated")
LINES = 40


async def fuzz(testbed: Testbed) -> FaultOutcome:
    """Search for server errors, undocumented statuses and violated schemas."""
    cases = QUICK_CASES if testbed.quick else CASES
    outcome = FaultOutcome("openapi-fuzz")
    done = await asyncio.to_thread(_run, testbed, cases)
    found = COUNT.search(done.stdout)
    outcome.answered = int(found[1]) if found else 0
    outcome.require(done.returncode == 0, "\n".join(done.stdout.splitlines()[-LINES:]))
    outcome.require(outcome.answered > 0, f"no requests were generated: {done.stderr[-500:]}")
    return outcome


def _run(testbed: Testbed, cases: int) -> subprocess.CompletedProcess:
    command = [str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIG), "run"]
    command += [f"http://127.0.0.1:{testbed.port}/openapi.json", "--no-color"]
    command += ["--header", f"X-API-Key: {KEYS['admin']}", "--max-examples", str(cases)]
    return subprocess.run(
        command, cwd=testbed.home, capture_output=True, text=True, timeout=SECONDS, check=False
    )
