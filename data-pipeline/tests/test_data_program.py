"""`mlplatform data-report` from end to end."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from cli.main import main
from data_pipeline.report import read_report
from data_pipeline.report.contract import Role
from platform_core.adapters.blob_store.local import LocalBlobStore
from use_cases import use_case

IRIS = use_case("iris")
NAMES = {name: f"my_{name}" for name in (*IRIS.record_schema.names, IRIS.training().label.column)}
COLUMNS = " ".join(f"{ours}={theirs}" for ours, theirs in NAMES.items())


def settings(home: Path) -> dict[str, str]:
    return {
        "BLOB_STORE_URL": f"file://{home}/blob%20store",
        "FEAST_OFFLINE_PATH": f"{home}/histories",
    }


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings(tmp_path).items():
        monkeypatch.setenv(name, value)


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Flowers under other names, with unrequested columns, one of which leaks the label."""
    table = IRIS.training().generate(600, 1)
    species = table[IRIS.training().label.column].to_pylist()
    table = table.rename_columns([NAMES[name] for name in table.column_names])
    table = table.append_column("plot", pa.array([f"field of {name}" for name in species]))
    table = table.append_column("row", pa.array(range(600)))
    csv.write_csv(table, tmp_path / "flowers.csv")
    return tmp_path / "flowers.csv"


def test_a_column_the_use_case_does_not_name_is_reported_and_never_reaches_a_model(
    ray_head, tmp_path: Path, flowers: Path
) -> None:
    environment = {
        **os.environ,
        **settings(tmp_path),
        "RAY_ADDRESS": ray_head.address,
        "RAY_DASHBOARD_URL": "http://127.0.0.1:1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(ray_head.token_path),
    }
    given = ("--use-case", "iris", "--data", str(flowers), "--columns", COLUMNS)
    # A process of its own: Ray reads its token once per process.
    done = subprocess.run(
        [sys.executable, "-m", "cli", "data-report", *given],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    page = Path(last_line(done.stdout))
    assert page.name == "report.html"
    version, store = page.parent.name, LocalBlobStore(tmp_path / "blob store")

    features = pq.read_schema(page.parent / "features.parquet").names
    assert set(IRIS.feature_schema.arrow.names) <= set(features)
    assert not {"plot", "row", "_source", "my_species"} & set(features)
    found = read_report(store, "iris", version)
    leak = {column.name: column for column in found.columns}["plot"]
    assert leak.role is Role.NONE
    assert leak.warning
    assert (leak.aucs[0].auc, leak.aucs[0].rows) == (1.0, found.manifest.rows)
    assert any("plot (1.0000" in warning for warning in found.warnings)
    assert "warning: Columns that reach no feature" in done.stdout
    assert "plot" in page.read_text()
    described = {column.name for column in found.columns if column.quantiles}
    assert described == set(IRIS.feature_schema.names)
    assert not list(store.list("models"))  # raw records are of no use any more


def test_data_that_is_mostly_broken_is_refused_with_the_reasons(
    configured, tmp_path: Path, capsys
) -> None:
    bodies = [None if i % 5 < 3 else f"mail number {i}" for i in range(400)]
    labels = ["spam" if i % 2 else "ham" for i in range(400)]
    pq.write_table(pa.table({"body": bodies, "label": labels}), tmp_path / "mails.parquet")
    assert main(["data-report", "--data", str(tmp_path / "mails.parquet")]) == 1
    reason = last_line(capsys.readouterr().err)
    assert "240 of 400 rows (60%)" in reason
    assert "body is missing (240)" in reason
    store = LocalBlobStore(tmp_path / "blob store")
    assert [*store.list("training-data"), *store.list("models")] == []


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["--use-case", "fraud"], 2, "there is no use case 'fraud'"),
        (["--columns", "body=text"], 1, "COLUMNS needs DATA"),
        (["--data", "/nowhere/absent.csv"], 1, "absent.csv"),
    ],
)
def test_the_exit_code_distinguishes_a_usage_error_from_a_failure(
    configured, capsys, arguments: list[str], code: int, reason: str
) -> None:
    assert main(["data-report", *arguments]) == code
    assert reason in last_line(capsys.readouterr().err)


def test_unreadable_arguments_are_a_usage_error(configured, capsys) -> None:
    assert main(["data-report", "--rows", "few"]) == 2
    assert "'--rows': Input should be a valid integer" in last_line(capsys.readouterr().err)


def test_settings_that_are_missing_are_named(configured, monkeypatch, capsys) -> None:
    monkeypatch.setenv("BLOB_STORE_URL", "")
    assert main(["data-report"]) == 2
    assert "BLOB_STORE_URL" in last_line(capsys.readouterr().err)
