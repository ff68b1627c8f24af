"""The tutorials and the notebook, followed on a stack that begins empty."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_platform import CONFIG, ROOT, Platform, embedded_settings, running
from tutorials import follow

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LISTED = "mlplatform release list --use-case iris"
EVIDENCE = (
    "curl -s localhost:8000/comparisons/iris/production -H 'X-API-Key: test-viewer-key'"
    " | python -m json.tool"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which this stack finds use cases that are installed while it runs."""
    return tmp_path_factory.mktemp("installed")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Platform]:
    home = tmp_path_factory.mktemp("home")
    config = home.with_name("tutorials.env")
    config.write_text(f"{CONFIG.read_text()}\nPYTHONPATH={installed}\n")
    settings = {"PLATFORM_CONFIG": str(config), "PYTHONPATH": str(installed)}
    with running(Platform(home, embedded_settings(home) | settings)) as platform:
        yield platform


@pytest.fixture(scope="module")
def first_model(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """The stack at the end of the first tutorial; the mails and the trials are fewer."""
    train = "mlplatform run-pipeline --rows 1500 --trials 2"
    instead = {"make run-pipeline": train, "source .venv/bin/activate": "true"}
    follow("first-model.md", platform, tmp_path_factory.mktemp("first-model"), instead)
    return platform


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's folder, which the two tutorials about traffic share."""
    return tmp_path_factory.mktemp("folder")


@pytest.fixture(scope="module")
def first_canary(first_model: Platform, folder: Path) -> str:
    """What the tutorial on canaries printed."""
    # A reader looks again; the test waits until all records are compared.
    complete = f"until {EVIDENCE} | grep -q '\"candidate_answers\": 1000'; do sleep 0.5; done"
    return follow("first-canary.md", first_model, folder, {EVIDENCE: complete})


def test_the_first_model_is_in_production(first_model: Platform) -> None:
    assert first_model.serves("spam", "production") == first_model.serves("spam", "staging")


def test_a_canary_answers_a_fifth_of_the_requests(first_canary: str) -> None:
    found = re.findall(r"^500 answers, (\d+) of them by a canary$", first_canary, re.MULTILINE)
    (by_canary,) = map(int, found)
    assert 50 < by_canary < 150


def test_the_canary_is_promoted_and_rolled_back(first_model: Platform, first_canary: str) -> None:
    assert first_canary.count("promote") > 1 < first_canary.count("rollback")
    assert first_model.serves("iris", "production") != first_model.serves("iris", "staging")


@pytest.mark.usefixtures("first_canary")
def test_the_loop_closes(first_model: Platform, folder: Path) -> None:
    retrained = f"until {LISTED} | grep 'retrain-'; do sleep 1; done"
    printed = follow("closing-the-loop.md", first_model, folder, {LISTED: retrained})
    assert re.search(r"^iris production .*: drift", printed, re.MULTILINE)
    assert '"predictions": 0' in printed


def test_a_use_case_made_from_a_table_is_served(
    first_model: Platform, installed: Path, tmp_path: Path
) -> None:
    """The package is put on the path of this stack instead of into the environment."""
    install = "python -m pip install --quiet --no-deps --editable leavers"
    script = ROOT / "tests" / "support" / "install_use_case.py"
    instead = {install: f"python {script} leavers {installed}"}
    printed = follow("your-first-use-case.md", first_model, tmp_path, instead)
    assert re.search(r'"prediction":"(Yes|No|yes|no)"', printed)
    assert " passed" in printed.splitlines()[-1]
    assert first_model.serves("leavers", "production") == first_model.serves("leavers", "staging")


def test_the_notebook_trains_predicts_and_measures(first_model: Platform, tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs" / "notebooks" / "first-model.ipynb", tmp_path)
    executed = tmp_path / "executed.ipynb"
    options = ("--output", executed.name, "--startup_timeout", "300")
    first_model.done("jupyter", "execute", str(tmp_path / "first-model.ipynb"), *options)
    cells = json.loads(executed.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    kinds = [kind for output in outputs for kind in output.get("data", ())]
    assert kinds.count("image/png") == 3
    reports = first_model.call("GET", "/reports?use_case=iris&kind=quality").json()["reports"]
    assert (200, 100) in {(report["rows"], report["labelled"]) for report in reports}
