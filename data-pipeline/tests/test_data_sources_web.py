import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest
from data_pipeline.sources.ingestion import ingest
from data_pipeline.sources.raw import RawRecords
from platform_core.errors import InvalidData, PlatformError, UpstreamUnavailable
from use_cases import use_case

SPAM = use_case("spam")
RUN = "models/spam/_runs/web"
CSV = b"body,label\nhello,ham\nwin,spam\n"
Answer = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """A web server whose pages are functions; counts what was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.stopped = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                site.asked.append(path)
                site.pages.get(path, status(404))(self)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.stopped.set()
    site.server.shutdown()
    site.server.server_close()


def page(data: bytes, content_type: str = "text/csv", **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        given = {"Content-Type": content_type, "Content-Length": str(len(data))}
        request.send_response(200)
        for name, value in (given | {k.replace("_", "-"): v for k, v in headers.items()}).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(data)

    return answer


def status(code: int, location: str | None = None) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        if location:
            request.send_header("Location", location)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def read(store, url: str, **settings) -> list[dict]:
    limits = IngestSettings(
        **{"data_download_pause_seconds": 0, "data_download_timeout_seconds": 5} | settings
    )
    ingest(SPAM, store, RUN, IngestRequest(url), lambda _: None, limits)
    return [row for batch in RawRecords(store, RUN).batches(100) for row in batch.to_pylist()]


def refusal(store, url: str, error: type[PlatformError] = InvalidData, **settings) -> str:
    with pytest.raises(error) as caught:
        read(store, url, **settings)
    assert list(store.list(RUN)) == []
    return str(caught.value)


def test_a_file_is_fetched_and_no_secret_of_its_address_is_kept(blob_store, site: Site) -> None:
    site.pages["/mail.csv"] = page(CSV)
    rows = read(blob_store, f"http://me:passw0rd@{site.host}/mail.csv?sig=s3cret#part")
    assert [row["body"] for row in rows] == ["hello", "win"]
    assert {row["_source"] for row in rows} == {"mail.csv"}
    kept = b"".join(blob_store.read(blob.path) for blob in blob_store.list(RUN))
    assert b"s3cret" not in kept
    assert b"passw0rd" not in kept
    assert RawRecords(blob_store, RUN).summary.source == site.url("/mail.csv")


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/get", page(CSV, "text/csv; charset=utf-8")),
        ("/get", page(CSV, "application/x-ndjson", Content_Disposition='a; filename="x.csv"')),
        ("/a.csv", page(CSV, "application/octet-stream")),
        ("/get", page(b'{"body": "hello", "label": 1}\n', "application/x-ndjson")),
        ("/get", page(b"Subject: x\n\nhello", "message/rfc822")),
    ],
)
def test_the_kind_follows_from_the_name_or_the_content_type(blob_store, site, path, answer) -> None:
    site.pages[path] = answer
    assert read(blob_store, site.url(path))[0]["body"] == "hello"


def test_redirects_are_followed_five_times(blob_store, site: Site) -> None:
    for number in range(6):
        site.pages[f"/{number}"] = status(302, f"/{number + 1}")
    site.pages["/6"] = page(CSV)
    assert len(read(blob_store, site.url("/1"))) == 2
    assert "redirects more than 5 times" in refusal(blob_store, site.url("/0"))
    site.pages["/round"] = status(301, "/round")
    assert "redirects more than 5 times" in refusal(blob_store, site.url("/round"))


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/x.csv",
        "http://[::ffff:169.254.169.254]/x.csv",
        "http://2852039166/x.csv",
        "http://[fe80::1]/x.csv",
        "http://168.63.129.16/x.csv",
        "http://0.0.0.0/x.csv",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x.csv",
    ],
)
def test_a_redirect_to_a_forbidden_place_is_refused(blob_store, site: Site, target: str) -> None:
    site.pages["/x.csv"] = status(307, target)
    message = refusal(blob_store, site.url("/x.csv"))
    assert re.search("cloud metadata address|not an http or https", message)
    if target.startswith("http"):
        assert "cloud metadata address" in refusal(blob_store, target)


def test_a_page_for_people_is_no_data(blob_store, site: Site) -> None:
    html = b"<!-- hi -->\n<!DOCTYPE html><html><body>Sign in</body></html>"
    site.pages["/a.csv"] = page(html, "text/html")
    site.pages["/b.csv"] = page(html, "application/octet-stream")
    for path in ("/a.csv", "/b.csv"):
        assert "returned a web page" in refusal(blob_store, site.url(path))


def test_an_address_where_nothing_is_or_of_no_known_kind(blob_store, site: Site) -> None:
    assert "answered 404" in refusal(blob_store, site.url("/absent.csv?key=s3cret"))
    assert site.asked == ["/absent.csv"]
    site.pages["/a.docx"] = page(b"PK\x03\x04", "application/msword")
    assert "has an unknown format" in refusal(blob_store, site.url("/a.docx"))
    site.pages["/a.parquet"] = page(b"PAR1 nothing")
    assert "damaged" in refusal(blob_store, site.url("/a.parquet"))


def test_a_server_that_stumbles_is_asked_again(blob_store, site: Site) -> None:
    answers = iter([status(503), status(500), page(CSV)])

    def next_answer(request: BaseHTTPRequestHandler) -> None:
        next(answers)(request)

    site.pages["/a.csv"] = next_answer
    assert len(read(blob_store, site.url("/a.csv"))) == 2
    assert len(site.asked) == 3


def test_a_server_that_fails_every_time_is_given_up(blob_store, site: Site) -> None:
    site.pages["/a.csv"] = status(503)
    message = refusal(blob_store, site.url("/a.csv?key=s3cret"), UpstreamUnavailable)
    assert "in 3 attempts: the server returned 503" in message
    assert "s3cret" not in message
    assert len(site.asked) == 3


def test_a_body_shorter_than_promised_is_not_taken(blob_store, site: Site) -> None:
    site.pages["/a.csv"] = page(CSV, Content_Length=str(len(CSV) + 100), Connection="close")
    message = refusal(blob_store, site.url("/a.csv"), UpstreamUnavailable)
    assert "could not be fetched in 3 attempts" in message


def test_a_server_that_never_answers_is_not_waited_for(blob_store, site: Site) -> None:
    site.pages["/a.csv"] = lambda _: site.stopped.wait(30) and None
    message = refusal(
        blob_store, site.url("/a.csv"), UpstreamUnavailable,
        data_download_timeout_seconds=0.2, data_download_attempts=2,
    )  # fmt: skip
    assert "took too long" in message


def test_a_file_beyond_the_limit_is_refused_whatever_it_promises(blob_store, site: Site) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        try:
            while not site.stopped.is_set():
                request.wfile.write(b"x" * 10_000)
        except OSError:
            pass  # the other side has had enough

    site.pages["/a.csv"] = page(CSV, Content_Length="1000001")
    site.pages["/b.csv"] = endless
    for path in ("/a.csv", "/b.csv"):
        message = refusal(blob_store, site.url(path), data_download_max_bytes=1_000_000)
        assert "more than 1,000,000 bytes" in message


def test_a_machine_that_is_not_there(blob_store) -> None:
    message = refusal(blob_store, "http://127.0.0.1:1/a.csv", UpstreamUnavailable)
    assert "127.0.0.1:1/a.csv could not be fetched" in message
    assert "not an http or https" in refusal(blob_store, "http:///a.csv")
