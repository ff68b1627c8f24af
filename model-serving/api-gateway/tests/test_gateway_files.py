"""Files of batch jobs: uploads at once and in pieces, downloads, what is refused."""

import asyncio
import base64
import hashlib
import tracemalloc
from urllib.parse import urlsplit

import pytest

from api_gateway.batch.uploads import PART_BYTES
from platform_core.batch import BatchProgress, JobStatus
from platform_core.contracts.environments import Environment
from platform_core.storage import progress_path

DATA = bytes(range(256)) * 40
PARTS = 16
FILE = "/batch/files/mails.parquet"


def digest(data: bytes) -> dict[str, str]:
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"}


def piece(start: int, end: int, size: int = len(DATA)) -> dict[str, str]:
    return {"Content-Range": f"bytes {start}-{end - 1}/{size}"}


async def put(running, data=DATA, path=FILE, role="operator", **headers):
    return await running.ask("PUT", path, role, content=data, headers=headers)


async def get(running, path=FILE, role="operator", **headers):
    return await running.ask("GET", path, role, headers=headers)


async def begin(running, length: int, data: bytes, digest: str = ""):
    """Send the head of an upload and the start of its body; return the connection."""
    address = urlsplit(str(running.client.base_url))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    lines = [
        f"PUT {FILE} HTTP/1.1", "Host: test", "X-API-Key: an-operators-secret",
        f"Content-Length: {length}", f"Repr-Digest: {digest}", "", "",
    ]  # fmt: skip
    writer.write("\r\n".join(lines).encode() + data)
    await writer.drain()
    return reader, writer


def refused(response, status: int, code: str) -> str:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    return response.json()["detail"]


def stored(running) -> set[str]:
    return {blob.path for blob in running.store.list("batch")}


async def test_a_file_comes_back_as_it_was(running) -> None:
    response = await put(running, **digest(DATA))
    assert response.status_code == 201
    assert response.json() == {"path": "batch/mails.parquet", "size": len(DATA)}
    assert running.store.read("batch/mails.parquet") == DATA
    answer = await get(running)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["accept-ranges"] == "bytes"


