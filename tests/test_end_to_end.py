"""The complete cycle on a separate stack: every part of the architecture, with real programs."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import every_use_case
import httpx
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml
from embedded_platform import ROOT, Platform, embedded_settings, eventually, running

from platform_core.contracts.inference_record import is_answer
from platform_core.parquet import read_table, write_table
from use_cases import discover, number_block, use_case

# A stack that trains every use case before its first test may take longer than other tests.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SPAM, IRIS = use_case("spam"), use_case("iris")
MAIL = SPAM.examples["spam"]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    home = tmp_path_factory.mktemp("home")
    settings = embedded_settings(home) | every_use_case.install_regression(home)
    platform = Platform(home, settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(every_use_case.INSTALLED))
        assert discover()
        with running(platform):
            yield platform
    assert discover()


@pytest.fixture(scope="module")
def served(platform: Platform) -> Platform:
    """The stack with a release of both use cases in staging and production."""
    every_use_case.train(platform, ("spam", "iris"), 1500, trials=2)
    for name in ("iris", "spam"):
        platform.done("cli", "promote", "--use-case", name)
    eventually(lambda: platform.call("GET", "/health/ready").status_code == 200)
    return platform


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_email_is_predicted_in_both_environments(served: Platform, environment: str) -> None:
    answer = served.answer("/predict", MAIL, environment)
    assert answer["email_id"] == MAIL["email_id"]
    assert answer["prediction"] in SPAM.classes
    assert answer["environment"] == environment
    assert answer["release_id"] == served.serves("spam", environment)
    assert answer["degraded"] is False


def test_a_flower_is_predicted(served: Platform) -> None:
    assert served.answer("/models/iris/predict", IRIS.examples["setosa"])["prediction"] == "setosa"


def test_the_registry_names_the_served_releases(served: Platform) -> None:
    url = served.settings["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/registered-models/alias"
    for environment in ("staging", "production"):
        found = httpx.get(url, params={"name": "spam", "alias": environment}).json()
        tags = {tag["key"]: tag["value"] for tag in found["model_version"]["tags"]}
        assert tags["release_id"] == served.serves("spam", environment)


def test_the_run_has_parameters_metrics_curves_and_data(served: Platform) -> None:
    lineage = served.call("GET", "/model/info").json()["spam"]["staging"]["lineage"]
    api = served.settings["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow"
    run = httpx.get(f"{api}/runs/get", params={"run_id": lineage["run_id"]}).json()["run"]
    metrics = {m["key"] for m in run["data"]["metrics"]}
    assert {"f1", "roc_auc", "false_positive_rate"} <= metrics
    (data,) = run["inputs"]["dataset_inputs"]
    assert data["dataset"]["digest"] == lineage["dataset_version"]
    files = httpx.get(f"{api}/artifacts/list", params={"run_id": lineage["run_id"]}).json()["files"]
    names = {file["path"] for file in files}
    assert {"confusion_matrix.svg", "roc_curve.svg", "precision_recall_curve.svg"} <= names


def test_the_contract_suite_passes(served: Platform) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, str(ROOT / "tests" / "contract")], cwd=ROOT,
        env={**os.environ, "BASE_URL": served.settings["GATEWAY_URL"]},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert "skipped" not in done.stdout.splitlines()[-1]


def test_a_local_run_has_the_steps_of_the_compiled_pipeline(served: Platform) -> None:
    served.done("cli", "compile-pipeline", "--output", str(served.home / "pipeline.yaml"))
    ir = next(yaml.safe_load_all((served.home / "pipeline.yaml").read_text()))
    tasks = ir["root"]["dag"]["tasks"]
    ended = [file.parent for file in (served.home / "runs").glob("*/timings.json")]
    assert ended
    for run in ended:
        given = json.loads((run / "arguments.json").read_text())
        assert set(given) == set(ir["root"]["inputDefinitions"]["parameters"])
        assert set(json.loads((run / "timings.json").read_text())["steps"]) == set(tasks)
        for task in tasks:
            (file,) = (run / "artifacts").glob(f"*/{task}/executor_output.json")
            made = json.loads(file.read_text())
            declared = ir["components"][f"comp-{task}"]["outputDefinitions"]
            assert set(made.get("parameterValues", ())) == set(declared.get("parameters", ())), task
            assert set(made["artifacts"]) == set(declared["artifacts"]), task
            for artifacts in made["artifacts"].values():
                (artifact,) = artifacts["artifacts"]
                assert served.store.path(artifact["uri"]), artifact


def _score(served: Platform, given: str, output: str) -> dict[str, Any]:
    body = {"input_path": given, "output_path": output}
    submitted = served.call("POST", "/batch/submit", body, "production")
    assert submitted.status_code == 202, submitted.text
    path = f"/batch/{submitted.json()['job_id']}"
    final = {"succeeded", "failed", "cancelled"}
    job = eventually(lambda: (j := served.call("GET", path).json())["status"] in final and j)
    assert job["status"] == "succeeded", job
    return job


def test_a_batch_job_scores_parquet_to_parquet(served: Platform) -> None:
    mails = SPAM.training().generate(300, seed=11).select(SPAM.record_schema.names)
    write_table(served.store, "batch/in/mails.parquet", mails)
    job = _score(served, "batch/in/mails.parquet", "batch/out/mails.parquet")
    assert (job["rows_done"], job["rows_invalid"], job["progress"]) == (300, 0, 100)
    scored = read_table(served.store, "batch/out/mails.parquet")
    assert scored["email_id"].equals(mails["email_id"])
    online = served.answer("/predict", mails.slice(0, 1).to_pylist()[0], "production")
    assert scored["probability.spam"][0].as_py() == pytest.approx(
        online["spam_probability"], abs=1e-6
    )


PIECES = (
    "fr<b></b>ee",
    "&#118;ia",
    "\u2062",
    "\u202e",
    "<style>x",
    "\x00",
    '"',
    "\\",
    "\n",
    " win ",
)


def test_a_record_has_the_same_features_however_it_is_sent(served: Platform) -> None:
    draw = random.Random(0)
    mails = [
        MAIL | {"email_id": f"odd {n}", "body": "".join(draw.choices(PIECES, k=n))}
        for n in range(20)
    ]
    answers = {m["email_id"]: served.answer("/predict", m, "production") for m in mails}
    served.call("POST", "/admin/inference-log/flush")
    logged = pa.concat_tables(
        table.select(["prediction_id", "features"])
        for blob in served.store.list("inference-logs/use_case=spam")
        for table in [read_table(served.store, blob.path)]
    )
    features = dict(zip(*logged.to_pydict().values(), strict=True))
    write_table(served.store, "batch/in/odd.parquet", pa.Table.from_pylist(mails))
    _score(served, "batch/in/odd.parquet", "batch/out/odd.parquet")
    scored = read_table(served.store, "batch/out/odd.parquet").to_pylist()
    expected = number_block(
        SPAM.features(SPAM.columns(list(map(SPAM.record.model_validate, mails))))
    )
    assert len(scored) == len(mails)
    for row, own in zip(scored, expected, strict=True):
        answer = answers[row["email_id"]]
        assert features[answer["prediction_id"]][: len(own)] == own.tolist()
        probability = pytest.approx(answer["spam_probability"], abs=1e-6)
        assert row["probability.spam"] == probability


def _send(served: Platform, records: list[dict], environment: str) -> None:
    for start in range(0, len(records), 100):
        body = {"records": records[start : start + 100]}
        served.answer("/models/spam/predict/batch-sync", body, environment)


def _report(served: Platform, start: datetime, end: datetime) -> dict[str, Any]:
    window = ["--from", start.isoformat(), "--to", end.isoformat()]
    place = ["--use-case", "spam", "--environment", "production"]
    served.done("cli", "drift", "run", *place, *window)

    def latest() -> dict[str, Any] | None:
        report = served.call("GET", "/metrics/drift").json()["spam"]["production"]
        same = report.get("end") and datetime.fromisoformat(report["end"]) == end
        return report if same else None

    return eventually(latest)


def test_drift_is_detected_and_requests_retraining(served: Platform) -> None:
    lineage = served.call("GET", "/model/info").json()["spam"]["production"]["lineage"]
    records = read_table(
        served.store, f"training-data/spam/{lineage['dataset_version']}/records.parquet"
    )
    held_out = records.filter(pc.equal(records["part"], "test")).select(SPAM.record_schema.names)
    shifted = SPAM.training().generate(400, seed=5, drift=1.0).select(SPAM.record_schema.names)
    staged = served.serves("spam", "staging")
    first = datetime.now(UTC)
    _send(served, held_out.to_pylist(), "production")
    second = datetime.now(UTC)
    same = _report(served, first, second)
    assert (same["status"], same["rows"]) == ("ok", held_out.num_rows), same
    _send(served, shifted.to_pylist(), "production")
    other = _report(served, second, datetime.now(UTC))
    assert other["status"] == "drift", other
    marker = f"drift-reports/_retrain-requests/{other['retrain_request']}"
    eventually(lambda: served.store.exists(f"{marker}.taken"))
    eventually(lambda: served.store.exists(f"{marker}.unchanged"))
    assert lineage["dataset_version"].encode() in served.store.read(f"{marker}.unchanged")
    assert served.serves("spam", "staging") == staged


def test_labels_of_live_answers_measure_quality(served: Platform) -> None:
    """The release's test rows calibrate an estimate without labels; labels then revise it."""
    flowers = IRIS.training().generate(120, seed=7)
    start = datetime.now(UTC)
    for first in (0, 60):
        rows = flowers.slice(first, 60).select(IRIS.record_schema.names).to_pylist()
        body = {"records": [{"features": list(row.values())} for row in rows]}
        answers = served.answer("/models/iris/predict/batch-sync", body, "production")
        known = flowers["species"].slice(first, 60).to_pylist()
        if first:
            continue
        labels = [
            {"prediction_id": answer["prediction_id"], "label": label}
            for answer, label in zip(answers["predictions"], known, strict=True)
        ]
    window = ["--from", start.isoformat(), "--to", datetime.now(UTC).isoformat()]
    measure = ["cli", "quality", "run", "--use-case", "iris", "--environment", "production"]

    def accuracy(revision: int) -> dict[str, Any]:
        served.done(*measure, *window)

        def latest() -> dict[str, Any] | None:
            report = served.call("GET", "/metrics/quality").json()["iris"]["production"]
            return report if report.get("revision") == revision else None

        report = eventually(latest)
        assert report["rows"] == 120
        return report["metrics"]["accuracy"]

    estimated = accuracy(1)
    assert (estimated["method"], estimated["labelled"]) == ("estimated", 0)
    assert estimated["low"] < estimated["estimate"] < estimated["high"]
    sent = served.call("POST", "/feedback", {"use_case": "iris", "labels": labels})
    assert sent.json()["accepted"] + sent.json()["pending"] == len(labels)
    served.call("POST", "/admin/inference-log/flush")
    measured = accuracy(2)
    assert measured["method"] in {"labels", "prediction-powered"}
    assert measured["labelled"] == len(labels)


