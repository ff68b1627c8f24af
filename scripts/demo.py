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

from mlplatform_client import Client, InvalidItem, MlplatformError, NotFoundError, Prediction
from mlplatform_client.models.drift import DriftInfo
from mlplatform_client.models.predictions import PredictionPassport
from mlplatform_client.models.quality import QualityInfo
from mlplatform_client.models.releases import ModelInfo
from platform_core.adapters.connect import blob_store
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.errors import PlatformError, Unavailable
from platform_core.parquet import read_table, write_table
from platform_core.ports.blob_store import BlobStore
from platform_core.settings import GatewayClientSettings, StorageSettings
from platform_core.storage import RECORDS_FILE, dataset_path, retrain_request_path
from use_cases import UseCase, use_case

WINDOW_ROWS = 2000
BATCH_ROWS = 500
LABELLED_ROWS = 60
PATIENCE_SECONDS = 600
RETRAINING_STATES = {
    ".done": "its run has ended and staged a release",
    ".unchanged": "nothing new to train on",
    ".failed": "its run failed",
    ".taken": "the scheduler is running it",
}


@dataclass
class Demo:
    """Uses the gateway, and records unexpected results."""

    case: UseCase
    patience: float = PATIENCE_SECONDS
    settings: GatewayClientSettings = field(default_factory=GatewayClientSettings)
    failures: list[str] = field(default_factory=list)
    labelled: str = ""

    @cached_property
    def store(self) -> BlobStore:
        """The blob store, for the input of the batch job."""
        return blob_store(StorageSettings())

    @cached_property
    def client(self) -> Client:
        """A client of the gateway."""
        key = self.settings.gateway_api_key.get_secret_value()
        return Client(self.settings.gateway_url, key, timeout=60)

    def served(self, environment: str) -> ModelInfo | None:
        """Return the release that an environment serves, with its metadata."""
        return self.client.releases.info()[self.case.name][environment]

    def predict(self, records: list[Any], environment: str) -> list[Prediction | InvalidItem]:
        """Return the predictions of bodies of requests, 100 at a time."""
        return self.client.predict_many(records, use_case=self.case.name, environment=environment)

    def predict_rows(self, rows: pa.Table) -> list[Prediction]:
        """Send rows as traffic of production, and return the predictions."""
        records = rows.select(self.case.record_schema.names).to_pylist()
        answers = self.predict([self.case.request(row) for row in records], "production")
        return [one for one in answers if isinstance(one, Prediction)]

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
        say(f"  {environment:<10} release {info.release_id if info else 'none'}")


def single(demo: Demo) -> None:
    """Predict the same record in both environments."""
    name, record = next(iter(demo.case.examples.items()))
    for environment in ("staging", "production"):
        answer = demo.client.predict(record, use_case=demo.case.name, environment=environment)
        likely = "" if answer.probability is None else f" with probability {answer.probability:.3f}"
        say(f"  {environment:<10} {answer.prediction}{likely} in {answer.latency_ms:.1f} ms")
        if name in demo.case.classes:  # an example need not be named after its class
            is_right = answer.prediction == name
            demo.expect(is_right, f"the example {name!r} is {name} in {environment}")
        info = demo.served(environment)
        same = info is not None and answer.release_id == info.release_id
        demo.expect(same, f"{environment} answers with the release it should serve")


def batch_sync(demo: Demo) -> None:
    """Predict several records in one request; an invalid one has an error in its place."""
    answers = demo.predict([*demo.case.examples.values(), {"nonsense": True}], "staging")
    for item in answers:
        say(f"  {item.error.code if isinstance(item, InvalidItem) else item.prediction}")
    kinds = [isinstance(item, InvalidItem) for item in answers]
    expected = [False] * (len(answers) - 1) + [True]
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
        answered = len(demo.predict_rows(records))
        report = _drift_report(demo, start, datetime.now(UTC))
        score = "no score" if report.score is None else f"largest PSI {report.score:.3f}"
        say(f"  {answered} {name}: {report.status} ({report.rows} rows, {score})")
        enough = report.status != "insufficient-data"
        demo.expect(enough, "there is enough traffic for a verdict")
        found = report.status == "drift"
        demo.expect(found is expected, f"drift is {'' if expected else 'not '}found")
    if report.retrain_request:
        state = _retraining_state(demo, report.retrain_request)
        say(f"  retraining was requested: {report.retrain_request}, {state}")


def _retraining_state(demo: Demo, request: str) -> str:
    """Return the outcome of a retraining request in words."""
    for suffix, words in RETRAINING_STATES.items():
        path = retrain_request_path(request, suffix)
        if demo.store.exists(path):
            reason = demo.store.read(path).decode()
            return f"{words}: {reason}" if reason else words
    return "waiting for the scheduler"


