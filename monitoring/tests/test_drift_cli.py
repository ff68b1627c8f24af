"""The program: exit codes, output, the page, and the end of the loop."""

import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from platform_core.drift_reports import latest_reports
from platform_core.storage import baseline_path
from platform_core.testing.machine import child_environment
from platform_core.testing.processes import running
from use_cases import use_case

SPAN = ("--from", "2026-01-05T11:00:00Z", "--to", "2026-01-05T12:00:00Z")
LOOP = (sys.executable, "-m", "drift_detector")


@pytest.fixture
def run(mlplatform):
    """Return a function that runs a command of this group: its settings, then its arguments."""
    return lambda settings, *arguments: mlplatform(settings, "drift", *arguments)


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.mark.parametrize("drift", [0.0, 1.0])
def test_every_verdict_is_success(run, world, records_of, environment, drift):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 300, 1, drift))
    result = run(environment, "run", *SPAN, "--use-case", "iris", "--environment", "production")
    assert result.returncode == 0, result.stderr
    (report,) = latest_reports(world.store)
    assert report.verdict.value == ("drift" if drift else "ok")
    assert f"release {release}: {report.verdict}" in last_line(result.stdout)
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert "did not flush" in lines[0]["message"]
    assert "did not flush" in report.detail
    logged = [line["alarms"] for line in lines if line.get("message") == "drift alarm"]
    assert logged == ([list(report.alarms)] if drift else [])
    shown = run(environment, "show", "--use-case", "iris")
    assert "petal_length" in shown.stdout
    assert run(environment, "show", "--use-case", "spam").stdout == "no drift report yet\n"
    exposed = run(environment, "show", "--format", "prometheus")
    assert f'mlplatform_drift_rows{{environment="production",release_id="{release}"' in (
        exposed.stdout
    )


def test_no_traffic_is_reported_and_succeeds(run, world, environment):
    world.serve(world.release())
    result = run(environment, "run", *SPAN)
    assert result.returncode == 0
    assert "insufficient-data (0 rows, no score" in result.stdout


def test_nothing_to_measure_is_reported_and_succeeds(run, environment):
    result = run(environment, "run", "--revise")
    assert (result.returncode, "nothing to measure" in result.stdout) == (0, True)
    assert run(environment, "show").stdout.strip() == "no drift report yet"


def test_a_window_that_cannot_be_measured_is_a_failure(run, world, records_of, environment):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 300, 1))
    world.store.delete(baseline_path("iris", release))
    result = run(environment, "run", *SPAN)
    assert result.returncode == 1
    assert last_line(result.stderr).startswith("not measured: iris production")
    assert "is missing" in last_line(result.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--from", "2026-01-05T12:00:00Z", "--to", "2026-01-05T12:00:00Z"),
        ("run", "--from", "2026-01-05T13:00:00Z", "--to", "2026-01-05T12:00:00Z"),
        ("run", "--from", "yesterday"),
        ("run", "--use-case", "weather"),
        ("run", "--environment", "test"),
        ("report",),
    ],
)
def test_a_usage_error_exits_with_2(run, environment, arguments):
    result = run(environment, *arguments)
    assert result.returncode == 2
    assert result.stderr.strip()


def test_without_a_command_the_help_is_shown(run, environment):
    result = run(environment)
    assert result.returncode == 2
    assert "Measure one window" in result.stdout


@pytest.mark.parametrize(
    ("key", "value"), [("GATEWAY_URL", ""), ("DRIFT_PSI_DRIFT", "-1"), ("BLOB_STORE_URL", "gs://x")]
)
def test_invalid_settings_are_named(run, environment, key, value):
    result = run(environment | {key: value}, "run", *SPAN)
    assert result.returncode == 2
    assert key in last_line(result.stderr)


def test_the_page_shows_a_sample_and_explains_its_reference(world, records_of, environment):
    case = use_case("spam")
    release = world.release("spam")
    world.log(release, records_of(case, 300, 1, drift=1.0), name="spam")
    changes = {"DRIFT_PAGES": "true", "DRIFT_PAGE_ROWS": "100"}
    # A process of its own: what makes the page warns of its own imports, and here that is an error.
    result = subprocess.run(
        [sys.executable, "-m", "cli", "drift", "run", *SPAN],
        env=child_environment(environment | changes),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    (report,) = latest_reports(world.store)
    assert report.page.endswith(f"{report.report_id}.html")
    page = world.store.read(report.page).decode()
    assert "<title>Drift of spam in production</title>" in page
    assert "a sample of 100 of 300 rows" in page
    assert "drawn from the baseline" in page
    assert "capital_share" in page
    # The only verdict on the page is the report's.
    assert not re.search(r"drift\s+(is\s+)?(not\s+)?detected", page, re.IGNORECASE)
    assert f"UTC: {report.verdict}." in page


def test_the_loop_starts_and_ends_on_sigterm(environment, tmp_path):
    folder = tmp_path / "loop"
    log = folder / "server.log"

    def started() -> bool:
        return "the drift loop has started" in log.read_text()

    with running(LOOP, started, folder, environment) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    line = json.loads(log.read_text().splitlines()[0])
    due = datetime.fromisoformat(line["next"])
    assert (due.minute, due.second) == (0, 0)
    assert (
        timedelta()
        < due - datetime.fromisoformat(line["time"]).astimezone(UTC)
        <= timedelta(hours=1)
    )