def test_drift_leads_to_a_new_release_that_is_tried_and_promoted(served: Platform) -> None:
    """All links of the loop on the real path, and a bad canary. Reports about live traffic do not
    see any of it.
    """
    start = datetime.now(UTC)
    links = json.loads(served.done("cli", "drill", "--timeout", "300", "--json"))
    assert {one["status"] for one in links} == {"worked"}, links
    assert [one["link"] for one in links][-2:] == ["promotion", "rollback"]
    history = [one["change"] for one in served.call("GET", "/releases/drill").json()["history"]]
    actions = [one["action"] for one in history if one["environment"] == "production"]
    assert actions == ["abort", "canary", "promote", "canary", "shadow", "promote"]
    window = ("--from", start.isoformat(), "--to", datetime.now(UTC).isoformat())
    place = ("--use-case", "iris", "--environment", "production")
    (report,) = json.loads(served.done("cli", "drift", "run", *place, *window, "--json"))
    assert report["rows"] == 0


def test_a_window_without_traffic_is_insufficient_data(served: Platform) -> None:
    year = datetime(2020, 1, 1, tzinfo=UTC)
    served.done(
        "cli", "drift", "run", "--use-case", "iris", "--environment", "production",
        "--from", year.isoformat(), "--to", year.replace(hour=1).isoformat(),
    )  # fmt: skip
    report = eventually(
        lambda: (
            (r := served.call("GET", "/metrics/drift").json()["iris"]["production"])["status"]
            != "no-report"
            and r
        )
    )
    assert report["status"] == "insufficient-data"
    assert report["score"] is None


