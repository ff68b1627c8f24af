"""Demonstrates a running stack step by step (called by demo.sh)."""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlplatform_client import Client, InvalidItem, Prediction
from mlplatform_client.models.drift import DriftInfo
from mlplatform_client.models.releases import ModelInfo
from platform_core.adapters.connect import blob_store
from platform_core.adapters.gateway import gateway_client, platform_errors
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.errors import PlatformError, Unavailable
from platform_core.parquet import read_table, write_table
from platform_core.ports.blob_store import BlobStore
from platform_core.settings import GatewayClientSettings, StorageSettings
from platform_core.storage import RECORDS_FILE, dataset_path, retrain_request_path
from use_cases import UseCase, use_case

TIMEOUT_SECONDS = 60.0
WINDOW_ROWS = 2000
BATCH_ROWS = 500
PATIENCE_SECONDS = 600
RETRAINING_STATES = {
    ".done": "its run has ended and staged a release",
    ".unchanged": "nothing new to train on",
    ".failed": "its run failed",
    ".taken": "the scheduler is running it",
}


@dataclass
class Demo:
    """A use case and the gateway; records unexpected results."""

    case: UseCase
    patience: float = PATIENCE_SECONDS
    settings: GatewayClientSettings = field(default_factory=GatewayClientSettings)
    failures: list[str] = field(default_factory=list)

    @cached_property
    def store(self) -> BlobStore:
        """The blob store, for the input of the batch job."""
        return blob_store(StorageSettings())

    @cached_property
    def client(self) -> Client:
        """A client of the gateway."""
        return gateway_client(self.settings, TIMEOUT_SECONDS)

    def served(self, environment: str) -> ModelInfo | None:
        """Return the release that an environment serves, with its metadata."""
        return self.client.releases.info(self.case.name)[self.case.name][environment]

    def send(self, records: pa.Table, environment: str) -> int:
        """Send records as traffic and return the number of predictions."""
        rows = [self.case.request(row) for row in records.to_pylist()]
        found = self.client.predict_many(rows, use_case=self.case.name, environment=environment)
        return sum(isinstance(one, Prediction) for one in found)

    def expect(self, holds: bool, what: str) -> None:
        """Print whether an expectation holds, and record it if it does not."""
        say(f"  {'ok  ' if holds else 'FAIL'} {what}")
        if not holds:
            self.failures.append(what)


def say(text: str) -> None:
    """Print a line immediately."""
    print(text, flush=True)


def eventually(demo: Demo, check: Callable[[], Any], what: str) -> Any:
    """Return the first true result of `check`; raise `Unavailable` when patience ends."""
    end = time.monotonic() + demo.patience
    while not (value := check()):
        if time.monotonic() > end:
            raise Unavailable(
                f"{what} took more than {demo.patience:g} s; wait longer with "
                f"`mlplatform demo {demo.case.name} --patience {2 * demo.patience:g}`"
            )
        time.sleep(0.5)
    return value


def health(demo: Demo) -> None:
    """Show the dependencies of the gateway."""
    report = demo.client.operations.health()
    for name, state in report.dependencies.items():
        say(f"  {name:<40} {state['status']}")
    demo.expect(report.status == "ok", "the gateway and its dependencies are healthy")


def releases(demo: Demo) -> None:
    """Show the served releases; promote staging's release if production has none."""
    if demo.served("staging") is None:
        raise Unavailable("staging serves no release yet; train one with `make run-pipeline`")
    if demo.served("production") is None:
        say("  production serves no release yet: make promote")
        promote = ["make", "promote", f"USE_CASE={demo.case.name}"]
        subprocess.run(promote, check=True)
        eventually(demo, lambda: demo.served("production"), "the promotion")
    for environment in ("staging", "production"):
        info = demo.served(environment)
        say(f"  {environment:<10} release {info and info.release_id}")


def single(demo: Demo) -> None:
    """Predict the same record in both environments."""
    name, record = next(iter(demo.case.examples.items()))
    for environment in ("staging", "production"):
        answer = demo.client.predict(record, use_case=demo.case.name, environment=environment)
        say(
            f"  {environment:<10} {answer.prediction} with probability "
            f"{answer.probability:.3f} in {answer.latency_ms:.1f} ms"
        )
        if name in demo.case.classes:  # an example need not be named after its class
            demo.expect(
                answer.prediction == name, f"the example {name!r} is {name} in {environment}"
            )
        served = demo.served(environment)
        same = served is not None and answer.release_id == served.release_id
        demo.expect(same, f"{environment} answers with the release it should serve")


def batch_sync(demo: Demo) -> None:
    """Predict several records in one request; an invalid one has an error in its place."""
    records: list[Any] = [*demo.case.examples.values(), {"nonsense": True}]
    found = demo.client.predict_many(records, use_case=demo.case.name, environment="staging")
    for item in found:
        say(f"  {item.prediction if isinstance(item, Prediction) else item.error.code}")
    kinds = [isinstance(item, InvalidItem) for item in found]
    expected = [False] * (len(records) - 1) + [True]
    demo.expect(kinds == expected, "only the invalid record has an error")