def labels(demo: Demo) -> None:
    """Send true labels of live predictions; the quality report is measured from them."""
    start, rows = datetime.now(UTC), demo.case.training().generate(LABELLED_ROWS, seed=3)
    answers = demo.predict_rows(rows)
    known = rows[demo.case.training().label.column].to_pylist()
    sent = [
        {"prediction_id": answer.prediction_id, "label": label}
        for answer, label in zip(answers, known, strict=True)
    ]
    taken = demo.client.feedback_many(sent, use_case=demo.case.name)
    say(f"  {taken.accepted} labels accepted, {taken.pending} wait for their record")
    demo.expect(taken.accepted + taken.pending == len(sent), "every label is stored")
    demo.labelled = answers[0].prediction_id
    report = _quality_report(demo, start, datetime.now(UTC))
    for name, metric in (report.metrics or {}).items():
        if metric.estimate is not None:
            interval = f"{metric.estimate:.3f} [{metric.low:.3f}, {metric.high:.3f}]"
            say(f"  {name:<20} {interval}, {metric.method}, {metric.labelled} labels")
    demo.expect(report.labelled == len(sent), "the report counts every label")


def passport(demo: Demo) -> None:
    """Show where a prediction comes from, and compute it again."""
    found = eventually(demo, lambda: _passport(demo), "the record of the prediction")
    say(f"  prediction {demo.labelled}: {found.record.prediction}")
    say(f"  label      {', '.join(str(one.label) for one in found.labels)}")
    say(f"  release    {found.record.release_id}")
    if found.lineage is not None:
        say(f"  trained on dataset version {found.lineage.dataset_version}")
        say(f"  pipeline   {found.lineage.pipeline_run}, git {found.lineage.git_sha or 'unknown'}")
    demo.expect(bool(found.labels), "its label is there")
    replay = found.replay
    same = replay is not None and replay.predictions == 0 and replay.problem is None
    demo.expect(same, "its release computes the same answer again")


def loop(demo: Demo) -> None:
    """Let drifted traffic with labels cause a better release automatically in the use case `drill`.

    Alarm, retraining, shadow, canary and promotion; then a bad canary is rolled back.
    """
    timeout = ("--timeout", f"{demo.patience:g}")
    done = subprocess.run([sys.executable, "-m", "cli", "drill", *timeout], check=False)
    demo.expect(done.returncode == 0, "every link of the loop works")


def _held_out(demo: Demo) -> pa.Table:
    served = demo.served("production")
    version = ((served and served.lineage) or {})["dataset_version"]
    table = read_table(demo.store, dataset_path(demo.case.name, version, RECORDS_FILE))
    return table.filter(pc.equal(table["part"], "test")).slice(0, WINDOW_ROWS)


def _shifted(demo: Demo) -> pa.Table:
    return demo.case.training().generate(WINDOW_ROWS // 2, seed=2, drift=1.0)


def _drift_report(demo: Demo, start: datetime, end: datetime) -> DriftInfo:
    _measure(demo, "drift", start, end)

    def latest() -> DriftInfo | None:
        report = demo.client.metrics.drift()[demo.case.name]["production"]
        return report if report.end == end else None

    return eventually(demo, latest, "the drift report")


def _quality_report(demo: Demo, start: datetime, end: datetime) -> QualityInfo:
    _measure(demo, "quality", start, end)

    def latest() -> QualityInfo | None:
        report = demo.client.metrics.quality()[demo.case.name]["production"]
        return report if report.end == end else None

    return eventually(demo, latest, "the quality report")


def _measure(demo: Demo, kind: str, start: datetime, end: datetime) -> None:
    command = [sys.executable, "-m", "cli", kind, "run", "--use-case", demo.case.name]
    window = ["--environment", "production", "--from", start.isoformat(), "--to", end.isoformat()]
    done = subprocess.run([*command, *window], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"the {kind} job failed: {done.stderr.strip()}")


def _passport(demo: Demo) -> PredictionPassport | None:
    try:
        return demo.client.predictions.get(demo.labelled, replay=True)
    except NotFoundError:  # its record is not indexed yet
        return None


def steps() -> Iterator[tuple[str, Callable[[Demo], None]]]:
    """Yield each step with its title."""
    yield "Health", health
    yield "Served releases", releases
    yield "One record, staging and production", single
    yield "Several records in one request", batch_sync
    yield "A batch job on Ray", batch_job
    yield "Drift", drift
    yield "Labels and quality", labels
    yield "The passport of a prediction", passport
    yield "The loop: drift, retraining, shadow, canary, promotion, a bad canary", loop


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
        began = time.monotonic()
        for number, (title, step) in enumerate(steps(), start=1):
            say(f"\n{number}. {title}")
            step(demo)
    except (PlatformError, MlplatformError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    if demo.failures:
        print(f"\nunexpected: {'; '.join(demo.failures)}", file=sys.stderr)
        return 1
    say(f"\nall results are as expected, after {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
