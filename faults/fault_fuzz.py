"""Thousands of requests made from the gateway's own OpenAPI document, by schemathesis."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from fault_drill import Outcome
from fault_stand import KEYS, Stand

CASES, QUICK_CASES = 200, 15
"""For each operation and phase."""
SECONDS = 600
CONFIG = Path(__file__).with_name("schemathesis.toml")
COUNT = re.compile(r"(\d+) generated")
LINES = 40


async def fuzz(stand: Stand) -> Outcome:
    """Let schemathesis look for a server error, an undocumented status, a broken promise."""
    cases = QUICK_CASES if stand.quick else CASES
    outcome = Outcome("openapi-fuzz")
    done = await asyncio.to_thread(_run, stand, cases)
    found = COUNT.search(done.stdout)
    outcome.answered = int(found[1]) if found else 0
    outcome.require(done.returncode == 0, "\n".join(done.stdout.splitlines()[-LINES:]))
    outcome.require(outcome.answered > 0, f"nothing was generated: {done.stderr[-500:]}")
    return outcome


def _run(stand: Stand, cases: int) -> subprocess.CompletedProcess:
    command = [str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIG), "run"]
    command += [f"http://127.0.0.1:{stand.port}/openapi.json", "--no-color"]
    command += ["--header", f"X-API-Key: {KEYS['admin']}", "--max-examples", str(cases)]
    return subprocess.run(
        command, cwd=stand.home, capture_output=True, text=True, timeout=SECONDS, check=False
    )
