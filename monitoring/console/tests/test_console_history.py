"""Pipeline runs, dataset versions, batch jobs and their files."""

import html
import json
import re
from datetime import timedelta

import httpx
import pytest
from console_world import HOSTILE, NOON, write_retraining

from console.reports.marks import retraining_words
from console.web.values import run_name
from platform_core.storage import dataset_path, release_path, run_path

VERSION = "0123456789abcdef"
PAGE = f"<!doctype html><title>Übersicht</title>{HOSTILE}"
CONTENT = b"PAR1\r\n--not-the-boundary\r\n" + bytes(range(256)) * 40_000


def text(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture(scope="module", autouse=True)
def history(answering) -> None:
    """Write what a failed run and a dataset version leave in the store."""
    store = answering.world.store
    failure = {"step": "train", "code": "out-of-memory", "message": HOSTILE}
    for path, document in {
        run_path("spam", "run-9", "prepare-data", "record.json"): {"seconds": 3.5},
        run_path("spam", "run-9", "failure.json"): failure,
        dataset_path("spam", VERSION, "manifest.json"): {
            "created_at": (NOON - timedelta(hours=2)).isoformat(),
            "rows": 4000,
            "test_rows": 800,
            "rows_quarantined": 3,
            "classes": {"ham": 3000, "spam": 1000},
            "warnings": [HOSTILE],
            "parents": ["f" * 16],
            "data_source": "generated",
        },
    }.items():
        store.write(path, json.dumps(document).encode())


@pytest.fixture
def operator(answering, browser):
    return browser("operator", answering.url)


def test_a_failed_run_shows_its_step_code_and_message(answering, browser):
    page = browser("viewer", answering.url).page("/runs?use_case=spam")
    shown = text(page)
    assert "run-9" in shown
    assert "1 of 6" in shown
    assert "in train : out-of-memory" in shown
    assert "<script>alert" not in page


def test_a_run_that_found_nothing_new_has_not_failed(answering, browser):
    failure = {"step": "prepare-data", "code": "data-unchanged", "message": "no new label"}
    path = run_path("spam", "run-8", "failure.json")
    answering.world.store.write(path, json.dumps(failure).encode())
    page = browser("viewer", answering.url).page("/runs/spam/run-8")
    assert '<span class="badge quiet">unchanged</span>' in page
    assert "no new label" in page
    assert ">failed</span>" not in page


def test_a_run_has_a_page_with_the_reason_of_its_retraining_request(answering, browser):
    write_retraining(answering.world.store, "r1")
    one = browser("viewer", answering.url)
    assert 'href="/runs/spam/retrain-r1"' in one.page("/runs?use_case=spam")
    page = one.page("/runs/spam/retrain-r1")
    shown = text(page)
    assert "drift of body_length" in shown
    assert "PSI 6.164" in shown
    assert "of the window until 2026-01-05 08:00:00 UTC , about aaaaaaaa in production" in shown
    assert "the data are too few" in shown
    assert "&amp;to=2026-01-05T08%3A00%3A00%2B00%3A00" in page
    assert shown.count("too few too few") > 20  # the whole message
    assert "<script>alert" not in page
    assert "no retraining request names this run" in text(one.page("/runs/spam/run-9"))
    assert one.get("/runs/spam/moon").status_code == 404
    assert one.get("/runs/moon/run-9").status_code == 404


@pytest.mark.parametrize(
    ("reason", "most", "says"),
    [
        ("drift: drift:a, missing:b", None, "drift in a, missing in b"),
        ("harm: drift:a, class-share:yes", None, "harm: drift in a, class share in yes"),
        ("drift: drift:a, drift:b, drift:c", 2, "drift in a, drift in b and 1 more"),
        ("drift of body_length", 1, "drift of body_length"),
        ("asked: by ada", None, "asked: by ada"),
    ],
)
def test_the_reason_of_a_retraining_is_in_words(reason, most, says):
    assert retraining_words(reason, most) == says


def test_a_run_says_what_its_release_does_now(answering, browser):
    store, (first, _) = answering.world.store, answering.world.releases["spam"]
    built = {"run-1": first.id, "run-2": "e" * 32}
    for run_id, release_id in built.items():
        result = json.dumps({"release_id": release_id}).encode()
        store.write(run_path("spam", run_id, "release", "result.json"), result)
        record = json.dumps({"step": "stage", "seconds": 1.0}).encode()
        store.write(run_path("spam", run_id, "stage", "record.json"), record)
    one = browser("viewer", answering.url)
    assert f"{first.id[:8]} stable in production" in text(one.page("/runs/spam/run-1"))
    assert "eeeeeeee serves nowhere now" in text(one.page("/runs/spam/run-2"))


@pytest.mark.parametrize(
    ("run_id", "shown"),
    [
        ("20260105T080000-abcdef", "20260105T080000-abcdef"),
        (f"retrain-{'ab' * 16}", "retrain-abababab"),
    ],
)
def test_the_run_of_a_retraining_has_a_short_name(run_id, shown):
    assert run_name(run_id) == shown


def test_retraining_requests_are_listed_with_their_reason_and_run(answering, browser):
    write_retraining(answering.world.store, "r2")
    one = browser("viewer", answering.url)
    page = one.page("/retraining?use_case=spam")
    assert "drift of body_length" in text(page)
    assert 'href="/runs/spam/retrain-r2"' in page
    assert "<script>alert" not in page
    assert "No retraining has been requested" in one.page("/retraining?use_case=iris")
    (link,) = set(re.findall(r'href="(/json/[^"]+)"', page))
    assert one.get(html.unescape(link)).json()["retraining"]


def test_a_dataset_version_shows_counts_and_what_is_unknown(answering, browser):
    one = browser("viewer", answering.url)
    assert VERSION in one.page("/datasets")
    page = one.page(f"/datasets/spam/{VERSION}")
    shown = text(page)
    assert "4,000" in shown
    assert "75.0 %" in shown
    assert "Duplicates left out unknown" in shown
    assert "there is no data report" in shown
    assert f'href="/datasets/spam/{"f" * 16}"' in page
    assert "<script>alert" not in page
    assert one.get("/datasets/spam/none").status_code == 404


def assert_isolated(response):
    assert (response.status_code, response.text) == (200, PAGE)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    policy = response.headers["content-security-policy"]
    assert policy.startswith(
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )


def test_a_data_report_is_linked_and_can_do_nothing(answering, browser):
    version = "a" * 16
    for name, content in {
        "manifest.json": "{}",
        "report.json": '{"columns": []}',
        "report.html": PAGE,
    }.items():
        answering.world.store.write(dataset_path("spam", version, name), content.encode())
    one = browser("viewer", answering.url)
    path = f"/datasets/spam/{version}/report"
    assert f'<a href="{path}">Data report</a>' in one.page(f"/datasets/spam/{version}")
    assert_isolated(one.get(path))
    assert f"/{VERSION}/report" not in one.page(f"/datasets/spam/{VERSION}")
    for missing in (f"/datasets/spam/{VERSION}/report", "/datasets/spam/none/report"):
        response = one.get(missing)
        assert response.status_code == 404
        assert "sandbox" not in response.headers["content-security-policy"]


def test_a_model_card_is_linked_and_can_do_nothing(answering, browser):
    first, second = (one.id for one in answering.world.releases["spam"])
    path = release_path("spam", first, "model_card.html")
    answering.world.store.write(path, PAGE.encode())
    one = browser("viewer", answering.url)
    page = one.page(f"/use-cases/spam/releases/{first}")
    link = f"/use-cases/spam/releases/{first}/card"
    assert f'<a href="{link}">Model card</a>' in page
    assert_isolated(one.get(link))
    assert one.get(f"/use-cases/spam/releases/{second}/card").status_code == 404


def test_a_stored_page_needs_a_session(answering, browser):
    stranger = httpx.get(f"{answering.url}/datasets/spam/{VERSION}/report")
    assert stranger.status_code == 303
    assert stranger.headers["location"].startswith("/sign-in")


def test_links_lead_to_the_programs_that_are_configured(browser, start_console, gateway_url):
    assert "Grafana" not in browser("viewer").page("/runs")
    given = {"console_grafana_url": "https://grafana.example/d/1"}
    with start_console(gateway_url, **given) as url:
        page = browser("viewer", url).page("/runs")
    assert '<a href="https://grafana.example/d/1" rel="noreferrer">Grafana</a>' in page
    assert "MLflow" not in page


def upload(one, name: str, content: bytes, csrf: str | None = None):
    token = one.csrf("/batch") if csrf is None else csrf
    return one.client.post("/batch/upload", data={"csrf": token}, files={"file": (name, content)})


def test_a_file_goes_in_a_job_is_submitted_and_cancelled_and_the_file_comes_out(operator):
    sent = upload(operator, "mails 1.parquet", CONTENT)
    assert sent.status_code == 303, text(sent.text)
    page = operator.page(sent.headers["location"])
    assert "batch/mails 1.parquet is stored" in text(page)
    assert 'value="batch/mails 1-answers.parquet"' in page
    assert operator.get("/batch/files/mails%201.parquet").content == CONTENT
    job = {"use_case": "spam", "environment": "production"}
    paths = {"input_path": "batch/mails 1.parquet", "output_path": "batch/out.parquet"}
    submitted = operator.post("/batch/submit", job | paths)
    assert submitted.status_code == 303, text(submitted.text)
    page = operator.page(submitted.headers["location"])
    assert "was submitted" in text(page)
    cancel = re.search(r'action="(/batch/jobs/[0-9a-f]{32}/cancel)"', page)
    assert cancel
    assert operator.post(cancel[1], {}).status_code == 303
    page = operator.page("/batch")
    assert "cancelled" in text(page)
    assert "/batch?input_path=batch%2Fmails+1.parquet&amp;use_case=spam" in page
    assert "At most 5.0 GiB" in text(page)


def test_a_name_that_is_taken_is_refused(operator):
    assert upload(operator, "same.parquet", b"one").status_code == 303
    again = upload(operator, "same.parquet", b"two")
    assert again.status_code == 409
    assert "is stored already" in text(again.text)
    assert operator.get("/batch/files/same.parquet").content == b"one"


@pytest.mark.parametrize(("name", "content"), [("", b"x"), ("empty.parquet", b"")])
def test_a_form_without_a_file_is_refused(operator, name, content):
    assert upload(operator, name, content).status_code == 422


def test_a_folder_in_the_name_of_a_file_is_ignored(operator):
    sent = upload(operator, "../../models/x.parquet", b"content")
    assert "uploaded=batch%2Fx.parquet" in sent.headers["location"]


def test_an_upload_without_the_token_is_refused(operator):
    assert upload(operator, "b.parquet", b"content", csrf="").status_code == 403
    assert operator.get("/batch/files/b.parquet").status_code == 404


def test_an_input_that_does_not_exist_is_said_next_to_the_form(operator):
    job = {"use_case": "spam", "environment": "production"}
    paths = {"input_path": "batch/none.parquet", "output_path": "batch/../x"}
    refused = operator.post("/batch/submit", job | paths)
    assert refused.status_code == 422
    assert 'value="batch/none.parquet"' in refused.text


def test_a_viewer_sees_jobs_and_does_nothing(answering, browser):
    one = browser("viewer", answering.url)
    page = one.page("/batch")
    assert "/batch/upload" not in page
    assert upload(one, "c.parquet", b"content").status_code == 403
    assert one.post("/batch/submit", {}).status_code == 403
    assert one.post(f"/batch/jobs/{'0' * 32}/cancel", {}).status_code == 403
    assert one.get("/batch/files/same.parquet").status_code == 403
