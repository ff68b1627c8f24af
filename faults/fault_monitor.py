"""`kill -9` of the monitor while the serving state changes."""

import asyncio
import shlex
import subprocess
import sys
from datetime import UTC, datetime

from fault_changes import kills
from fault_drill import FaultOutcome
from fault_live import STAGING
from fault_testbed import KEYS, Testbed, supervised
from fault_traffic import USE_CASE

from mlplatform_client import Client
from mlplatform_client.models.drift import DriftReport
from platform_core.contracts.ledger import Action
from platform_core.testing.machine import child_environment
from platform_core.testing.processes import wait_until

NAME = "kill-monitor-in-a-change"
SECONDS = 60


async def monitor(testbed: Testbed) -> FaultOutcome:
    """Kill a monitor that measures continuously, at each step of a change.

    Afterwards one more run covers the whole period, and every report can be read.
    """
    start = datetime.now(UTC).isoformat()
    command = [
        *(sys.executable, "-m", "cli", "drift", "run"),
        *("--use-case", USE_CASE, "--environment", STAGING, "--from", start),
    ]
    settings = {
        **testbed.gateway_settings(),
        "GATEWAY_URL": f"http://127.0.0.1:{testbed.port}",
        "GATEWAY_API_KEY": KEYS["admin"],
        "POLICY_FOLDER": str(testbed.home / "no-policies"),
        "DRIFT_PAGES": "false",
    }
    server = supervised(shlex.join(command), testbed.home / "monitor", settings)
    with Client(settings["GATEWAY_URL"], KEYS["admin"]) as client:
        await asyncio.to_thread(server.start)
        try:
            measures = await asyncio.to_thread(wait_until, lambda: _reports(client), SECONDS)
            outcome = await kills(NAME, Action.CANARY, lambda *_: server)(testbed)
        finally:
            await asyncio.to_thread(server.stop)
        measured = await asyncio.to_thread(
            subprocess.run,
            command,
            env=child_environment(settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        outcome.require(measured.returncode == 0, f"the monitor fails: {measured.stderr[-300:]}")
        reports = _reports(client)
    outcome.require(bool(measures), "there is no report before the first kill")
    outcome.require(any(one.rows for one in reports), "no report has a row")
    outcome.notes.append(f"{len(reports)} reports")
    return outcome


def _reports(client: Client) -> list[DriftReport]:
    return list(client.reports.drift(USE_CASE, environment=STAGING))
