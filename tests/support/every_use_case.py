"""What the end-to-end test does with every built-in use case, and with a regression that is
installed for it, on a running stack.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from embedded_platform import CONFIG, Platform, eventually

from platform_core.parquet import write_table
from platform_core.storage import release_path
from scoring.release import model_file
from use_cases import use_case

REGRESSION = "rents"
NEW = ("churn", "sentiment", "email_categories", REGRESSION)
EVERY = ("spam", "iris", *NEW)
SUPPORT = Path(__file__).parent
INSTALLED = SUPPORT / "installed_rents"


def install_regression(home: Path) -> dict[str, str]:
    """Return the settings with which all programs of a stack find the regression."""
    path = os.pathsep.join(map(str, (SUPPORT, INSTALLED)))
    config = home.with_name(f"{home.name}.env")
    config.write_text(f"{CONFIG.read_text()}\nPYTHONPATH={path}\n")
    return {"PLATFORM_CONFIG": str(config), "PYTHONPATH": path}


def train(platform: Platform, names: Sequence[str], rows: int, trials: int = 1) -> None:
    """Stage a release of each of `names`, two at a time."""

    def run(name: str) -> None:
        options = ("--use-case", name, "--rows", str(rows), "--trials", str(trials))
        platform.done("cli", "run-pipeline", *options)

    _two_at_a_time(run, names)


def import_again(platform: Platform, rows: int) -> None:
    """Stage the model that production serves of each of `NEW` as an imported release, measured on
    rows that no run has seen.
    """

    def run(name: str) -> None:
        release = release_path(name, platform.serves(name, "production"))
        model = platform.home / f"{name}.onnx"
        model.write_bytes(platform.store.read(f"{release}/{model_file(name)}"))
        unseen = platform.home / f"{name}.parquet"
        pq.write_table(use_case(name).training().generate(rows, seed=21), unseen)
        options = ("--use-case", name, "--holdout", str(unseen))
        platform.done("cli", "import-model", str(model), *options)

    _two_at_a_time(run, NEW)


def promote(platform: Platform) -> None:
    """Serve in production what staging serves of each of `NEW`."""
    for name in NEW:
        platform.done("cli", "promote", "--use-case", name)


def score_batches(platform: Platform, rows: int) -> dict[str, dict[str, Any]]:
    """Return the ended batch jobs of each of `NEW`, all of them submitted at once."""
    jobs = {}
    for name in NEW:
        case = use_case(name)
        records = case.training().generate(rows, seed=11).select(case.record_schema.names)
        write_table(platform.store, f"batch/in/{name}.parquet", records)
        body = {"use_case": name, "input_path": f"batch/in/{name}.parquet"}
        body["output_path"] = f"batch/out/{name}.parquet"
        submitted = platform.call("POST", "/batch/submit", body, "production")
        assert submitted.status_code == 202, submitted.text
        jobs[name] = submitted.json()["job_id"]
    return {name: _ended(platform, job_id) for name, job_id in jobs.items()}


def drift_reports(platform: Platform, rows: int) -> dict[str, dict[str, Any]]:
    """Return the drift report of each of `NEW` after drifted records were sent."""
    start = datetime.now(UTC)
    for name in NEW:
        case = use_case(name)
        shifted = case.training().generate(rows, 5, drift=1.0).select(case.record_schema.names)
        requests = [case.request(row) for row in shifted.to_pylist()]
        for first in range(0, len(requests), 100):
            body = {"records": requests[first : first + 100]}
            platform.answer(f"/models/{name}/predict/batch-sync", body, "production")
    window = ["--from", start.isoformat(), "--to", datetime.now(UTC).isoformat()]
    platform.done("cli", "drift", "run", *window)
    return {name: eventually(lambda n=name: _measured(platform, n)) for name in NEW}


def _two_at_a_time(run: Callable[[str], None], names: Sequence[str]) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, names))


def _ended(platform: Platform, job_id: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        job = platform.call("GET", f"/batch/{job_id}").json()
        return job if job["status"] in {"succeeded", "failed", "cancelled"} else None

    return eventually(ended)


def _measured(platform: Platform, name: str) -> dict[str, Any] | None:
    report = platform.call("GET", "/metrics/drift").json()[name]["production"]
    return report if report["status"] != "no-report" and report["rows"] else None