def batch_job(demo: Demo) -> None:
    """Predict a Parquet file of records with a batch job on Ray."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    source, target = f"batch/demo/{stamp}-in.parquet", f"batch/demo/{stamp}-out.parquet"
    columns = demo.case.record_schema.names
    write_table(
        demo.store, source, demo.case.training().generate(BATCH_ROWS, seed=1).select(columns)
    )
    batch = demo.client.batch
    job = batch.submit(source, target, use_case=demo.case.name, environment="production")
    say(f"  job {job.job_id} {job.status}: {source}")
    end = batch.wait(job.job_id, timeout=demo.patience)
    say(f"  {end.status}: {end.rows_done} of {end.rows_total} rows to {target}")
    demo.expect(end.status == "succeeded", "the job succeeds")
    if end.status == "succeeded":
        rows = read_table(demo.store, target).num_rows
        demo.expect(rows == BATCH_ROWS, f"every one of the {BATCH_ROWS} records has a prediction")


def drift(demo: Demo) -> None:
    """Measure drift for rows like the training data, and for shifted ones."""
    windows = (
        ("held-out rows of the release's own dataset", _held_out(demo), False),
        ("records with shifted content", _shifted(demo), True),
    )
    for name, records, expected in windows:
        start = datetime.now(UTC)
        answered = demo.send(records, "production")
        report = _drift_report(demo, start, datetime.now(UTC))
        score = "no score" if report.score is None else f"largest PSI {report.score:.3f}"
        say(f"  {answered} {name}: {report.status} ({report.rows} rows, {score})")
        demo.expect(report.status != "insufficient-data", "there is enough traffic for a verdict")
        found = report.status == "drift"
        demo.expect(found is expected, f"drift is {'' if expected else 'not '}found")
    if request := report.retrain_request:
        say(f"  retraining was requested: {request}, {_retraining_state(demo, request)}")


def _retraining_state(demo: Demo, request: str) -> str:
    """Return in words what became of a retraining request."""
    for suffix, words in RETRAINING_STATES.items():
        path = retrain_request_path(request, suffix)
        if demo.store.exists(path):
            reason = demo.store.read(path).decode()
            return f"{words}: {reason}" if reason else words
    return "waiting for the scheduler"


def _held_out(demo: Demo) -> pa.Table:
    served = demo.served("production")
    if served is None or served.lineage is None:
        raise Unavailable("the lineage of production's release cannot be read")
    path = dataset_path(demo.case.name, served.lineage["dataset_version"], RECORDS_FILE)
    table = read_table(demo.store, path)
    rows = table.filter(pc.equal(table["part"], "test")).select(demo.case.record_schema.names)
    return rows.slice(0, WINDOW_ROWS)


def _shifted(demo: Demo) -> pa.Table:
    table = demo.case.training().generate(WINDOW_ROWS // 2, seed=2, drift=1.0)
    return table.select(demo.case.record_schema.names)


def _drift_report(demo: Demo, start: datetime, end: datetime) -> DriftInfo:
    command = [sys.executable, "-m", "cli", "drift", "run", "--use-case", demo.case.name]
    window = ["--environment", "production", "--from", start.isoformat(), "--to", end.isoformat()]
    done = subprocess.run([*command, *window], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"the drift job failed: {done.stderr.strip()}")

    def latest() -> DriftInfo | None:
        report = demo.client.metrics.drift(demo.case.name)[demo.case.name]["production"]
        return report if report.end == end else None

    found: DriftInfo = eventually(demo, latest, "the drift report")
    return found


def steps() -> Iterator[tuple[str, Callable[[Demo], None]]]:
    """Yield each step with its title."""
    yield "Health", health
    yield "Served releases", releases
    yield "One record, staging and production", single
    yield "Several records in one request", batch_sync
    yield "A batch job on Ray", batch_job
    yield "Drift", drift


def main() -> int:
    """Run all steps; return 1 if a result was unexpected."""
    parser = argparse.ArgumentParser(prog="mlplatform demo", description=__doc__)
    parser.add_argument("use_case", nargs="?", default=DEFAULT_USE_CASE)
    parser.add_argument(
        "--patience", type=float, default=PATIENCE_SECONDS, help="seconds to wait for each result"
    )
    given = parser.parse_args()
    try:
        demo = Demo(use_case(given.use_case), given.patience)
        for number, (title, step) in enumerate(steps(), start=1):
            say(f"\n{number}. {title}")
            with platform_errors("the gateway did not answer as it should"):
                step(demo)
    except (PlatformError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    if demo.failures:
        print(f"\nunexpected: {'; '.join(demo.failures)}", file=sys.stderr)
        return 1
    say("\nall results are as expected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