def test_a_killed_inference_service_restarts_and_requests_never_hang(served: Platform) -> None:
    release = served.serves("spam", "production")
    status = served.done("cli", "status")
    (line,) = (row for row in status.splitlines() if "inference-production " in row)
    pid = next(int(word) for word in line.split() if word.isdigit())
    os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        answer = served.call("POST", "/predict", MAIL, "production")
        if answer.status_code == 503:
            assert answer.headers["Retry-After"]
            return False
        return answer.json()["release_id"] == release

    eventually(back)


def test_every_answer_has_exactly_one_record(served: Platform) -> None:
    answers = [served.answer("/predict", {**MAIL, "email_id": str(n)}) for n in range(20)]
    served.call("POST", "/admin/inference-log/flush")
    kind = ["role", "purpose", "failed"]
    logged: list[str] = []
    for blob in served.store.list("inference-logs"):
        table = read_table(served.store, blob.path, columns=["prediction_id", *kind])
        # A shadow's record, and that of a canary that failed, have the id of the answer.
        answered = (row for row in table.to_pylist() if is_answer(*(row[name] for name in kind)))
        logged += (row["prediction_id"] for row in answered)
    assert len(logged) == len(set(logged))
    assert {answer["prediction_id"] for answer in answers} <= set(logged)