async def test_an_uploaded_file_is_the_input_of_a_job(running, releases, activate) -> None:
    activate(running.store, releases["spam"], Environment.STAGING)
    path = (await put(running)).json()["path"]
    job = {"input_path": path, "output_path": "batch/out.parquet"}
    assert (await running.ask("POST", "/batch/submit", json=job)).status_code == 202


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=10000-", (10_000, len(DATA))),
        ("bytes=-5", (len(DATA) - 5, len(DATA))),
        ("bytes=-99999", (0, len(DATA))),
        ("bytes=10239-99999", (10_239, 10_240)),
    ],
)
async def test_a_range_request_returns_the_requested_bytes(running, asked, expected) -> None:
    running.store.write("batch/out.parquet", DATA)
    answer = await get(running, "/batch/files/out.parquet", Range=asked)
    start, end = expected
    assert (answer.status_code, answer.content) == (206, DATA[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(DATA)}"


async def test_ranges_that_are_ignored_or_refused(running) -> None:
    running.store.write("batch/out.parquet", DATA)
    path = "/batch/files/out.parquet"
    for ignored in ("bytes=0-1,5-6", "rows=1-2", "bytes=5-1", "bytes=x"):
        answer = await get(running, path, Range=ignored)
        assert (answer.status_code, answer.content) == (200, DATA)
    answer = await get(running, path, Range="bytes=10240-")
    refused(answer, 416, "range-not-satisfiable")
    assert answer.headers["content-range"] == "bytes */10240"


async def test_a_download_is_resumed_only_while_the_file_is_the_same(running) -> None:
    running.store.write("batch/out.parquet", DATA)
    path = "/batch/files/out.parquet"
    etag = (await get(running, path)).headers["etag"]
    resumed = {"Range": "bytes=100-", "If-Range": etag}
    assert (await get(running, path, **resumed)).content == DATA[100:]
    running.store.write("batch/out.parquet", DATA[::-1] + b"!")
    answer = await get(running, path, **resumed)
    assert (answer.status_code, answer.content) == (200, DATA[::-1] + b"!")


async def test_an_upload_in_pieces(running) -> None:
    first = await put(running, DATA[:4000], **piece(0, 4000), **digest(DATA))
    assert first.status_code == 308
    assert first.headers["range"] == "bytes=0-3999"
    assert first.json() == {"path": "batch/mails.parquet", "size": len(DATA), "received": 4000}
    refused(await get(running), 404, "blob-not-found")
    last = await put(running, DATA[4000:], **piece(4000, len(DATA)), **digest(DATA))
    assert last.status_code == 201
    assert running.store.read("batch/mails.parquet") == DATA
    assert not [path for path in stored(running) if "/parts/" in path]


async def test_an_interrupted_upload_is_resumed(running) -> None:
    """The client disappears in the middle of the body; what had arrived is kept."""
    data = DATA * (PART_BYTES // len(DATA) + 1)
    _, writer = await begin(running, len(data), data[:-5], digest(data)["Repr-Digest"])
    while not [path for path in stored(running) if "/parts/" in path]:
        await asyncio.sleep(0.001)
    writer.close()
    ask = {"Content-Range": f"bytes */{len(data)}", **digest(data)}
    answer = await put(running, b"", **ask)
    assert answer.status_code == 308
    start = answer.json()["received"]
    assert start >= PART_BYTES
    assert answer.headers["range"] == f"bytes=0-{start - 1}"
    rest = await put(running, data[start:], **piece(start, len(data), len(data)), **digest(data))
    assert rest.status_code == 201, rest.text
    assert running.store.read("batch/mails.parquet") == data
    assert (await put(running, b"", **ask)).status_code == 201


async def test_an_upload_that_is_deleted_meanwhile_stores_nothing(running) -> None:
    """Otherwise its file would count towards no quota, and no one could delete it."""
    data = DATA * (PART_BYTES // len(DATA) + 1)
    reader, writer = await begin(running, len(data), data[:-5])
    while not [path for path in stored(running) if "/parts/" in path]:
        await asyncio.sleep(0.001)
    assert (await running.ask("DELETE", FILE)).status_code == 204
    writer.write(data[-5:])
    head = await reader.readline()
    writer.close()
    assert b" 409 " in head
    assert stored(running) == set()


async def test_a_piece_must_continue_the_upload(running) -> None:
    await put(running, DATA[:4000], **piece(0, 4000))
    for start in (0, 3999, 4001):
        answer = await put(running, DATA[start:5000], **piece(start, 5000))
        assert "4000 of 10240 bytes" in refused(answer, 409, "upload-offset")
    refused(await put(running, DATA[:10], **piece(0, 10, 20)), 409, "file-taken")


async def test_a_whole_file_replaces_its_own_unfinished_upload(running) -> None:
    await put(running, b"x" * 4000, **piece(0, 4000))
    assert (await put(running)).status_code == 201
    assert running.store.read("batch/mails.parquet") == DATA


async def test_nothing_is_overwritten(running) -> None:
    assert (await put(running)).status_code == 201
    refused(await put(running), 409, "file-taken")
    refused(await put(running, b"other"), 409, "file-taken")
    running.store.write("batch/out/part-00000.parquet", b"rows")
    for path in ("out", "out/part-00000.parquet", "out/part-00000.parquet/x", "mails.parquet/x"):
        refused(await put(running, path=f"/batch/files/{path}"), 409, "file-taken")
    assert running.store.read("batch/out/part-00000.parquet") == b"rows"
    assert running.store.read("batch/mails.parquet") == DATA


async def test_repeating_a_complete_upload_is_harmless(running) -> None:
    for _ in range(2):
        assert (await put(running, **digest(DATA))).status_code == 201


async def test_a_wrong_digest_stores_nothing(running) -> None:
    refused(await put(running, **digest(b"other")), 422, "content-mismatch")
    refused(await get(running), 404, "blob-not-found")
    assert (await put(running, b"other", **piece(0, 5, 5), **digest(b"other"))).status_code == 409
    assert (await running.ask("DELETE", FILE)).status_code == 204
    assert stored(running) == set()


@pytest.mark.parametrize(
    "path",
    [
        "../models/spam/release.json",
        "%2e%2e/models/spam/release.json",
        "..%2fmodels%2fspam%2frelease.json",
        "%252e%252e/x",
        "a/../../models/x",
        "a//b",
        "/etc/passwd",
        "a\\b",
        "a%00b",
        "a%0ab",
        "",
        "_jobs/_uploads/x",
        "_jobs/00/job.json",
        "x" * 300,
        "file:///etc/passwd",
        "*.parquet",
    ],
)
async def test_paths_outside_are_refused(running, path) -> None:
    url = running.client.base_url.join("/batch/files/").copy_with(
        raw_path=f"/batch/files/{path}".encode()
    )
    before = stored(running)
    for method in ("PUT", "GET", "DELETE"):
        content = b"x" if method == "PUT" else None
        answer = await running.ask(method, url, content=content)
        # The client resolves `..` by itself, and no route has a line break.
        code = (answer.status_code, answer.json()["code"])
        assert code in {(422, "invalid-record"), (404, "path-not-found")}, (method, answer.text)
    assert stored(running) == before


async def test_a_link_out_of_the_store_is_not_followed(running, tmp_path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    running.store.write("batch/x", b"")
    (tmp_path / "blob" / "batch" / "link").symlink_to(tmp_path / "secret")
    for method in ("GET", "PUT"):
        answer = await running.ask(method, "/batch/files/link", content=b"x")
        assert answer.status_code == 422
        assert b"secret" not in answer.content
    assert (tmp_path / "secret").read_bytes() == b"secret"


async def test_file_routes_need_the_operator_role(running) -> None:
    await put(running)
    for method in ("PUT", "GET", "DELETE"):
        assert (await running.client.request(method, FILE)).status_code == 401
        assert (await running.ask(method, FILE, "viewer", content=b"x")).status_code == 403


async def test_only_its_key_or_an_admin_deletes_a_file(running) -> None:
    running.write_keys({"operator": "an-operators-secret", "admin": "an-admins-secret"})
    await put(running, role="admin")
    refused(await running.ask("DELETE", FILE), 403, "forbidden")
    assert (await running.ask("DELETE", FILE, "admin")).status_code == 204
    refused(await running.ask("DELETE", FILE, "admin"), 404, "blob-not-found")
    running.store.write("batch/out.parquet", b"an output")
    answer = await running.ask("DELETE", "/batch/files/out.parquet", "admin")
    refused(answer, 404, "blob-not-found")


async def test_a_running_jobs_files_are_left_alone(running, releases, activate) -> None:
    activate(running.store, releases["spam"], Environment.STAGING)
    await put(running)
    job = {"input_path": "batch/*.parquet", "output_path": "batch/out/answers.parquet"}
    job_id = (await running.ask("POST", "/batch/submit", json=job)).json()["job_id"]
    used = [
        "out/answers.parquet",
        "out/answers.invalid.parquet",
        "out/answers.parquet/x",
        "b.parquet",
    ]
    for path in used:
        detail = refused(await put(running, path=f"/batch/files/{path}"), 409, "file-in-use")
        assert job_id in detail
    refused(await running.ask("DELETE", FILE), 409, "file-in-use")
    ended = BatchProgress(status=JobStatus.FAILED).model_dump_json().encode()
    running.store.write(progress_path(job_id), ended)
    assert (await put(running, path="/batch/files/b.parquet")).status_code == 201
    assert (await running.ask("DELETE", FILE)).status_code == 204


async def test_a_job_does_not_write_where_a_file_is_being_uploaded(
    running, releases, activate
) -> None:
    activate(running.store, releases["spam"], Environment.STAGING)
    running.store.write("batch/in.parquet", b"rows")
    await put(running, DATA[:10], "/batch/files/out.parquet", **piece(0, 10))
    job = {"input_path": "batch/in.parquet", "output_path": "batch/out.parquet"}
    refused(await running.ask("POST", "/batch/submit", json=job), 422, "invalid-record")


async def test_a_file_has_a_size_limit(serve) -> None:
    running = await serve(batch_file_bytes=100)
    assert (await put(running, b"x" * 100)).status_code == 201
    for headers in ({}, piece(0, 101, 101), {"Content-Range": "bytes 0-100/999999"}):
        answer = await put(running, b"x" * 101, "/batch/files/b", **headers)
        assert "may have 100" in refused(answer, 413, "body-too-large")


async def test_a_key_has_a_quota(serve) -> None:
    running = await serve(batch_file_quota_bytes=1000)
    assert (await put(running, b"x" * 600)).status_code == 201
    first = await put(running, b"x" * 10, "/batch/files/b", **piece(0, 10, 400))
    assert first.status_code == 308
    answer = await put(running, b"x", "/batch/files/c")
    assert "they have 1000" in refused(answer, 507, "quota-exceeded")
    # Another key has its own; a deleted file, an unfinished one too, gives its space back.
    assert (await put(running, b"x", "/batch/files/c", "admin")).status_code == 201
    assert (await running.ask("DELETE", "/batch/files/b")).status_code == 204
    assert (await put(running, b"x" * 400, "/batch/files/d")).status_code == 201
    running.write_keys({"operator": "an-operators-secret"}, operator={"file_quota_bytes": 1100})
    assert (await put(running, b"x" * 100, "/batch/files/e")).status_code == 201
    refused(await put(running, b"x", "/batch/files/f"), 507, "quota-exceeded")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-Range": "bytes 0-9/5"}, 400, "invalid-range"),
        ({"Content-Range": "bytes 5-2/10"}, 400, "invalid-range"),
        ({"Content-Range": "bytes 0-9/*"}, 400, "invalid-range"),
        ({"Content-Range": "rows 0-9/10"}, 400, "invalid-range"),
        ({"Content-Range": "bytes 0-10/11"}, 400, "invalid-range"),
        ({"Content-Range": "bytes */10"}, 400, "invalid-range"),
        ({"Content-Range": f"bytes 0-9/1{'0' * 20}"}, 400, "invalid-range"),
        ({"Repr-Digest": "sha-256=:AAAA:"}, 400, "invalid-range"),
        ({"Repr-Digest": "sha-256=:A:"}, 400, "invalid-range"),
        ({"Repr-Digest": "sha-256=abc"}, 400, "invalid-range"),
        ({"Content-Digest": "garbage"}, 400, "invalid-range"),
        ({"Content-Encoding": "gzip"}, 415, "unsupported-media-type"),
    ],
)
async def test_malformed_uploads_are_refused(running, headers, status, code) -> None:
    refused(await put(running, b"x" * 10, **headers), status, code)
    assert stored(running) == set()


async def test_the_size_must_be_declared(running) -> None:
    async def chunks():
        yield b"x"

    refused(await put(running, chunks()), 411, "length-required")


async def test_a_body_that_stalls_is_given_up(serve) -> None:
    running = await serve(body_timeout_seconds=0.05)
    reader, writer = await begin(running, 9, b"1234")
    answer = await reader.read()
    writer.close()
    assert b" 408 " in answer.splitlines()[0]
    ask = await put(running, b"", **{"Content-Range": "bytes */9"})
    assert ask.headers["range"] == "bytes=0-3"


async def test_a_large_file_takes_little_memory(running) -> None:
    """What the gateway and its store hold does not grow with the file."""
    data = b"0123456789abcdef" * (PART_BYTES // 16) * PARTS
    await put(running, b"x", "/batch/files/first")

    async def chunks():
        for start in range(0, len(data), 1 << 20):
            yield data[start : start + (1 << 20)]

    tracemalloc.start()
    length = {"Content-Length": str(len(data))}
    assert (await put(running, chunks(), **length)).status_code == 201
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.8 * len(data)
    received = hashlib.sha256()
    headers = {"X-API-Key": "an-operators-secret"}
    async with running.client.stream("GET", FILE, headers=headers) as answer:
        async for chunk in answer.aiter_bytes():
            received.update(chunk)
    assert received.digest() == hashlib.sha256(data).digest()


async def test_a_file_that_changes_while_it_is_read_breaks_the_download(running) -> None:
    """The response ends without its last bytes instead of mixing two files."""
    running.store.write("batch/out.parquet", b"a" * (32 << 20))
    headers = {"X-API-Key": "an-operators-secret"}
    received = 0
    with pytest.raises(Exception, match="peer closed"):
        async with running.client.stream("GET", "/batch/files/out.parquet", headers=headers) as got:
            async for chunk in got.aiter_bytes():
                if not received:
                    running.store.write("batch/out.parquet", b"b" * (32 << 20))
                received += len(chunk)
                assert set(chunk) == {ord("a")}
    assert received < 32 << 20
