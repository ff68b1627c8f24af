"""Faults of the inference log on the local disk."""

import asyncio
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from fault_drill import Drill, FaultOutcome, drill
from fault_testbed import Server, Testbed
from fault_traffic import BATCH, CLIENTS

from platform_core.testing.machine import MachineSettings, child_environment
from platform_core.testing.processes import free_port
from records.log.segments import frame

DISK_BYTES = 2 << 20
FAKETIME = "faketime/libfaketimeMT.so.1"
LIBRARIES = (Path("/usr/lib"), Path("/usr/local/lib"), Path("/opt/homebrew/lib"))
HOUR_BACK = "-3600"


async def torn_record(testbed: Testbed) -> FaultOutcome:
    """Kill the gateway and truncate its last record: the next gateway drops only this record."""
    async with drill(testbed, "torn-record", extra=CLIENTS * BATCH) as run:
        server = testbed.servers["gateway"]
        run.broken()
        await run.during(server.kill)
        segments = sorted((testbed.home / "spool").glob("*.log"), key=lambda f: f.stat().st_mtime)
        run.outcome.require(bool(segments), "the killed gateway left no segment")
        with segments[-1].open("ab") as file:
            file.write(frame(b'{"prediction_id": "torn", "request_id": "torn-record-0"}')[:-9])
        await run.during(server.restart)
        await run.recovered()
        await run.during(testbed.flush)
    metrics = httpx.get(f"http://127.0.0.1:{testbed.port}/metrics").text
    damaged = [x.split()[1] for x in metrics.splitlines() if x.startswith("gateway_log_damaged")]
    run.outcome.require(any(float(n) >= 1 for n in damaged), "the torn record was not counted")
    return run.outcome


async def second_gateway(testbed: Testbed) -> FaultOutcome:
    """Start a second gateway on the same spool folder: it is refused, the first is unaffected."""
    async with drill(testbed, "two-gateways-one-spool") as run:
        run.broken()
        settings = testbed.gateway_settings(GATEWAY_PORT=str(free_port()))
        second = await run.during(
            lambda: subprocess.run(
                [sys.executable, "-m", "api_gateway"],
                env=child_environment(settings),
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        )
        await run.recovered()
    explained = "in use by another gateway" in second.stderr
    run.outcome.require(
        second.returncode == 1 and explained, f"it was not refused: {second.stderr}"
    )
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


async def disk_full(testbed: Testbed) -> FaultOutcome:
    """Fill the disk of the spool: requests are refused until there is space again."""
    with _small_disk(testbed.home / "small-disk") as mounted:
        spool = testbed.home / ("small-disk/spool" if mounted else "other-spool")
        with testbed.another_gateway(SPOOL_FOLDER=str(spool)) as server:
            async with drill(testbed, "disk-full") as run:
                fill, free = _filler(spool.parent) if mounted else _file_limit(server)
                run.broken()
                fill()
                await run.until(lambda: run.traffic.sent[-1].status != 200, "refusals")  # noqa: PLR2004
                await asyncio.sleep(1)
                free()
                await run.recovered()
        run.outcome.notes.append("a tmpfs of 2 MiB" if mounted else "RLIMIT_FSIZE (no mount here)")
        run.outcome.require(run.outcome.refused > 0, "no request was refused")
        return run.outcome


async def clock_back(testbed: Testbed) -> FaultOutcome:
    """Set the gateway's clock back an hour: segments are sealed and no key is locked out."""
    name = "clock-back-an-hour"
    fake = fake_clock(testbed, name)
    if isinstance(fake, FaultOutcome):
        return fake
    clock, settings = fake
    with testbed.another_gateway(**settings):
        async with drill(testbed, name) as run:
            run.broken()
            clock.write_text(HOUR_BACK)
            await asyncio.sleep(2)
            seen = len(run.traffic.sent)
            await run.recovered()
            await _uploaded(run, seen)
    run.outcome.require(run.outcome.refused == 0, "requests were refused")
    return run.outcome


def fake_clock(testbed: Testbed, name: str) -> tuple[Path, dict[str, str]] | FaultOutcome:
    """Return the file that sets the clock of a program with these settings, or the outcome of the
    fault where that is not possible.
    """
    library = next((f for folder in LIBRARIES for f in folder.rglob(FAKETIME)), None)
    if library is None:
        reason = "libfaketime is not installed; Debian: apt-get install faketime"
        failures = [reason] if MachineSettings().ci else []
        return FaultOutcome(name, skipped=reason, failures=failures)
    clock = testbed.home / f"{name}-clock"
    clock.write_text("+0")
    return clock, {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "SPOOL_FOLDER": str(testbed.home / f"{name}-spool"),
    }


async def _uploaded(run: Drill, seen: int) -> None:
    """Wait until records of requests after `seen` are uploaded without a flush."""
    predictions = [p for sent in run.traffic.sent[seen:] for p, _ in sent.predictions]
    await run.until(
        lambda: any(p in run.testbed.logged(run.outcome.name) for p in predictions),
        "the upload of records after the change of the clock",
    )


@contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk on `folder` if that is permitted; yield whether it was."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "faults", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def _filler(folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    file = folder / "filler"

    def fill() -> None:
        with file.open("wb", buffering=0) as handle:
            try:
                while True:
                    handle.write(bytes(1024))
            except OSError:
                return

    return fill, file.unlink


def _file_limit(server: Server) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return functions that stop the gateway's files from growing, and allow it again."""
    pid = server.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def limit(size: int) -> Callable[[], None]:
        return lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard)) and None

    return limit(0), limit(soft)