def test_unusable_data_changes_nothing(served: Platform) -> None:
    before = served.serves("spam", "staging")
    wrong = served.home / "wrong.csv"
    wrong.write_text("text,label\nhello,1\n")
    failed = served.run("cli", "run-pipeline", "--data", str(wrong))
    assert failed.returncode == 1
    assert "has no column body" in failed.stderr.strip().splitlines()[-1]
    assert served.serves("spam", "staging") == before


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let children receive SIGINT even if this process ignores it (`… &`)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run_leaves_no_incomplete_release_and_is_resumed(served: Platform) -> None:
    before = {blob.path for blob in served.store.list("models/iris") if "_runs" not in blob.path}
    options = ("--use-case", "iris", "--rows", "600", "--trials", "2")
    command = [sys.executable, "-m", "cli", "run-pipeline", *options]
    with subprocess.Popen(
        command, env={**os.environ, **served.settings}, cwd=served.home,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            if line.startswith("· run "):
                run = line.split()[2]
            if "train …" in line:
                os.killpg(process.pid, signal.SIGINT)
                break
        _, errors = process.communicate()
    assert process.returncode == 1
    assert "interrupted" in errors.strip().splitlines()[-1]
    after = {blob.path for blob in served.store.list("models/iris") if "_runs" not in blob.path}
    assert after == before
    resumed = served.done("cli", "resume", run).splitlines()
    begun = [line.split()[1] for line in resumed if line.endswith("…")]
    assert begun == ["train", "evaluate", "release", "stage"]
    (release,) = (line.split()[1] for line in resumed if line.startswith("  release "))
    assert served.serves("iris", "staging") == release


def test_a_corrupt_release_is_refused_and_the_old_one_keeps_serving(served: Platform) -> None:
    before = served.serves("iris", "production")
    other = served.serves("iris", "staging")
    assert other != before
    model = f"models/iris/{other}/model/iris/1/model.onnx"
    good = served.store.read(model)
    served.store.write(model, good[:-1] + b"?")
    refused = served.run("cli", "promote", "--use-case", "iris")
    assert refused.returncode == 1
    assert "corrupt" in refused.stderr.strip().splitlines()[-1]
    flower = IRIS.examples["virginica"]
    assert _answering(served, flower) == before
    served.store.write(model, good)
    served.done("cli", "promote", "--use-case", "iris")
    eventually(lambda: _answering(served, flower) == other)
    served.done("cli", "rollback", "--use-case", "iris")
    eventually(lambda: _answering(served, flower) == before)
    ledger = served.done("cli", "release", "list", "--use-case", "iris")
    assert "refused" in ledger
    assert "rollback" in ledger


def _answering(served: Platform, flower: dict[str, Any]) -> str:
    """Return the release that answers in production."""
    return served.answer("/models/iris/predict", flower, "production")["release_id"]


@pytest.fixture(scope="module")
def all_served(served: Platform) -> Platform:
    """The stack with a release of every built-in use case in staging and production."""
    every_use_case.train(served, every_use_case.NEW, 500)
    every_use_case.promote(served)
    return served


@pytest.mark.parametrize("name", every_use_case.EVERY)
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_every_use_case_is_predicted(all_served: Platform, name: str, environment: str) -> None:
    case = use_case(name)
    for record in case.examples.values():
        answer = all_served.answer(f"/models/{name}/predict", record, environment)
        if case.classes:
            assert answer["prediction"] in case.classes
        else:
            low, high = answer["interval"]
            assert low < answer["prediction"] < high
        assert answer["release_id"] == all_served.serves(name, environment)


def test_an_email_category_has_its_number_and_the_model_that_answered(all_served: Platform) -> None:
    text = {"email_text": "Your verification code is 123456, it expires in 10 minutes"}
    answer = all_served.answer("/models/email_categories/predict", text)
    lineage = all_served.call("GET", "/model/info").json()["email_categories"]["staging"]["lineage"]
    assert (answer["label"], answer["predicted_label"]) == ("Verify Code", 5)
    assert (answer["input_length"], answer["model_used"]) == (58, lineage["candidate"])


def test_every_use_case_is_scored_in_batches(all_served: Platform) -> None:
    for name, job in every_use_case.score_batches(all_served, 60).items():
        assert (job["status"], job["rows_done"], job["rows_invalid"]) == ("succeeded", 60, 0), name


def test_drift_of_every_use_case_is_detected(all_served: Platform) -> None:
    for name, report in every_use_case.drift_reports(all_served, 250).items():
        assert report["status"] == "drift", (name, report)


def test_every_use_case_rolls_back_from_an_imported_release(all_served: Platform) -> None:
    """The second release is the served graph, imported: that takes a process instead of a run."""
    names = every_use_case.NEW
    before = {name: all_served.serves(name, "production") for name in names}
    every_use_case.import_again(all_served, 600)
    every_use_case.promote(all_served)
    for name in names:
        imported = all_served.serves(name, "staging")
        assert eventually(lambda n=name, new=imported: all_served.serves(n, "production") == new)
        assert imported != before[name]
        lineage = all_served.call("GET", "/model/info").json()[name]["production"]["lineage"]
        assert lineage["imported"]["kind"] == "ONNX"
        all_served.done("cli", "rollback", "--use-case", name)
        assert eventually(lambda n=name: all_served.serves(n, "production") == before[n])
